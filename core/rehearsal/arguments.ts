import { type OpName, type PowerAction, traceLeastLimit } from "../abi/index.js";
import { toBytes } from "./bytes.js";
import { Failure } from "./failure.js";
import { mountFlags } from "./mount-flags.js";

/** What an argument has to be, as core/init demands it. */
type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

const most32 = 2 ** 32;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const bytes: Check = (value) => {
  if (typeof value !== "string") return false;
  toBytes(value);
  return true;
};
const text: Check = (value) => bytes(value) && !(value as string).includes("\0");
const path: Check = (value) => text(value) && value !== "";
const flag: Check = (value) => typeof value === "boolean";
const integer =
  (least: number, most: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const number = integer(0, 2 ** 31 - 1);
const number32 = integer(0, most32 - 1);
const owner = integer(0, most32 - 2);
const mode = integer(0, 0o7777);
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const shaped =
  (shape: Shape): Check =>
  (value) =>
    isObject(value) && Object.entries(shape).every(([name, check]) => check(value[name]));

const flags = list(oneOf(...mountFlags));
const file = shaped({ file: path });
const pipe = shaped({ pipe: number });
const any =
  (...checks: Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
const output = optional(any(oneOf("null", "console", "keep"), file, pipe));
const program = {
  argv: (value: unknown) => list(text)(value) && Boolean((value as string[])[0]),
  env: optional(list(text)),
  cwd: optional(path),
  root: optional(path),
};
const actions: readonly PowerAction[] = ["reboot", "poweroff", "halt", "kexec"];
const switchWord = {
  word: oneOf("switch"),
  root: path,
  init: path,
  arguments: list(text),
  moves: list(path),
};
const inRoot = { path, root: optional(path) };

const shapes: { readonly [Name in OpName]: Shape } = {
  now: {},
  randomSeed: {},
  log: { level: integer(0, 7), text: bytes },
  print: { text: bytes },
  read: { path, limit: optional(number) },
  write: { path, data: bytes, mode: optional(mode), append: optional(flag) },
  list: { path },
  stat: { path, follow: optional(flag) },
  readLink: { path },
  makeDir: { path, mode: optional(mode), parents: optional(flag) },
  symlink: { path, target: text, replace: optional(flag) },
  makeNode: {
    path,
    type: oneOf("char", "block", "fifo"),
    mode,
    major: optional(number32),
    minor: optional(number32),
  },
  rename: { from: path, to: path },
  remove: { path },
  chmod: { path, mode },
  chown: { path, uid: owner, gid: owner },
  mountVirtual: { type: text, target: path, flags, data: text },
  kernel: {},
  resolveDriver: { alias: text },
  listenUevents: { receiveBuffer: integer(1, 2 ** 30) },
  wait: {
    until: (value) => value === null || (typeof value === "number" && value >= 0 && value < 1e15),
  },
  pipe: {},
  signal: { job: number, signal: (value) => signals.has(value as string) },
  kill: { process: integer(2, 2 ** 31 - 1), signal: (value) => signals.has(value as string) },
  inputPosition: { job: number },
  forgetSecret: { secret: number },
  setLimits: { turn: integer(1, 86_400_000) },
  trace: { path: (value) => value === null || path(value) },
  setRescuePolicy: {
    shell: flag,
    action: oneOf("reboot", "poweroff", "halt", "none", "again"),
    delay: (value) => typeof value === "number" && value >= 0,
  },
  finish: {
    word: oneOf("switch", "reboot", "run", "failed"),
  },
  prompt: { text, secret: flag, timeLimit: optional(integer(1, 2 ** 31 - 1)) },
  sync: {},
  removeTree: { path },
  readFile: { ...inRoot, offset: optional(integer(0, 2 ** 53)), length: optional(number) },
  writeFile: { path, data: bytes },
  statFile: { ...inRoot, follow: optional(flag) },
  mount: { source: text, target: path, type: text, flags, data: text },
  unmount: { target: path, lazy: optional(flag), force: optional(flag) },
  move: { from: path, to: path },
  loopAttach: { file: path, readOnly: flag, offset: optional(integer(0, 2 ** 53)) },
  loopDetach: { device: path },
  removeMapping: { name: path },
  stopArray: { device: path },
  swapOff: { device: path },
  insert: { drivers: list(shaped({ name: text, path: text, parameters: text })) },
  probe: { device: path },
  run: {
    ...program,
    uid: optional(owner),
    gid: optional(owner),
    stdin: optional(any(oneOf("null", "console"), file, pipe, shaped({ text: bytes }), shaped({ secret: number }))),
    stdout: output,
    stderr: output,
    keepLimit: optional(integer(0, 1 << 24)),
    timeLimit: optional(integer(1, 2 ** 31 - 1)),
    terminal: optional(flag),
  },
  trySwitch: switchWord,
  kexecLoad: { kernel: path, initrd: optional(path), cmdline: text },
};

const recording: Shape = {
  limit: integer(traceLeastLimit, 2 ** 31 - 1),
  head: (value) => text(value) && !(value as string).includes("\n"),
};

const lastWords: Readonly<Record<string, Shape>> = {
  switch: switchWord,
  reboot: { action: oneOf(...actions), state: optional(text) },
  run: {
    program: shaped(program),
    streams: optional(any(list(list(text)), (value) => (value as unknown[]).length === 3)),
    others: optional(oneOf("keep", "kill")),
    state: optional(text),
  },
  failed: { reason: bytes, retry: flag },
};

const signals = new Set(
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS"
    .split(" ")
    .map((name) => `SIG${name}`),
);

/** The arguments of an op out of its JSON. Throws Failure: ENOSYS for a name that is none, EINVAL with the argument that does not fit. */
export function readArguments(name: string, json: string): Record<string, unknown> {
  const shape = Object.hasOwn(shapes, name) ? shapes[name as OpName] : undefined;
  if (!shape) throw new Failure("ENOSYS", name);
  let request: unknown;
  try {
    request = JSON.parse(json);
  } catch {
    throw new Failure("EINVAL", "the arguments are no JSON");
  }
  if (!isObject(request)) throw new Failure("EINVAL", "the arguments are no object");
  check(request, shape);
  if (name === "finish") check(request, lastWords[request.word as string] ?? {});
  if (name === "trace" && request.path !== null) check(request, recording);
  if (name === "makeNode" && request.type !== "fifo") check(request, { major: number32, minor: number32 });
  return inBytes(request) as Record<string, unknown>;
}

function check(request: Record<string, unknown>, shape: Shape): void {
  for (const [name, fits] of Object.entries(shape))
    if (!fits(request[name])) throw new Failure("EINVAL", `${name}: does not fit`);
}

/** All text in it as bytes. */
function inBytes(value: unknown): unknown {
  if (typeof value === "string") return toBytes(value);
  if (Array.isArray(value)) return value.map(inBytes);
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, inBytes(part)]));
  return value;
}
