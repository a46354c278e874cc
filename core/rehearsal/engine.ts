import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import release from "@jitl/quickjs-ng-wasmfile-release-sync";
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSSyncVariant,
} from "quickjs-emscripten-core";
import { engineFirstPages, engineHash } from "../abi/index.js";
import { engineHost } from "./engine-host.js";

// The package's types describe its CommonJS side, where the default export is one level deeper.
const variant = release as unknown as QuickJSSyncVariant;
interface Memory {
  readonly buffer: ArrayBuffer;
}
interface Imports {
  /** By letters. */
  a: Record<string, unknown>;
}
interface Instance {
  readonly exports: object;
}
/** The engine's own; 0: there is no such block. */
interface Allocator {
  _malloc(size: number): number;
  _free(address: number): void;
}
/** How strings come into the engine. */
interface Encoder {
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, address: number, size?: number): void;
}
// Node has it, but TypeScript knows its values only together with the browser's.
const wasm = (
  globalThis as unknown as {
    WebAssembly: {
      Memory: new (limits: { initial: number; maximum: number }) => Memory;
      Instance: new (module: object, imports: Imports) => Instance;
      compile(bytes: Uint8Array): Promise<object>;
    };
  }
).WebAssembly;

export interface EngineOptions {
  /** Most memory that the engine may have, in WebAssembly pages of 64 KiB; at least 256. */
  memoryPages: number;
  /** Most stack that the code may use, in bytes as QuickJS counts them. */
  stackSize: number;
  /** Asked every 10,000 steps or so, and after 50 reactions to promises: true ends the running code, which cannot catch that. */
  interrupt(): boolean;
  /** What the code finds as global functions. An exception of theirs becomes one in the code. */
  functions: Readonly<Record<string, (...args: string[]) => string>>;
}

/** QuickJS, the same WebAssembly as in the initrd, with a global scope of its own. Strings that it is given end at a NUL. */
export interface Engine {
  /** Runs a script in the global scope. Throws EngineError. */
  evaluate(code: string, fileName: string): void;
  /** Calls a global function that takes strings and returns one. Throws EngineError. */
  call(name: string, ...args: string[]): string;
  /** Runs what promises have queued until nothing is left. Throws EngineError. */
  runPendingJobs(): void;
  /** Between two calls: gives a function that makes it again what it is now. */
  save(): () => void;
  /** Between two calls: a copy of its memory. */
  memory(): MemoryPages;
  /** Between two calls: what of its memory is another than it was in that copy. */
  changes(since: MemoryPages): MemoryParts;
  /**
   * Between two calls: puts parts into its memory, which is then to be that of an engine that was created with the same options. Throws EngineError:
   * it may not have as much.
   */
  write(parts: MemoryParts): void;
  /** All that it consists of, between two calls; what is free of its memory is zero. */
  state(): EngineState;
}

/** Some of a memory, by address. */
export type MemoryParts = ReadonlyMap<number, Uint8Array>;

/** A memory without the WebAssembly pages that are all zeros, which are most. */
export type MemoryPages = MemoryParts;

export interface EngineState {
  /** The linear memory up to the last WebAssembly page that is not all zeros, not a copy. */
  memory: Uint8Array;
  /** What that part was before any code had run. */
  firstMemory: Uint8Array;
  /** Where JSRuntime and JSContext are in it. */
  runtime: number;
  context: number;
}

/** What the code threw, or why the engine ended it. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  constructor(
    message: string,
    /** QuickJS's stack trace: "    at name (file:line:column)" lines; empty if the thrown value had none. */
    readonly trace: string,
    /** `interrupt` ended it. */
    readonly interrupted: boolean,
    /** The engine itself failed; it must not be used again. */
    readonly broken: boolean,
  ) {
    super(message);
  }
}

/** Milliseconds of processor time of this process, for `interrupt`. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** To promises: each takes as long as 200 steps, of which QuickJS counts a few. */
const reactionsAtOnce = 50;

let compiled: Promise<object> | undefined;

/**
 * The package's WebAssembly, once for all engines; other processors compile it. Throws an Error: it is not the one that PID 1 runs. Called before an engine
 * is needed, it is there sooner.
 */
export function compileEngine(): Promise<object> {
  if (compiled) return compiled;
  const bytes = readFileSync(createRequire(import.meta.url).resolve("@jitl/quickjs-ng-wasmfile-release-sync/wasm"));
  if (createHash("sha256").update(bytes).digest("hex") !== engineHash)
    throw new Error("node_modules holds another engine than the one that PID 1 was made of: run npm ci");
  compiled = wasm.compile(bytes);
  return compiled;
}

