import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { unixLines } from "../../../core/emulator/unix-lines.js";

/** What a terminal does with a program's output (termios(3): ONLCR). */
const asTerminal = (bytes: Buffer) => Buffer.from(bytes.toString("latin1").replaceAll("\n", "\r\n"), "latin1");

test("what a program has written comes out, byte by byte, wherever its output is cut", async () => {
  const written = Buffer.from("one\n\ntwo\r\nthree\r\r\n\x00\xff\r\n\n\r", "latin1");
  const shown = asTerminal(written);
  for (let size = 1; size <= shown.length; size++) {
    const target = new PassThrough();
    const lines = unixLines(target);
    for (let at = 0; at < shown.length; at += size) lines.write(shown.subarray(at, at + size));
    lines.end();
    await once(target, "finish");
    assert.deepEqual(target.read(), written, `pieces of ${size}`);
  }
});
