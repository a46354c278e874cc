/** Every kind of line, blanks of any kind, an identical repeat, hard links, what lies below a link. ${FILES} has busybox. */
export const everyKindList = `# a comment
dir /dev 0755 0 0
nod\t/dev/console   600 0 0 c 5 1
nod /dev/vda 0660 0 6 b 254 0
  pipe dev/initctl 0600 0 0\r
sock /dev/log 666 1 2

dir /bin 755 0 0
dir /bin 755 0 0
slink   /lib                            /lib64                          777 0 0
file /bin/busybox               \${FILES}/busybox        4755 10 20 /bin/sh   usr/bin/ls
file\t/lib/x.so\todd 644 0 0
slink /init bin/busybox 777 0 0`;

/** The list of Gentoo's "Initramfs - make your own", with the places of its files in a variable. */
export const gentooList = [
  ...["/proc\t755", "/usr        755", "/bin        755", "/sys        755", "/var        755"].map(
    (rest) => `dir ${rest} 0 0`,
  ),
  "#dir /lib        755 0 0",
  ...[
    "/lib64\t755",
    "/sbin\t755",
    "/mnt        755",
    "/mnt/root   755",
    "/etc        755",
    "/root\t700",
    "/dev        755",
  ].map((rest) => `dir ${rest} 0 0`),
  ...["null   666 0 0 c 1 3", "tty    666 0 0 c 5 0", "console        600 0 0 c 5 1"].map((rest) => `nod /dev/${rest}`),
  ...["bin/busybox", "bin/mount", "sbin/mdadm", "sbin/lvm.static"].map(
    (path) => `file /${path}               \${BINS}/${path}         755 0 0`,
  ),
  ...["vgchange", "vgscan"].map(
    (name) => `slink /sbin/${name}                    /sbin/lvm.static                777 0 0`,
  ),
  ...["bin/cat", "bin/cut", "bin/findfs", "bin/ln", "sbin/switch_root"].map(
    (path) => `slink /${path}       /bin/busybox      777 0 0`,
  ),
  "slink /lib64/libdl.so.2                 /lib64/libdl-2.33.so            777 0 0",
  "slink   /lib                            /lib64                          777 0 0",
  "slink   /lib                            /lib64                          777 0 0",
  `file    /lib/ld-linux-aarch64.so.1\t\${BINS}/lib/ld-linux-aarch64.so.1      755 0 0`,
  ...[
    "libext2fs.so.2",
    "libcom_err.so.2",
    "libpthread.so.0",
    "libblkid.so.1",
    "libuuid.so.1",
    "libe2p.so.2",
    "libc.so.6",
  ].map((name) => `file    /lib64/${name}           \${BINS}/lib64/${name}           755 0 0`),
  ...["lib64/libmount.so.1", "lib64/libdl-2.33.so", "sbin/fsck", "sbin/fsck.ext4", "init"].map(
    (path) => `file    /${path}              \${BINS}/${path}            755 0 0`,
  ),
];
