import { spawn } from "node:child_process";
import { accessSync, constants, readlinkSync, realpathSync, statSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { endOfChild } from "./child-end.js";
import type { CompressorCommand } from "./compressor.js";
import { makeUki, type Uki } from "./make-uki.js";
import { BuildError, reasonOf } from "./problems.js";
import { createTemporary, folderProblem, sweepTemporaries, type Temporary, unnamedFile } from "./temporary.js";

/**
 * Before the work begins: may the image be written? The result is the path of the file to replace, links followed: what a link leads to
 * is replaced, not the link. Throws BuildError.
 */
export function locateTarget(path: string, force: boolean): string {
  const target = followLinks(path);
  const old = statsOf(target);
  if (old && !old.isFile()) throw new BuildError(`${path} is not a regular file: name another file`);
  if (old && !force) throw new BuildError(`${path} exists: overwrite it with -f, or name another file`);
  try {
    accessSync(dirname(target), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new BuildError(`${dirname(target)} cannot be written to: ${reasonOf(error)}`);
  }
  return target;
}

const mostLinks = 40;

/** Where the links of a path's last part lead, to something or not. */
function followLinks(path: string, links = 0): string {
  let target: string;
  try {
    target = readlinkSync(path);
  } catch {
    return path;
  }
  if (links === mostLinks) throw new BuildError(`${path}: too many symbolic links: name another file`);
  return followLinks(resolve(realpathSync(dirname(path)), target), links + 1);
}

function statsOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new BuildError(`${path} cannot be written to: ${reasonOf(error)}`);
  }
}

/** What an image file consists of. */
export interface ImageParts {
  /** Comes first, and is not compressed. */
  early: AsyncIterable<Buffer> | Iterable<Buffer>;
  chunks: AsyncIterable<Buffer>;
  /** undefined: the chunks are not compressed either. */
  command: CompressorCommand | undefined;
}

/**
 * Writes an image, or a unified kernel image of it, beside its target, through the compressor, syncs it and gives it its name; whatever
 * fails, the old image stays and nothing else is left behind: not even by a build before that was killed. `approval`: the old image stays,
 * too, where that is rejected. Mode 0600 where no other is asked for: an image may hold keys. Result: its size in bytes. Throws BuildError, or the signal's reason.
 */
export async function writeImage(
  target: string,
  parts: ImageParts,
  signal: AbortSignal,
  { uki, approval, mode }: { uki?: Uki | undefined; approval?: Promise<void> | undefined; mode?: number } = {},
): Promise<number> {
  await sweepTemporaries(dirname(target));
  return replaceFile(target, signal, async ({ path, file }) => {
    if (uki) await writeUki(uki, path, parts, signal);
    else await writeParts(file, parts, signal);
    if (mode !== undefined) await file.chmod(mode);
    await approval;
  });
}

async function writeUki(uki: Uki, path: string, parts: ImageParts, signal: AbortSignal): Promise<void> {
  const initrd = await unnamedFile(uki.temporaryFolder);
  try {
    await writeParts(initrd, parts, signal).catch((error: unknown) => {
      throw error instanceof BuildError ? error : folderProblem(uki.temporaryFolder, error);
    });
    await makeUki(uki, initrd, path, signal);
  } finally {
    await initrd.close();
  }
}

async function writeParts(
  file: FileHandle,
  { early, chunks, command }: ImageParts,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of early) await writeAll(file, chunk, signal);
  if (command) await compress(command, chunks, file, signal);
  else for await (const chunk of chunks) await writeAll(file, chunk, signal);
}

/** Writes a small file in the same way. */
export async function writeWhole(target: string, bytes: Buffer): Promise<void> {
  const never = new AbortController().signal;
  await replaceFile(target, never, ({ file }) => writeAll(file, bytes, never));
}

/** The same of a text. */
export const writeText = (target: string, text: string) => writeWhole(target, Buffer.from(text));

async function replaceFile(
  target: string,
  signal: AbortSignal,
  fill: (temporary: Temporary) => Promise<void>,
): Promise<number> {
  let temporary: Temporary | undefined;
  try {
    signal.throwIfAborted();
    temporary = await createTemporary(dirname(target));
    const { path, file } = temporary;
    await fill(temporary);
    const size = await syncFile(path);
    signal.throwIfAborted();
    await rename(path, target);
    temporary = undefined;
    await file.close();
    await syncFolder(dirname(target));
    return size;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof BuildError) throw error;
    throw new BuildError(`${target} cannot be written, and is as it was: ${reasonOf(error)}`);
  } finally {
    await temporary?.file.close();
    if (temporary) await rm(temporary.path, { force: true });
  }
}

/** By its name: a tool that writes to it may have put another file in its place. Result: its size in bytes. */
async function syncFile(path: string): Promise<number> {
  const file = await open(path, "r");
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** A new name is on the disk only once its directory is. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    throw new BuildError(`the new image is in place, but ${path} cannot be synced to the disk: ${reasonOf(error)}`);
  }
}

async function writeAll(file: FileHandle, chunk: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (let written = 0; written < chunk.length; )
    written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
}

/** The compressor writes into the file by itself: nothing passes through this process twice. */
async function compress(
  command: CompressorCommand,
  chunks: AsyncIterable<Buffer>,
  file: FileHandle,
  signal: AbortSignal,
): Promise<void> {
  const { size: start } = await file.stat();
  const child = spawn(command.program, command.parameters, { stdio: ["pipe", file.fd, "pipe"] });
  const [ended, fed] = await Promise.allSettled([
    endOfChild(child, command.program),
    pipeline(chunks, child.stdin as Writable, { signal }),
  ]);
  // A compressor that ends early breaks the pipe: its own message says more than that.
  if (ended.status === "rejected") throw ended.reason;
  if (fed.status === "rejected") throw fed.reason;
  await command.settle?.(file, start);
}