/** Starts an engine. Its memory is freed with the last reference to it. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const module = await compileEngine();
  // QuickJS's own memory limit counts every block as 8 bytes in this build: bound the linear memory instead.
  const limits = { initial: engineFirstPages, maximum: options.memoryPages };
  const wasmMemory = new wasm.Memory(limits);
  let imports: Imports["a"] = {};
  const instantiate = (memory: Memory) =>
    new wasm.Instance(module, { a: { ...imports, ...engineHost(memory), a: memory } });
  const instantiateWasm = ({ a }: Imports, done: (instance: Instance) => void) => {
    imports = a;
    const instance = instantiate(wasmMemory);
    done(instance);
    return instance.exports;
  };
  const emscriptenModule = { instantiateWasm };
  const quickjs = await newQuickJSWASMModuleFromVariant(newVariant(variant, { wasmMemory, emscriptenModule }));
  const runtime = quickjs.newRuntime();
  let interrupted = false;
  runtime.setMaxStackSize(options.stackSize);
  const isInterrupted = () => {
    interrupted ||= options.interrupt();
    return interrupted;
  };
  runtime.setInterruptHandler(isInterrupted);
  const context = runtime.newContext();
  // biome-ignore lint/complexity/useLiteralKeys: it is a protected member
  const emscripten = context["module"];
  encodeAtOnce(emscripten, wasmMemory);
  for (const [name, answer] of Object.entries(options.functions)) defineFunction(context, name, answer);

  /** Runs `work` and turns whatever goes wrong into an EngineError. */
  function guarded<Result>(work: () => Result): Result {
    interrupted = false;
    try {
      return work();
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw new EngineError(`the engine failed: ${error}`, "", interrupted, true);
    }
  }

  /** The value of a call into the engine; throws what the code threw. */
  function unwrap(result: { value: QuickJSHandle } | { error: QuickJSHandle }): QuickJSHandle {
    if (!("error" in result)) return result.value;
    const thrown = describeThrown(context, result.error);
    result.error.dispose();
    throw new EngineError(thrown.message, thrown.trace, interrupted, false);
  }

  const used = () => new Uint8Array(wasmMemory.buffer, 0, usedPages(wasmMemory) * pageSize);

  return {
    evaluate: (code, fileName) => guarded(() => unwrap(context.evalCode(code, fileName, { type: "global" })).dispose()),
    call: (name, ...args) =>
      guarded(() => {
        const callee = context.getProp(context.global, name);
        const handles = args.map((text) => context.newString(text));
        const result = context.callFunction(callee, context.undefined, handles);
        for (const handle of [callee, ...handles]) handle.dispose();
        const value = unwrap(result);
        const text = context.getString(value);
        value.dispose();
        return text;
      }),
    runPendingJobs: () =>
      guarded(() => {
        for (;;) {
          const result = runtime.executePendingJobs(reactionsAtOnce);
          if (result.error) unwrap({ error: result.error });
          else if (result.value < reactionsAtOnce) return;
          if (isInterrupted()) throw new EngineError("InternalError: interrupted", "", true, false);
        }
      }),
    save: () => {
      const saved = used().slice();
      return () => {
        used().fill(0, saved.length);
        new Uint8Array(wasmMemory.buffer).set(saved);
      };
    },
    memory: () => pagesOf(wasmMemory),
    changes: (since) => changedParts(wasmMemory, since),
    write: (parts) => {
      growMemory(wasmMemory, emscripten, Math.max(...[...parts].map(([address, part]) => address + part.length)));
      const memory = new Uint8Array(wasmMemory.buffer);
      for (const [address, part] of parts) memory.set(part, address);
    },
    state: () => {
      clearFreeMemory(wasmMemory, emscripten);
      const first = new wasm.Memory(limits);
      instantiate(first);
      const used = usedPages(wasmMemory) * pageSize;
      return {
        memory: new Uint8Array(wasmMemory.buffer, 0, used),
        firstMemory: new Uint8Array(first.buffer, 0, used),
        // biome-ignore lint/complexity/useLiteralKeys: they are protected members
        runtime: runtime["rt"].value,
        // biome-ignore lint/complexity/useLiteralKeys: they are protected members
        context: context["ctx"].value,
      };
    },
  };
}

/** Bytes of a WebAssembly page. */
const pageSize = 65536;
const emptyPage = Buffer.alloc(pageSize);

/** Pages up to the last one that is not all zeros. */
function usedPages({ buffer }: Memory): number {
  let pages = buffer.byteLength / pageSize;
  while (pages && emptyPage.equals(new Uint8Array(buffer, (pages - 1) * pageSize, pageSize))) pages--;
  return pages;
}

