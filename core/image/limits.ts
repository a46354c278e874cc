import { BuildError } from "../generator/problems.js";

/** Below this no image is suspected, whatever it was compressed to. */
const harmlessSize = 1 << 30;
/** Real images unpack to 2 to 5 times their size. */
const largestRatio = 250;
/** Of names, targets and headers: they are in memory at once. Enough for a million files. */
const mostMetadata = 128 << 20;

/** Counts what comes out of compressed data; throws BuildError where it was made to fill memory and disks. */
export function createUnpackLimit(path: string, packedSize: number): (bytes: number) => void {
  let total = 0;
  return (bytes) => {
    total += bytes;
    if (total > harmlessSize && total > packedSize * largestRatio)
      throw new BuildError(
        `${path} unpacks ${packedSize} bytes to more than ${largestRatio} times as many, as no real image does: do not use it, unless you know who made it and why`,
      );
  };
}

/** Counts what is kept of an image's members; throws BuildError where that is too much. */
export function createMetadataLimit(path: string): (bytes: number) => void {
  let total = 0;
  return (bytes) => {
    total += bytes;
    if (total > mostMetadata)
      throw new BuildError(
        `${path} names more than a million files, as no real image does: do not use it, unless you know who made it and why`,
      );
  };
}
