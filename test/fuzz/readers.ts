import { binaryReaders } from "./binary-readers.js";
import { imageReaders } from "./image-readers.js";
import type { FuzzedReader } from "./reader.js";
import { textReaders } from "./text-readers.js";

/** All that read what others have written. */
export const readers: readonly FuzzedReader[] = [...textReaders, ...binaryReaders, ...imageReaders];

export function findReader(name: string): FuzzedReader {
  const found = readers.find((reader) => reader.name === name);
  if (found) return found;
  throw new Error(`there is no reader "${name}": ${readers.map((reader) => reader.name).join(", ")}`);
}
