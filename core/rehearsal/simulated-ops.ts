import type { InstantName, InstantOps } from "../abi/index.js";
import type { MachineDescription } from "./description.js";
import { Failure } from "./failure.js";
import type { FileSpace } from "./file-tree.js";

/** What an instant op needs of the machine. */
export interface OpWorld {
  description: MachineDescription;
  files: FileSpace;
  /** Virtual milliseconds since the kernel started. */
  now(): number;
  show(text: string): void;
}

type Answers = {
  [Name in InstantName]?: (world: OpWorld, request: InstantOps[Name][0]) => InstantOps[Name][1];
};

/** 2026-01-01T00:00:00Z: every rehearsal starts then. */
const epoch = 1767225600000;

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

function makeDir(files: FileSpace, path: string, mode: number, parents: boolean): void {
  try {
    if (files.find(path).type === "dir" && parents) return;
    throw new Failure("EEXIST");
  } catch (error) {
    if (!(error instanceof Failure) || error.errno !== "ENOENT") throw error;
  }
  if (parents && path !== "/") makeDir(files, parentOf(path), 0o755, true);
  files.put(path, { type: "dir", mode });
}

function write(files: FileSpace, { path, data, mode, append }: InstantOps["write"][0]): void {
  const { tree, inner } = files.locate(path);
  const old = tree.get(inner);
  if (!old && mode === undefined) throw new Failure("ENOENT");
  if (old?.type === "dir") throw new Failure("EISDIR");
  files.put(path, { type: "file", mode: mode ?? old?.mode ?? 0o644, data: append ? (old?.data ?? "") + data : data });
}

function read(files: FileSpace, path: string): string {
  const file = files.find(path);
  if (file.type === "dir") throw new Failure("EISDIR");
  return file.data ?? "";
}

/** The instant ops that need no event queue. */
export const opAnswers: Answers = {
  now: ({ now }) => ({ realtime: epoch + now(), monotonic: now() }),
  randomSeed: () => ({ seed: "0123456789abcdef0123456789abcdef" }),
  log: ({ files, show }, { level, text }) => {
    files.find("/dev");
    show(`<${level}>${text}\n`);
    return {};
  },
  print: ({ show }, { text }) => {
    show(text);
    return {};
  },
  read: ({ files }, { path }) => ({ data: read(files, path) }),
  write: ({ files }, request) => {
    write(files, request);
    return {};
  },
  list: ({ files }, { path }) => ({ entries: files.list(path) }),
  stat: ({ files }, { path, follow }) => files.status(files.find(path, { last: follow !== false })),
  readLink: ({ files }, { path }) => {
    const { type, target } = files.find(path, { last: false });
    if (type !== "symlink") throw new Failure("EINVAL");
    return { target: target ?? "" };
  },
  makeDir: ({ files }, { path, mode = 0o755, parents = false }) => {
    makeDir(files, path, mode, parents);
    return {};
  },
  symlink: ({ files }, { path, target, replace }) => {
    const { tree, inner } = files.locate(path, { last: false });
    if (tree.has(inner) && !replace) throw new Failure("EEXIST");
    files.put(path, { type: "symlink", mode: 0o777, target });
    return {};
  },
  makeNode: ({ files }, { path, type, mode, major = 0, minor = 0 }) => {
    if (files.has(path)) throw new Failure("EEXIST");
    files.put(path, { type, mode, node: `${major}:${minor}` });
    return {};
  },
  remove: ({ files }, { path }) => {
    files.remove(path);
    return {};
  },
  kernel: ({ description }) => ({ ...description.kernel, engine: 1, status: null, arguments: [] }),
  resolveDriver: ({ description }, { alias }) => {
    const chain = description.drivers[alias];
    return { matches: chain ? [{ name: chain.at(-1)?.name ?? "", chain: [...chain], blacklisted: false }] : [] };
  },
  setLimits: () => ({}),
  setRescuePolicy: () => ({}),
};
