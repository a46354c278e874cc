/**
 * Disks with what is made of disks on them: arrays, volume groups, encrypted containers. They are made in a guest (layer-disks.ts), by Debian's programs.
 */
import type { FilesPart } from "../../core/schema/machine.js";
import { handoverRoot } from "./handover-root.js";

export interface LayerSet {
  /** MiB by name; a shell variable of that name has the disk's path in the guest. */
  disks: Readonly<Record<string, number>>;
  /**
   * For sh -eu, with the commands of Debian's packages and those of layer-disks.ts (root_on). It leaves all layers assembled, opened and active, as they are to be
   * described; they are taken apart after it.
   */
  script: string;
  /** An ext4 file system of a folder's files for its script, as a file: /roots and the set's name. It is made on the host, for a guest takes minutes. */
  root?: { content: () => Promise<string>; uuid: string; label: string; size: number };
  /** What opens containers, by their UUID. */
  secrets?: Readonly<Record<string, { passphrases?: string[]; keys?: string[]; detached?: true }>>;
  /** What is on file systems, by their label. Left out: the tiny root. */
  files?: Readonly<Record<string, FilesPart>>;
}

/** Mount points of a root. */
const folders: FilesPart = { "dev/": "", "proc/": "", "run/": "", "sys/": "" };

/** For scripts: a LUKS2 container with the smallest header on a device, opened; its UUID and name. */
export const container = `container() {
        echo -n "correct horse" | cryptsetup luksFormat -q --type luks2 --luks2-metadata-size 16k --luks2-keyslots-size 256k \\
          --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --uuid $2 $1 -
        echo -n "correct horse" | cryptsetup open $1 $3 -
      }`;

