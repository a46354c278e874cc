import { BuildError } from "../../../core/generator/problems.js";
import { createCpioReader } from "../../../core/image/cpio-reader.js";

/** What a test's archive holds; all fields may be odd. Left out: a regular file of root's, of the content's size. */
export interface TestMember {
  name: string;
  mode?: number;
  content?: string | Buffer;
  fields?: Partial<Record<(typeof order)[number], number>>;
  /** Left out: one NUL. */
  nameEnd?: string;
}

const order = ["inode", "mode", "uid", "gid", "links", "modified", "size"] as const;
let inodes = 0;

/** One archive with its trailer. */
export function archive(members: readonly TestMember[]): Buffer {
  return Buffer.concat([...members, { name: "TRAILER!!!" }].map(memberBytes));
}

export function memberBytes({ name, mode = 0o100644, content = "", fields = {}, nameEnd = "\0" }: TestMember): Buffer {
  const body = Buffer.from(content);
  const defaults = { inode: ++inodes, mode, uid: 0, gid: 0, links: 1, modified: 1_600_000_000, size: body.length };
  const title = Buffer.from(name + nameEnd);
  const values = { ...defaults, ...fields };
  const numbers = [...order.map((field) => values[field]), 0, 0, 5, 1, title.length, 0];
  const head = `070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`;
  const pad = (length: number) => Buffer.alloc(-length & 3);
  return Buffer.concat([Buffer.from(head), title, pad(head.length + title.length), body, pad(body.length)]);
}

export const link = (name: string, target: string): TestMember => ({ name, mode: 0o120777, content: target });
export const folder = (name: string, mode = 0o40755): TestMember => ({ name, mode });

/** What a reader tells of bytes that come in pieces of these sizes, contents joined; where it refuses them, the last line is its complaint. */
export function readIn(bytes: Buffer, pieceSize: (at: number) => number): { told: string[]; isRefused: boolean } {
  const told: string[] = [];
  const reader = createCpioReader("x");
  let data = 0;
  const flush = () => {
    if (data) told.push(`data ${data}`);
    data = 0;
  };
  try {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + pieceSize(at));
      at += piece.length;
      for (const event of reader.push(piece)) {
        if (event.kind === "data") data += event.chunk.length;
        else {
          flush();
          told.push(JSON.stringify(event));
        }
      }
    }
    reader.end();
    flush();
    return { told, isRefused: false };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    flush();
    return { told: [...told, error.message], isRefused: true };
  }
}