function pagesOf({ buffer }: Memory): MemoryPages {
  const pages = new Map<number, Uint8Array>();
  for (let address = 0; address < buffer.byteLength; address += pageSize) {
    const page = new Uint8Array(buffer, address, pageSize);
    if (!emptyPage.equals(page)) pages.set(address, page.slice());
  }
  return pages;
}

/** Bytes of a part that is compared and copied. */
const partSize = 4096;

/** Copies of the parts that are others than before. */
function changedParts({ buffer }: Memory, before: MemoryPages): MemoryParts {
  const parts = new Map<number, Uint8Array>();
  for (let address = 0; address < buffer.byteLength; address += pageSize) {
    const now = Buffer.from(buffer, address, pageSize);
    const then = before.get(address) ?? emptyPage;
    // Most pages have no changes.
    if (now.equals(then)) continue;
    for (let start = 0; start < pageSize; start += partSize) {
      const end = start + partSize;
      if (now.compare(then, start, end, start, end))
        parts.set(address + start, new Uint8Array(buffer, address + start, partSize).slice());
    }
  }
  return parts;
}

/** What those parts were in that copy. */
export function partsBefore(before: MemoryPages, changes: MemoryParts): MemoryParts {
  const parts = new Map<number, Uint8Array>();
  for (const [address, { length }] of changes) {
    const start = address % pageSize;
    parts.set(address, (before.get(address - start) ?? emptyPage).subarray(start, start + length));
  }
  return parts;
}

/** Has the engine's own allocator make room for that many bytes, for it has to know; what it wrote for that is taken back. */
function growMemory(memory: Memory, { _malloc }: Allocator, size: number): void {
  if (size <= memory.buffer.byteLength) return;
  const before = new Uint8Array(memory.buffer).slice();
  while (size > memory.buffer.byteLength)
    if (!_malloc(pageSize)) throw new EngineError("out of memory", "", false, false);
  new Uint8Array(memory.buffer).fill(0).set(before);
}

/** Bytes of the largest and the smallest block that is looked for. */
const [largestBlock, smallestBlock] = [4096, 8];

/** Takes all free blocks below the last word in use, and gives them back as zeros: a third of the memory holds what the parser has left behind. */
function clearFreeMemory(memory: Memory, { _malloc, _free }: Allocator): void {
  const words = new Uint32Array(memory.buffer, 0, (usedPages(memory) * pageSize) / Uint32Array.BYTES_PER_ELEMENT);
  let end = words.length;
  while (words[end - 1] === 0) end--;
  end *= words.BYTES_PER_ELEMENT;
  const blocks: number[] = [];
  for (let size = largestBlock; size >= smallestBlock; size /= 2) {
    let address: number;
    do {
      address = _malloc(size);
      blocks.push(address);
      if (address) new Uint8Array(memory.buffer, address, size).fill(0);
    } while (address && address + size <= end);
  }
  for (const address of blocks) _free(address);
}

const loneSurrogate = /\p{Surrogate}/u;

/** Emscripten's own functions go letter by letter: they took a sixth of a boot's time. */
function encodeAtOnce(module: Encoder, memory: Memory): void {
  const letterByLetter = module.stringToUTF8.bind(module);
  const encoder = new TextEncoder();
  module.lengthBytesUTF8 = (text) => Buffer.byteLength(text);
  module.stringToUTF8 = (text, address, size = 0) => {
    // TextEncoder would replace them.
    if (loneSurrogate.test(text)) return letterByLetter(text, address, size);
    const bytes = new Uint8Array(memory.buffer, address, size);
    const { written } = encoder.encodeInto(text, bytes.subarray(0, -1));
    bytes[written] = 0;
  };
}

function defineFunction(context: QuickJSContext, name: string, answer: (...args: string[]) => string): void {
  const handle = context.newFunction(name, (...args) =>
    context.newString(answer(...args.map((arg) => context.getString(arg)))),
  );
  context.setProp(context.global, name, handle);
  handle.dispose();
}

/** Message and stack of a thrown value, which can be anything; where not even an Error has room, out of memory arrives as null. */
function describeThrown(context: QuickJSContext, thrown: QuickJSHandle): { message: string; trace: string } {
  if (context.typeof(thrown) !== "object") return { message: String(context.dump(thrown)), trace: "" };
  const property = (name: string) => {
    const handle = context.getProp(thrown, name);
    const text = context.typeof(handle) === "string" ? context.getString(handle) : undefined;
    handle.dispose();
    return text;
  };
  const message = property("message");
  const name = property("name") ?? "Error";
  if (message === undefined) {
    const isNull = context.dump(thrown) === null;
    return {
      message: isNull ? "out of memory, or null was thrown" : "an object that is no Error was thrown",
      trace: "",
    };
  }
  return { message: `${name}: ${message}`, trace: property("stack") ?? "" };
}
