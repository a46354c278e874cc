import { type Boot, BootError, errnoOf } from "firstlight/hooks";

/** How an archive is compressed, told by its first bytes. Bytes above 0x7f are escaped as core/abi says. */
interface Format {
  name: string;
  magic: string;
  /** Decompresses standard input to standard output. */
  command: string[];
}

const formats: Format[] = [
  { name: "gzip", magic: "\x1f\udc8b", command: ["gzip", "-dc"] },
  { name: "xz", magic: "\udcfd7zXZ\0", command: ["xz", "-dcq"] },
  // --long=31: whatever window the archive was made with.
  { name: "zstd", magic: "(\udcb5/\udcfd", command: ["zstd", "-dcq", "--long=31"] },
  { name: "lz4", magic: '\x04"M\x18', command: ["lz4", "-dcq"] },
  { name: "bzip2", magic: "BZh", command: ["bzip2", "-dc"] },
];

export interface Archive {
  /** Where it lies now. */
  path: string;
  /** Bytes. */
  size: number;
  /** undefined: a plain tar archive. */
  format: Format | undefined;
}

/** Looked for at the volume's top, in this order, where rd.tmpfs.imgfile is not given. */
const usualNames = ["zst", "xz", "gz"].map((end) => `rootfs.tar.${end}`);
usualNames.push("rootfs.tgz", "rootfs.tar.lz4", "rootfs.tar.bz2", "rootfs.tar");

async function isFile({ job }: Boot, path: string): Promise<boolean> {
  try {
    return (await job("statFile", { path })).type === "file";
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "")) return false;
    throw error;
  }
}

/** The archive on the volume mounted at `folder`. Throws a BootError if there is none, or if the image cannot read its compression. */
export async function findArchive(boot: Boot, folder: string): Promise<Archive> {
  const wanted = boot.parameters.text("rd.tmpfs.imgfile")?.replace(/^\/+/, "");
  let name = wanted;
  if (name === undefined) {
    for (const usual of usualNames) {
      if (await isFile(boot, `${folder}/${usual}`)) {
        name = usual;
        boot.log.info(`rd.tmpfs.imgfile is not given: taking ${name}`);
        break;
      }
    }
  }
  if (name === undefined || !(await isFile(boot, `${folder}/${name}`)))
    throw new BootError(
      wanted === undefined
        ? `the source volume has none of ${usualNames.join(", ")} at its top`
        : `the archive ${wanted} is not on the source volume`,
      "Name the archive by rd.tmpfs.imgfile=PATH, relative to the volume's top, and check that root=tmpfs: names the right volume.",
    );
  const path = `${folder}/${name}`;
  const { data, size } = await boot.job("readFile", { path, offset: 0, length: 8 });
  const format = formats.find(({ magic }) => data.startsWith(magic));
  const program = format?.command[0];
  if (program && !boot.programs.exists(program))
    throw new BootError(
      `${name} is compressed with ${format.name}, and the image has no ${program}`,
      `Install ${program} on the build host and rebuild the image, or pack the archive with another compression.`,
    );
  return { path, size, format };
}
