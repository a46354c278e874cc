import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { endOfChild } from "./child-end.js";
import { hasDebugInformation } from "./elf.js";
import { BuildError, type Report } from "./problems.js";
import { unnamedFile } from "./temporary.js";
import type { Content, Entry } from "./tree.js";

/** At the end of a signed driver (kernel: include/linux/module_signature.h): any change would break the signature. */
const signatureMark = "~Module signature appended~\n";

/**
 * The entries with debugging information taken out of ELF files, by strip(1) of binutils, which is started only for files that have any:
 * distributions' programs and drivers have none. `required`: that strip is missing is an error, else a note; `temporaryFolder`: where it works. Throws BuildError.
 */
export async function stripEntries(
  entries: readonly [string, Entry][],
  { required, temporaryFolder, report }: { required: boolean; temporaryFolder: string; report: Report },
): Promise<[string, Entry][]> {
  const result = [...entries];
  const waiting = [...entries.entries()].filter(
    ([, [, entry]]) => entry.type === "file" && isStrippable(entry.content),
  );
  const worker = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [index, [path, entry]] = next;
      if (entry.type === "file")
        result[index] = [path, { ...entry, content: await strip(path, entry.content, temporaryFolder) }];
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
  } catch (error) {
    waiting.length = 0;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const remedy = "strip is not installed: install the package binutils";
    if (required) throw new BuildError(`${remedy}, or say --nostrip`);
    report.note(`${remedy} to leave out the debugging information that some files have`);
    return [...entries];
  }
  return result;
}

function isStrippable(content: Content): boolean {
  try {
    return hasDebugInformation(Buffer.isBuffer(content) ? content : content.path) && !isSigned(content);
  } catch {
    // Damaged, or not readable, which is told where it is packed.
    return false;
  }
}

function isSigned(content: Content): boolean {
  const length = signatureMark.length;
  if (Buffer.isBuffer(content)) return content.toString("latin1", content.length - length) === signatureMark;
  const file = openSync(content.path, "r");
  try {
    const end = Buffer.alloc(length);
    readSync(file, end, 0, length, Math.max(0, fstatSync(file).size - length));
    return end.toString("latin1") === signatureMark;
  } finally {
    closeSync(file);
  }
}

async function strip(path: string, content: Content, temporaryFolder: string): Promise<Buffer> {
  const input = Buffer.isBuffer(content) ? await unnamedFile(temporaryFolder) : await open(content.path);
  try {
    if (Buffer.isBuffer(content)) await input.writeFile(content);
    return await stripInto(path, input, await unnamedFile(temporaryFolder));
  } finally {
    await input.close();
  }
}

async function stripInto(path: string, input: FileHandle, output: FileHandle): Promise<Buffer> {
  try {
    await runStrip(path, input, output);
    const { size } = await output.stat();
    return (await output.read(Buffer.alloc(size), 0, size, 0)).buffer;
  } finally {
    await output.close();
  }
}

async function runStrip(path: string, input: FileHandle, output: FileHandle): Promise<void> {
  const child = spawn("strip", ["--strip-debug", "-o", "/dev/fd/4", "/dev/fd/3"], {
    stdio: ["ignore", "ignore", "pipe", input.fd, output.fd],
  });
  try {
    await endOfChild(child, "strip");
  } catch (error) {
    const { code, message: why } = error as NodeJS.ErrnoException;
    // There is no strip: the caller knows what that means.
    if (code) throw error;
    throw new BuildError(`strip failed for /${path} of the image: ${why}: say --nostrip to leave it as it is`);
  }
}
