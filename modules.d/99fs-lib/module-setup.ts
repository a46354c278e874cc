import { moduleSetup } from "firstlight/hooks";

/** Local file systems that a root may have, and what lies on removable media. */
const fileSystems = [
  "bcachefs",
  "btrfs",
  "erofs",
  "exfat",
  "ext2",
  "ext4",
  "f2fs",
  "hfsplus",
  "isofs",
  "jfs",
  "nilfs2",
  "ntfs3",
  "reiserfs",
  "squashfs",
  "udf",
  "vfat",
  "xfs",
];

/** FAT's names, what file systems ask for by an alias, and the firmware's variables, which no device's modalias asks for. */
const helpers = [
  "efivarfs",
  "nls_ascii",
  "nls_cp437",
  "nls_iso8859_1",
  "nls_utf8",
  "crypto-crc32c",
  "crypto-crc32",
  "crypto-xxhash64",
];

export default moduleSetup({
  depends: () => ["base"],
  installkernel(image, host) {
    const wanted = host.fileSystems.length ? host.fileSystems.map((type) => `fs-${type}`) : fileSystems;
    image.drivers([...wanted, ...helpers], { always: true });
  },
});
