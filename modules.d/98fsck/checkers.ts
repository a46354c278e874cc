/** What repairs a file system, and how it is told to: by the type that libblkid finds. */
interface Checker {
  program: string;
  /** For fsck.repair=preen, yes and no. */
  repair: Readonly<Record<Repair, readonly string[]>>;
  /** Look at all of it, whether it seems clean or not. */
  force: readonly string[];
  /** A bar on the terminal, while it looks. */
  progress: readonly string[];
  /** Options of mount(8) with which a look at the file system writes nothing to it: no journal is replayed. */
  look: string;
}

/** fsck.repair=: what is safe, everything, nothing. */
export type Repair = "preen" | "yes" | "no";

/** e2fsck(8). */
const extended = (type: string, look: string): Checker => ({
  program: `fsck.${type}`,
  repair: { preen: ["-p"], yes: ["-y"], no: ["-n"] },
  force: ["-f"],
  progress: ["-C", "0"],
  look,
});

/** XFS and btrfs need none: what they replay or mend they do when they are mounted (fsck.xfs(8), fsck.btrfs(8)). */
export const checkers: Readonly<Record<string, Checker>> = {
  ext2: extended("ext2", "ro"),
  ext3: extended("ext3", "ro,noload"),
  ext4: extended("ext4", "ro,noload"),
  // fsck.fat(8): it always looks at all.
  vfat: {
    program: "fsck.vfat",
    repair: { preen: ["-a"], yes: ["-y"], no: ["-n"] },
    force: [],
    progress: [],
    look: "ro",
  },
  // fsck.f2fs(8)
  f2fs: {
    program: "fsck.f2fs",
    repair: { preen: ["-a"], yes: ["-y"], no: ["--dry-run"] },
    force: ["-f"],
    progress: [],
    look: "ro,norecovery",
  },
};
