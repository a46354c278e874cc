import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuildError, reasonOf } from "../generator/problems.js";

/** A folder for what nobody needs after this process. */
export interface PassingFolder {
  path: string;
  /** Removes it now. */
  remove(): Promise<void>;
}

/** Removes $1, and all whose names begin with $2, once its input ends: when the process at the other end does, in whatever way. */
const caretaker = 'read -r _; rm -rf -- "$1" "$2"*';

/**
 * Makes a folder below TMPDIR that goes with this process, even if that is killed. `traces`: what begins the names of files elsewhere that go with it.
 * Throws BuildError.
 */
export function makePassingFolder(name: string, traces = (path: string) => path): PassingFolder {
  const path = makeFolder(name);
  // In a session of its own: a signal to this process's group, as of a terminal that is closed, is not meant for it.
  const child = spawn("sh", ["-c", caretaker, "sh", path, traces(path)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.unref();
  (child.stdin as Socket).unref();
  const ended = once(child, "close");
  return {
    path,
    async remove() {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}

function makeFolder(name: string): string {
  try {
    return mkdtempSync(join(tmpdir(), `${name}-`));
  } catch (error) {
    throw new BuildError(
      `${tmpdir()} cannot hold what is needed for a guest: ${reasonOf(error)}: name another directory by TMPDIR`,
    );
  }
}
