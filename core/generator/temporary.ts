import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BuildError, reasonOf } from "./problems.js";

/** A file that is being written, beside the one that it will replace. */
export interface Temporary {
  path: string;
  file: FileHandle;
}

// Random: a process of another container may have our number.
const newName = () => `.mkinitrd-${randomBytes(8).toString("hex")}`;
const namePattern = /^\.mkinitrd-[0-9a-f]{16}$/;

/**
 * Makes a temporary file in a folder, mode 0600, and locks it as long as anybody has it open: who can lock one that is there knows that
 * the build which made it is no more.
 */
export async function createTemporary(folder: string): Promise<Temporary> {
  for (;;) {
    const path = join(folder, newName());
    const file = await open(path, "wx+", 0o600);
    try {
      // Before it was locked, another build may have taken it for a dead one's.
      if ((await lock(file)) !== "held" && (await file.stat()).nlink > 0) return { path, file };
    } catch (error) {
      await Promise.all([file.close(), rm(path, { force: true })]);
      throw error;
    }
    await file.close();
  }
}

/** Removes what builds that were killed have left in a folder. Never fails: what cannot be removed stays. */
export async function sweepTemporaries(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => namePattern.test(each)))
    await sweep(join(folder, name)).catch(() => undefined);
}

async function sweep(path: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if ((await lock(file)) === "locked") await rm(path);
  } finally {
    await file.close();
  }
}

/**
 * Locks an open file through flock(1), as Node itself cannot: the lock is the open file's, and outlives the program that took it. "held":
 * somebody else has it; "unknown": there is no such program, or the file system has no locks, and nothing is ever swept there.
 */
function lock(file: FileHandle): Promise<"locked" | "held" | "unknown"> {
  return new Promise((resolve) => {
    const child = spawn("flock", ["-x", "-n", "3"], { stdio: ["ignore", "ignore", "ignore", file.fd] });
    child.on("error", () => resolve("unknown"));
    child.on("close", (status) => resolve(status === 0 ? "locked" : status === 1 ? "held" : "unknown"));
  });
}

/** A file in a folder that goes with its last user, however that ends. `choice`: how a person names another folder. Throws BuildError. */
export async function unnamedFile(folder: string, choice = "--tmpdir"): Promise<FileHandle> {
  const path = join(folder, `mkinitrd-${randomBytes(8).toString("hex")}`);
  try {
    const file = await open(path, "wx+", 0o600);
    await rm(path);
    return file;
  } catch (error) {
    throw folderProblem(folder, error, choice);
  }
}

/** A path by which other programs find such a file, as long as it is open here. */
export const nameOf = (file: FileHandle) => `/proc/${process.pid}/fd/${file.fd}`;

/** What keeps such a file from being written. */
export const folderProblem = (folder: string, error: unknown, choice = "--tmpdir") =>
  new BuildError(`${folder} cannot be written to: ${reasonOf(error)}: name another directory by ${choice}`);
