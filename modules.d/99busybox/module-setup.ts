import { moduleSetup } from "firstlight/hooks";

/**
 * For the emergency shell: what Debian's busybox-static has. The module's number is the last one, not dracut's 05: what is in the image first stays, and a module that needs
 * a tool in full, as tmpfs-root needs GNU tar, is to get it.
 */
const applets = [
  ..."[ ash awk basename cat chgrp chmod chown chroot chvt clear cmp cp cut date dd df diff dirname dmesg du echo env".split(
    " ",
  ),
  ..."expr false find free grep gunzip gzip halt head hexdump hostname id ip kill less ln losetup ls lsmod lsscsi mkdir".split(
    " ",
  ),
  ..."mknod mktemp more mount mv nc od pidof ping poweroff printf ps pwd readlink realpath reboot rm rmdir".split(" "),
  ..."route sed seq sh sleep sort stat stty switch_root sync tail tar tee test top touch tr true tty umount uname uniq".split(
    " ",
  ),
  ..."vi wc wget which xargs xxd yes zcat".split(" "),
];

export default moduleSetup({
  check: (host) =>
    host.findProgram("busybox")
      ? "include"
      : { unavailable: "busybox is not installed (Debian's package: busybox-static)" },
  depends: () => ["base"],
  install(image, host) {
    const busybox = host.findProgram("busybox") ?? "busybox";
    image.program(busybox);
    for (const applet of applets) image.symlink(`/usr/bin/${applet}`, busybox);
  },
});
