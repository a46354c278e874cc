import { SourceMap } from "node:module";
import { bundlePath, engineFirstPages, engineHash, snapshotMagic, snapshotVersion } from "../abi/index.js";
import { createEngine, EngineError, type EngineState, processorTime } from "../rehearsal/engine.js";
import { stackSize } from "../rehearsal/rehearse.js";
import type { Bundled } from "./esbuild.js";
import type { ModuleFolder } from "./module-folders.js";
import { BuildError, moduleProblem } from "./problems.js";
import { firstPlace } from "./source-places.js";

/**
 * The file that PID 1 starts the engine from, core/abi/snapshot.ts; equal bundles give equal bytes. `modules` are those in the bundle,
 * `mostMilliseconds` the processor time that it may take: by default what PID 1 grants it. Throws BuildError: the bundle throws, does not end, needs more than 16 MiB, or asks an op while it is evaluated.
 */
export async function makeSnapshot(
  { code, map }: Pick<Bundled, "code" | "map">,
  modules: readonly ModuleFolder[],
  mostMilliseconds = 10_000,
): Promise<Buffer> {
  let asked: string | undefined;
  const deadline = processorTime() + mostMilliseconds;
  const engine = await createEngine({
    memoryPages: engineFirstPages,
    stackSize,
    interrupt: () => processorTime() > deadline,
    functions: {
      op: (name = "") => {
        asked ??= name;
        throw new Error(`the op ${name} is asked`);
      },
    },
  });
  const failure = failureOf(() => engine.evaluate(code, bundlePath));
  if (!failure && asked === undefined) return formatSnapshot(engine.state(), code);
  const place = firstPlace(failure?.trace ?? "", new SourceMap(JSON.parse(map)), modules);
  const reason =
    asked !== undefined
      ? `it asks the op ${asked} while it is loaded, but the image holds it loaded: do that in a hook`
      : failure?.interrupted
        ? `it was still being loaded after ${mostMilliseconds / 1000} s of processor time`
        : String(failure?.message);
  const [only, ...others] = modules;
  const module = modules.find(({ folder }) => place?.startsWith(`${folder}/`)) ?? (others.length ? undefined : only);
  throw new BuildError(
    module ? moduleProblem(module.name, place ?? module.folder, reason) : `the boot code: ${reason}`,
  );
}

function failureOf(work: () => void): EngineError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
}

interface Run {
  address: number;
  length: number;
}

function formatSnapshot({ memory, firstMemory, runtime, context }: EngineState, bundle: string): Buffer {
  const runs = changedRuns(memory, firstMemory);
  const header = Buffer.alloc(headerSize + runs.length * runSize);
  let at = header.write(snapshotMagic, "latin1");
  at = header.writeUInt32LE(snapshotVersion, at);
  at = header.writeUInt32LE(runs.length, at);
  at += header.write(engineHash, at, "latin1");
  at = header.writeBigUInt64LE(hashOf(Buffer.from(bundle)), at);
  for (const number of [
    engineFirstPages,
    runtime,
    context,
    ...runs.flatMap(({ address, length }) => [address, length]),
  ])
    at = header.writeUInt32LE(number, at);
  return Buffer.concat([header, ...runs.map(({ address, length }) => memory.subarray(address, address + length))]);
}

/** Why PID 1 does not start the engine from it (core/init/snapshot.c), and evaluates the bundle; undefined: it does. */
export function snapshotProblem(snapshot: Buffer, bundle: Buffer): string | undefined {
  if (snapshot.length < headerSize) return "it is cut";
  if (snapshot.toString("latin1", 0, snapshotMagic.length) !== snapshotMagic) return "it is not a snapshot";
  const engine = snapshot.toString("latin1", 16, 16 + engineHash.length);
  if (snapshot.readUInt32LE(8) !== snapshotVersion || engine !== engineHash) return "it is of another engine";
  if (snapshot.readBigUInt64LE(80) !== hashOf(bundle)) return "it is of another bundle";
  const [pages, ...objects] = [88, 92, 96].map((at) => snapshot.readUInt32LE(at));
  const isObject = (address: number) => address > 0 && address % 8 === 0 && address < engineMemory - largestObject;
  if (pages !== engineFirstPages || !objects.every(isObject)) return "its header makes no sense";
  return runsFit(snapshot) ? undefined : "it is cut";
}

const engineMemory = engineFirstPages * 65536;
/** Of the engine's own. */
const largestObject = 4096;

/** The runs lie in the memory, in order, and make up the file. */
function runsFit(snapshot: Buffer): boolean {
  const runs = snapshot.readUInt32LE(12);
  let [end, size] = [0, headerSize + runs * runSize];
  const content = size;
  if (!runs || content > snapshot.length) return false;
  for (let at = headerSize; at < content; at += runSize) {
    const [address, length] = [snapshot.readUInt32LE(at), snapshot.readUInt32LE(at + 4)];
    if (address < end || !length) return false;
    end = address + length;
    size += length;
  }
  return end <= engineMemory && size === snapshot.length;
}

/** Bytes, see core/abi/snapshot.ts. */
const [headerSize, runSize] = [100, 8];

/** Bytes without change that divide two runs. Half of the memory are such gaps; smaller ones take longer to copy around than they save. */
const smallestGap = 32;

function changedRuns(memory: Uint8Array, firstMemory: Uint8Array): Run[] {
  const runs: Run[] = [];
  const [words, firstWords] = [wordsOf(memory), wordsOf(firstMemory)];
  const wordSize = words.BYTES_PER_ELEMENT;
  // Not by entries(): it makes an array for each of half a million words.
  for (let index = 0; index < words.length; index++) {
    if (words[index] === firstWords[index]) continue;
    const address = index * wordSize;
    const last = runs.at(-1);
    if (last && address - (last.address + last.length) < smallestGap) last.length = address + wordSize - last.address;
    else runs.push({ address, length: wordSize });
  }
  return runs;
}

const wordsOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new Uint32Array(buffer, byteOffset, byteLength / Uint32Array.BYTES_PER_ELEMENT);

/** Word by word, because PID 1 computes it in each boot: as core/abi/snapshot.ts says. */
function hashOf(bytes: Uint8Array): bigint {
  const words = new BigUint64Array(Math.floor(bytes.length / 8) + 1);
  new Uint8Array(words.buffer).set(bytes);
  let hash = 0xcbf29ce484222325n;
  for (const word of words) {
    hash = BigInt.asUintN(64, (hash ^ word) * 0x100000001b3n);
    hash ^= hash >> 32n;
  }
  return hash;
}