const sets = {
  /**
   * Arrays whose members look like what is on them, since their metadata (1.0) lies at the end: mirrors of a root, mirrors of a GPT with another root, both of
   * which tell of their arrays; and data on three disks.
   */
  arrays: {
    disks: { a: 24, b: 24, c: 24, d: 24, e: 8, f: 8, g: 8 },
    script: `
      facts() {
        mount -t ext4 $1 /mnt
        echo 'cat /proc/mdstat; sed "s/^/MAP /" /run/mdadm/map; for name in /dev/md/*; do echo "LINK $name $(readlink -f $name)"; done' >/mnt/facts.d/arrays
        umount /mnt
      }
      create() {
        name=$1
        shift
        mdadm --create /dev/md/$name --run --homehost=box --name=$name --assume-clean --bitmap=none "$@"
      }
      create root --metadata=1.0 --level=1 --raid-devices=2 --uuid=a22a0001:1c2d3e4f:50617283:94a5b6c7 $a $b
      root_on /dev/md/root a22a0001-0000-4000-8000-000000000001 raid-root
      facts /dev/md/root
      create parted --metadata=1.0 --level=1 --raid-devices=2 --uuid=a22a0002:1c2d3e4f:50617283:94a5b6c7 $c $d
      echo 'label: gpt\ntype=linux, uuid=a22a0002-0000-4000-8000-000000000002' | sfdisk -q /dev/md/parted
      part=/dev/$(basename $(readlink -f /dev/md/parted))p1
      until [ -e $part ]; do sleep 0.1; done
      root_on $part a22a0002-0000-4000-8000-000000000001 parted-root
      facts $part
      create data --level=5 --raid-devices=3 --uuid=a22a0003:1c2d3e4f:50617283:94a5b6c7 $e $f $g
      mke2fs -q -t ext4 -U a22a0003-0000-4000-8000-000000000001 /dev/md/data`,
  },
  /** The group of CentOS's installer on two physical volumes, with the archive of a root on its volume. */
  centos: {
    disks: { a: 32, b: 32 },
    script: `
      vgcreate -s 1M centos $a $b
      lvcreate -q -y -n root -l 100%FREE centos
      mkdir -p /tmp/centos/images
      tar -C /tiny -czf /tmp/centos/images/rootfs.tar.gz .
      mke2fs -q -F -t ext4 -m 0 -E lazy_itable_init=0 -L centos-root -d /tmp/centos /dev/centos/root`,
    files: { "centos-root": { "images/rootfs.tar.gz": { archive: { "sbin/init": { mode: "0755" }, ...folders } } } },
  },
  /** A root on LVM on an array of two mirrors. */
  guide: {
    disks: { a: 32, b: 32 },
    script: `
      mdadm --create /dev/md/system --run --level=1 --raid-devices=2 --assume-clean --bitmap=none --homehost=any --name=system \\
        --uuid=6d6b0009:1c2d3e4f:50617283:94a5b6c7 $a $b
      vgcreate -s 1M sys /dev/md/system
      lvcreate -q -y -n root -l 100%FREE sys
      root_on /dev/sys/root 6d6b0009-0000-4000-8000-000000000001 guide-root`,
  },
  /** A group with a thin, a cached and a mirrored root. */
  tank: {
    disks: { a: 64, b: 64, c: 64 },
    script: `
      vgcreate -s 1M tank $a $b $c
      lvcreate -q -y --type raid1 --mirrors 1 --nosync -n mirror -L 12M tank $a $b
      lvcreate -q -y --type thin-pool -n pool -L 20M tank $a
      lvcreate -q -y -V 16M -T tank/pool -n thin
      lvcreate -q -y -n cached -L 12M tank $b
      lvcreate -q -y --type cache-pool -n fast -L 8M tank $c
      lvconvert -q -y --type cache --cachepool tank/fast tank/cached
      root_on /dev/tank/mirror 1b3a0002-0000-4000-8000-000000000001 mirror-root
      root_on /dev/tank/thin 1b3a0002-0000-4000-8000-000000000002 thin-root
      root_on /dev/tank/cached 1b3a0002-0000-4000-8000-000000000003 cached-root`,
  },
  /**
   * Containers of both versions that one passphrase opens, the first one by Argon2, with a root in it; and one whose header and key are files on
   * another disk.
   */
  luks: {
    disks: { a: 48, b: 16, stick: 32, bare: 16 },
    script: `
      fast="-q --pbkdf-force-iterations 1000 --pbkdf pbkdf2"
      echo -n "open sesame" | cryptsetup luksFormat -q --type luks2 --pbkdf argon2id --pbkdf-memory 1024 --pbkdf-parallel 2 \
        --pbkdf-force-iterations 4 --uuid 10c50003-0000-4000-8000-00000000000a $a -
      echo -n "open sesame" | cryptsetup luksFormat $fast --type luks1 --uuid 10c50003-0000-4000-8000-00000000000b $b -
      mkdir -p /tmp/stick/keys /tmp/stick/headers
      echo -n "k3y of the file" >/tmp/stick/keys/bare
      cryptsetup luksFormat $fast --type luks2 --header /tmp/stick/headers/bare --uuid 10c50003-0000-4000-8000-00000000000d \
        $bare /tmp/stick/keys/bare
      mke2fs -q -t ext4 -U 10c50003-0000-4000-8000-000000000003 -L STICK -d /tmp/stick $stick
      echo -n "open sesame" | cryptsetup open $a luks-a -
      echo -n "open sesame" | cryptsetup open $b luks-b -
      cryptsetup open --header /tmp/stick/headers/bare --key-file /tmp/stick/keys/bare $bare luks-bare
      root_on /dev/mapper/luks-a 10c50003-0000-4000-8000-000000000001 luks-root
      mke2fs -q -t ext4 -U 10c50003-0000-4000-8000-000000000002 -L DATA /dev/mapper/luks-b
      mke2fs -q -t ext4 -U 10c50003-0000-4000-8000-000000000004 -L BARE /dev/mapper/luks-bare`,
    secrets: {
      "10c50003-0000-4000-8000-00000000000a": { passphrases: ["open sesame"] },
      "10c50003-0000-4000-8000-00000000000b": { passphrases: ["open sesame"] },
      "10c50003-0000-4000-8000-00000000000d": { keys: ["k3y of the file"], detached: true },
    },
    files: { STICK: { "keys/bare": "k3y of the file", "headers/bare": "LUKS" }, DATA: {}, BARE: {} },
  },
  /** btrfs on two devices, all data on both, with a subvolume that is another root. */
  btrfs: {
    disks: { a: 128, b: 128 },
    script: `
      mkfs.btrfs -q -d raid1 -m raid1 -U b7f50001-0000-4000-8000-000000000001 -L btrfs-root $a $b
      mount -t btrfs $a /mnt
      cp -a /tiny/. /mnt
      btrfs -q subvolume create /mnt/@other
      cp -a /tiny/. /mnt/@other
      echo 'echo OTHER-SUBVOLUME' >/mnt/@other/facts.d/which
      umount /mnt`,
  },
  /** A whole Debian on LVM on LUKS on an array of two mirrors. */
  handover: {
    disks: { a: 160, b: 160 },
    root: { content: handoverRoot, uuid: "1b3a0099-0000-4000-8000-000000000001", label: "handover", size: 136 },
    script: `
      mdadm --create /dev/md/system --run --level=1 --raid-devices=2 --assume-clean --bitmap=none --homehost=any --name=system \\
        --uuid=6d6b0099:1c2d3e4f:50617283:94a5b6c7 $a $b
      echo -n "hand over" | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \\
        --uuid 10c50099-0000-4000-8000-000000000001 /dev/md/system -
      echo -n "hand over" | cryptsetup open /dev/md/system opened -
      vgcreate -s 1M system /dev/mapper/opened
      lvcreate -q -y -n root -l 100%FREE system
      dd if=/roots/handover of=/dev/system/root bs=1M status=none`,
    secrets: { "10c50099-0000-4000-8000-000000000001": { passphrases: ["hand over"] } },
    files: { handover: { ...folders, "sbin/init": { mode: "0755" } } },
  },
  /** LUKS on LVM on RAID. */
  "luks-on-lvm-on-raid": {
    disks: { a: 32, b: 32 },
    script: `
      ${container}
      mdadm --create /dev/md/stack --run --level=1 --raid-devices=2 --assume-clean --bitmap=none --homehost=any --name=stack \\
        --uuid=57ac0001:00000000:00000000:00000001 $a $b
      vgcreate -s 1M stack /dev/md/stack
      lvcreate -q -y -n safe -l 100%FREE stack
      container /dev/stack/safe 57ac0001-0000-4000-8000-000000000002 stack1
      root_on /dev/mapper/stack1 57ac0001-0000-4000-8000-000000000003 stack1-root`,
    secrets: { "57ac0001-0000-4000-8000-000000000002": { passphrases: ["correct horse"] } },
  },
  /** LVM on LUKS on a partition. */
  "lvm-on-luks-on-partition": {
    disks: { a: 48 },
    script: `
      ${container}
      printf 'label: gpt\\nsize=8M, type=linux\\ntype=linux\\n' | sfdisk -q $a
      container \${a}2 57ac0002-0000-4000-8000-000000000001 stack2
      vgcreate -s 1M stack2 /dev/mapper/stack2
      lvcreate -q -y -n root -l 100%FREE stack2
      root_on /dev/stack2/root 57ac0002-0000-4000-8000-000000000002 stack2-root`,
    secrets: { "57ac0002-0000-4000-8000-000000000001": { keys: ["correct horse"] } },
  },
  /** RAID on LUKS. */
  "raid-on-luks": {
    disks: { a: 32, b: 32 },
    script: `
      ${container}
      container $a 57ac0003-0000-4000-8000-000000000001 stack3a
      container $b 57ac0003-0000-4000-8000-000000000002 stack3b
      mdadm --create /dev/md/stack3 --run --level=1 --raid-devices=2 --assume-clean --bitmap=none --homehost=any --name=stack3 \\
        --uuid=57ac0003:00000000:00000000:00000003 /dev/mapper/stack3a /dev/mapper/stack3b
      root_on /dev/md/stack3 57ac0003-0000-4000-8000-000000000004 stack3-root`,
    secrets: {
      "57ac0003-0000-4000-8000-000000000001": { keys: ["correct horse"] },
      "57ac0003-0000-4000-8000-000000000002": { keys: ["correct horse"] },
    },
  },
} as const satisfies Readonly<Record<string, LayerSet>>;

export type LayerSetName = keyof typeof sets;

export const layerSets: Readonly<Record<LayerSetName, LayerSet>> = sets;
