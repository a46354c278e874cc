import { Transform, type Writable } from "node:stream";

const carriageReturn = 0x0d;
const newline = 0x0a;

/** What a terminal makes of lines' ends ("\r\n"), undone, so that `target` gets the bytes that a program has written. */
export function unixLines(target: Writable): Writable {
  let held = Buffer.alloc(0);
  const lines = new Transform({
    transform(piece: Buffer, _encoding, done) {
      const bytes = Buffer.concat([held, piece]);
      const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
      held = bytes.subarray(end);
      const isKept = (_: number, at: number) => bytes[at] !== carriageReturn || bytes[at + 1] !== newline;
      done(null, bytes.subarray(0, end).filter(isKept));
    },
    flush: (done) => done(null, held),
  });
  lines.pipe(target);
  return lines;
}
