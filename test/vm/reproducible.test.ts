/** Same input, same bytes. */
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { test } from "node:test";
import { buildImage } from "../support/firstlight.js";

for (const options of [["-N"], ["-N", "-a", "tmpfs-root"], ["-N", "--gzip"]]) {
  test(`two builds with ${options.join(" ")} are the same byte by byte, and for root's eyes only`, async () => {
    const first = await buildImage("reproducible-first", options);
    const second = await buildImage("reproducible-second", options);
    assert.ok((await readFile(first.file)).equals(await readFile(second.file)));
    assert.equal((await stat(first.file)).mode & 0o777, 0o600);
  });
}
