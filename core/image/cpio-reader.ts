import { BuildError } from "../generator/problems.js";

/**
 * What an archive says of one of its files. Names and link targets are byte strings: one character of 0..255 for each byte, because a
 * name need not be UTF-8.
 */
export interface Member {
  name: string;
  /** The file's type and permissions, as st_mode of stat(2). */
  mode: number;
  uid: number;
  gid: number;
  /** Hard links of one file have inode and device in common; the last of them has the content. */
  links: number;
  inode: number;
  device: string;
  /** Seconds since 1970. */
  modified: number;
  /** Bytes. */
  size: number;
  /** Major and minor number of a device node. */
  node: readonly [number, number];
  /** Of a symbolic link. */
  target?: string;
}

/** What the reader finds, in the archive's order. `data`: a part of the content of the member before it. */
export type CpioEvent =
  | { kind: "member"; member: Member }
  | { kind: "data"; chunk: Buffer }
  /** The end of an archive; `at`: the position after it. */
  | { kind: "trailer"; at: number }
  /** Between two archives is something that begins neither with "0", as a header does, nor with NUL. Nothing follows. */
  | { kind: "foreign"; at: number };

/** Reads what archives follow one another, in pieces of any size; what it holds at a time is one header with its name. */
export interface CpioReader {
  /** Throws BuildError where the archive is damaged. */
  push(chunk: Buffer): Generator<CpioEvent>;
  /** After the last piece: throws BuildError where an archive is not complete. */
  end(): void;
}

type State = "between" | "header" | "name" | "target" | "data" | "padding" | "foreign";

/** "0", with which a header begins. */
const firstDigit = 0x30;
const headerSize = 110;
/** PATH_MAX of Linux: the kernel skips what has a longer name or target. */
const longestName = 4096;
const trailerName = "TRAILER!!!";
const typeMask = 0o170000;
const symlink = 0o120000;

export const typeOf = ({ mode }: Pick<Member, "mode">) => mode & typeMask;

/** As large as the pieces that files and pipes are read in: to compare them is faster than to look at each byte. */
const zeros = Buffer.alloc(1 << 16);

const padded = (size: number) => size + (-size & 3);

/**
 * A reader of "newc" cpio archives, with NULs before and between them (kernel: init/initramfs.c and
 * Documentation/driver-api/early-userspace/buffer-format.rst). "070702", which has checksums, is read without checking them. Messages begin
 * with `source`.
 */
export function createCpioReader(source: string): CpioReader {
  /** Position in all that was pushed, for messages. */
  let position = 0;
  let state = "between" as State;
  /** Bytes that are still to come of the present state's part. */
  let wanted = 0;
  let collected: Buffer[] = [];
  let member: Member | undefined;
  let nameSize = 0;
  let afterPadding: State = "header";

  const damaged = (at: number, why: string) => damage(source, at, why);

  function enter(next: State, size: number): void {
    state = next;
    wanted = size;
    collected = [];
  }

  function afterContent(size: number): void {
    afterPadding = "header";
    enter("padding", padded(size) - size);
  }

  function takeHeader(bytes: Buffer): void {
    ({ member, nameSize } = parseHeader(bytes, (why) => damaged(position - headerSize, why)));
    enter("name", padded(headerSize + nameSize) - headerSize);
  }

  function* takeName(bytes: Buffer): Generator<CpioEvent> {
    if (!member) return;
    if (bytes[nameSize - 1] !== 0) throw damaged(position - bytes.length, "a name does not end with NUL");
    member.name = bytes.toString("latin1", 0, bytes.indexOf(0));
    if (member.name === trailerName) {
      // What a trailer announces as its content is passed over, as the kernel does.
      afterPadding = "between";
      enter("padding", padded(member.size));
      yield { kind: "trailer", at: position };
    } else if (typeOf(member) === symlink) {
      if (member.size > longestName) throw damaged(position, "a symbolic link leads to more than 4096 bytes");
      enter("target", member.size);
    } else {
      yield { kind: "member", member };
      enter("data", member.size);
    }
  }

  function* complete(): Generator<CpioEvent> {
    const bytes = Buffer.concat(collected);
    if (state === "header") takeHeader(bytes);
    else if (state === "name") yield* takeName(bytes);
    else if (state === "padding") enter(afterPadding, afterPadding === "header" ? headerSize : 0);
    else if (member) {
      if (state === "target") yield { kind: "member", member: { ...member, target: bytes.toString("latin1") } };
      afterContent(member.size);
    }
  }

  /** Passes over NULs; the result is how many bytes were read. */
  function between(chunk: Buffer): number {
    if (chunk.length <= zeros.length && chunk.equals(zeros.subarray(0, chunk.length))) return chunk.length;
    const length = chunk.findIndex((byte) => byte !== 0);
    if (length < 0) return chunk.length;
    if (chunk[length] === firstDigit) enter("header", headerSize);
    else state = "foreign";
    return length;
  }

  return {
    *push(chunk) {
      let rest = chunk;
      while (rest.length || (state !== "between" && state !== "foreign" && wanted === 0)) {
        if (state === "foreign") return;
        if (state === "between") {
          const length = between(rest);
          position += length;
          rest = rest.subarray(length);
          if (rest.length && rest[0] !== firstDigit) yield { kind: "foreign", at: position };
          continue;
        }
        const part = rest.subarray(0, wanted);
        rest = rest.subarray(part.length);
        position += part.length;
        wanted -= part.length;
        if (state === "data") {
          if (part.length) yield { kind: "data", chunk: part };
        } else if (state !== "padding") collected.push(part);
        if (wanted === 0) yield* complete();
      }
    },
    end() {
      const isHeader = state === "header" && wanted === headerSize;
      if (state === "between" || state === "foreign" || (state === "padding" && afterPadding === "between")) return;
      if (isHeader) throw damaged(position, `it ends without its last entry, ${trailerName}`);
      throw damaged(
        position,
        member?.name
          ? `it ends within ${JSON.stringify(Buffer.from(member.name, "latin1").toString())}`
          : "it ends within an entry",
      );
    },
  };
}

function damage(source: string, position: number, why: string): BuildError {
  return new BuildError(
    `${source}: the cpio archive is damaged at its byte ${position}: ${why}; build the image again, or copy it again from where it came`,
  );
}

function parseHeader(bytes: Buffer, damaged: (why: string) => BuildError): { member: Member; nameSize: number } {
  const text = bytes.toString("latin1");
  if (text.startsWith("070707"))
    throw damaged('it has cpio\'s old format, which no kernel reads: pack with "cpio -H newc"');
  if (!/^07070[12][\da-f]{104}$/i.test(text)) throw damaged("there is no cpio header where one must be");
  const field = (index: number) => Number.parseInt(text.slice(6 + index * 8, 14 + index * 8), 16);
  const nameSize = field(11);
  if (nameSize === 0 || nameSize > longestName)
    throw damaged(`a name is ${nameSize} bytes long, where 1 to ${longestName} can be`);
  const member: Member = {
    name: "",
    inode: field(0),
    mode: field(1),
    uid: field(2),
    gid: field(3),
    links: field(4),
    modified: field(5),
    size: field(6),
    device: `${field(7)}:${field(8)}`,
    node: [field(9), field(10)],
  };
  return { member, nameSize };
}
