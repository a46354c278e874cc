import assert from "node:assert/strict";
import { ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { BuildError } from "../../core/generator/problems.js";
import { readContents } from "../../core/image/contents.js";
import { diffLines } from "../../core/image/diff.js";
import { describeImage } from "../../core/image/listing.js";
import { mapSvg } from "../../core/image/map-picture.js";
import { aboutLines, readBringers } from "../../core/image/modules.js";
import { staticInitLines } from "../../core/image/static-init.js";
import { weigh } from "../../core/image/treemap.js";
import { ukiLines } from "../../core/image/uki.js";
import { archives, archiveTokens, staticInit, unifiedImage } from "./binary-readers.js";
import type { FuzzedReader } from "./reader.js";

const scratch = mkdtempSync(join(tmpdir(), "firstlight-fuzz-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const file = join(scratch, "image");
/** Stays open: a file that is opened to be written anew is written to the disk each time. */
const handle = openSync(file, "w");

/** Whole images, and all that lsinitrd shows of them. Few are compressed: each of those starts a program. */
const imageReader: FuzzedReader = {
  name: "image",
  material: () => {
    const plain = archives().flatMap((bytes) => [bytes, unifiedImage(bytes), staticInit(bytes)]);
    const packed = plain.slice(0, 1).map((bytes) => Buffer.concat([bytes, Buffer.alloc(8), gzipSync(bytes)]));
    return { seeds: [...Array.from({ length: 150 }, () => plain).flat(), ...packed], tokens: archiveTokens };
  },
  read: async (input) => {
    writeSync(handle, input, 0, input.length, 0);
    ftruncateSync(handle, input.length);
    try {
      const contents = await readContents(file, { digests: true });
      const about = [...staticInitLines(file), ...ukiLines(file), ...aboutLines(contents)];
      const lines = [
        ...describeImage(file, input.length, contents, { about, bySize: true, now: 0 }),
        ...diffLines(contents, contents),
      ];
      for (const line of lines) assert.doesNotMatch(line, /\p{Cc}/u);
      mapSvg("x", weigh(contents, readBringers(contents)));
      return true;
    } catch (error) {
      if (error instanceof BuildError) return false;
      throw error;
    }
  },
};

export const imageReaders = [imageReader];
