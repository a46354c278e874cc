import { BuildError, reasonOf } from "../generator/problems.js";
import { type Compression, longestMagic, recognize, unpacked } from "./compression.js";
import { createCpioReader, type Member } from "./cpio-reader.js";
import { type FileWindow, openWindow } from "./file-window.js";
import { createMetadataLimit, createUnpackLimit } from "./limits.js";
import { readStaticInit } from "./static-init.js";
import { readUki } from "./uki.js";

/** One archive of an image. */
export interface Segment {
  /** "none" or the compression's name. */
  compression: string;
  /** Position in the image's file, of the compressed stream that it is in where there is one. */
  start: number;
}

/** What is in an image, in its order: segments, their members, these members' contents in parts. */
export type ImageEvent =
  | { kind: "segment"; segment: Segment }
  | { kind: "member"; member: Member }
  | { kind: "data"; chunk: Buffer };

/**
 * Reads an image, or the one in a unified kernel image or a static init, as the kernel does: any number of cpio archives, compressed or not, with NULs between them. Needs no more memory for a
 * larger one. Throws BuildError where it is damaged, or made to do harm.
 */
export async function* readImage(path: string): AsyncGenerator<ImageEvent> {
  const file = openWindow(path, readStaticInit(path) ?? readUki(path)?.initrd);
  const countMetadata = createMetadataLimit(path);
  let segments = 0;
  try {
    for await (const event of readSegments(file)) {
      if (event.kind === "segment") segments++;
      if (event.kind === "member") countMetadata(110 + event.member.name.length + (event.member.target?.length ?? 0));
      yield event;
    }
  } catch (error) {
    if (error instanceof BuildError) throw error;
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  } finally {
    file.close();
  }
  if (segments === 0) throw new BuildError(`${path} holds nothing: name an initramfs image`);
}

async function* readSegments(file: FileWindow): AsyncGenerator<ImageEvent> {
  for (let at = file.start; at < file.end; ) {
    const compression = recognize(file.upTo(at, longestMagic));
    at = compression ? yield* readCompressed(file, compression, at) : yield* readPlain(file, at);
  }
}

async function* readCompressed(
  file: FileWindow,
  compression: Compression,
  start: number,
): AsyncGenerator<ImageEvent, number> {
  const { path } = file;
  const segment = { compression: compression.name, start };
  const end = await compression.end(file, start);
  const reader = createCpioReader(`${path}, unpacked`);
  const count = createUnpackLimit(path, end - start);
  let isOpen = false;
  for await (const chunk of unpacked(path, compression, start, end)) {
    count(chunk.length);
    for (const event of reader.push(chunk)) {
      if (event.kind === "foreign")
        throw new BuildError(
          `${path}: the ${compression.name} data at byte ${start} holds something else than a cpio archive: name an initramfs image`,
        );
      if (event.kind !== "trailer" && !isOpen) yield { kind: "segment", segment };
      isOpen = event.kind !== "trailer";
      if (event.kind !== "trailer") yield event;
    }
  }
  reader.end();
  return end;
}

/** Bytes. */
const pieceSize = 1 << 16;

/** Archives one after the other; the result is where they end. */
function* readPlain(file: FileWindow, start: number): Generator<ImageEvent, number> {
  const { path } = file;
  const reader = createCpioReader(path);
  let segmentStart = start;
  let isOpen = false;
  for (let position = start; position < file.end; position += pieceSize)
    // A copy: the window is valid for a moment only.
    for (const event of reader.push(Buffer.from(file.upTo(position, pieceSize)))) {
      if (event.kind === "foreign") {
        const at = start + event.at;
        if (recognize(file.upTo(at, longestMagic))) return at;
        throw new BuildError(
          `${path}: at byte ${at} is neither a cpio archive nor any compression that a kernel knows: name an initramfs image`,
        );
      }
      if (event.kind === "trailer") {
        isOpen = false;
        segmentStart = start + event.at;
        continue;
      }
      if (!isOpen) yield { kind: "segment", segment: { compression: "none", start: segmentStart } };
      isOpen = true;
      yield event;
    }
  reader.end();
  return file.end;
}
