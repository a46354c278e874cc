import { moduleSetup } from "firstlight/hooks";

/** How archives may be compressed, and what unpacks them. */
const decompressors = { gzip: ".tar.gz", xz: ".tar.xz", zstd: ".tar.zst", lz4: ".tar.lz4", bzip2: ".tar.bz2" };

const sources = ["/dev/…", "UUID=…", "LABEL=…", "PARTUUID=…", "PARTLABEL=…"];

export default moduleSetup({
  check: () => "on-request",
  depends: (host) => ["base", "fs-lib", ...(host.kernel === undefined ? [] : ["kernel-modules"])],
  root: sources.map((source) => ({ form: `tmpfs:${source}`, matches: `^tmpfs:${source.replace("…", ".")}` })),
  parameters: {
    "rd.tmpfs.size": { schema: { type: "string", pattern: "^[0-9]+[kKmMgG%]?$" }, form: "SIZE[k|m|g|%]" },
    // A path with ".." could lead out of the volume.
    "rd.tmpfs.imgfile": {
      schema: { type: "string", pattern: "^(?!(.*/)?\\.\\.(/|$))." },
      form: "PATH (relative to the volume's top)",
    },
    // Documentation/filesystems/tmpfs.rst
    "rd.tmpfs.mpol": {
      schema: {
        type: "string",
        pattern:
          "^(default|local|(prefer|bind|interleave|weighted interleave|prefer_many)(=(static|relative))?(:[0-9,-]+)?)$",
      },
      form: "default|local|prefer:NODE|bind:NODES|interleave[:NODES]",
    },
  },
  install(image) {
    // GNU tar: busybox's knows neither xattrs nor ACLs.
    image.program("tar");
    for (const [program, ending] of Object.entries(decompressors))
      image.program(program, { optional: `${ending} archives cannot be unpacked` });
  },
  installkernel(image) {
    // The archive may lie on any of them, also on a host that has its root on another.
    image.drivers(["ext4", "xfs", "btrfs", "vfat", "isofs", "squashfs", "f2fs"], { always: true });
  },
});
