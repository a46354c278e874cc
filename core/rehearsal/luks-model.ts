import { Failure } from "./failure.js";
import { dataOf } from "./file-tree.js";
import { bringMapping, type LayeredDevice, layered, opens, takeAway } from "./layers.js";
import type { Pause, ProgramEnd, ProgramModel, RunningProgram } from "./programs.js";
import type { World } from "./world.js";

type Steps = Generator<Pause, ProgramEnd, undefined>;
type Container = LayeredDevice<"luks">;

const fails = (status: number, stderr: string): ProgramEnd => ({ status, stderr: `${stderr}\n` });

/** Milliseconds that it takes to make a key of a passphrase. */
const derivation = 500;

/** Those of cryptsetup(8) that take a word, as far as the boot code gives them. */
const withWord = ["--type", "--header", "--key-file", "--key-slot", "--keyfile-offset", "--keyfile-size"];

interface CommandLine {
  /** By name; of one without a word it is empty. */
  options: ReadonlyMap<string, string>;
  /** The action, and what follows. */
  words: readonly string[];
}

function parse(argv: readonly string[]): CommandLine {
  const [options, words] = [new Map<string, string>(), [] as string[]];
  for (let at = 1; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (withWord.includes(word)) options.set(word, argv[++at] ?? "");
    else if (word.startsWith("--")) options.set(word, "");
    else words.push(word);
  }
  return { options, words };
}

/** The container that is at a path, or how cryptsetup ends. */
function containerAt(world: World, path: string, header: string | undefined): Container | ProgramEnd {
  try {
    const { name, described = name } = world.devices.at(path);
    if (header !== undefined) world.files.find(header);
    const found = layered(world, "luks").find(
      ({ layer }) => layer.members[0] === described && (layer.detached ?? false) === (header !== undefined),
    );
    return found ?? fails(1, `Device ${header ?? path} is not a valid LUKS device.`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return fails(4, `Device ${header ?? path} does not exist or access denied.`);
  }
}

/** The whole of the key, or what it cannot be read for. */
function keyOf(program: RunningProgram, options: CommandLine["options"]): { key: string } | ProgramEnd {
  const file = options.get("--key-file") ?? "-";
  const number = (name: string) => (options.has(name) ? Number(options.get(name)) : undefined);
  const [offset = 0, size] = [number("--keyfile-offset"), number("--keyfile-size")];
  if (file === "-") {
    const { data } = program.read();
    return data ? { key: data } : fails(1, "Nothing to read on input.");
  }
  try {
    const data = dataOf(program.world.files.find(file));
    if (offset > data.length) return fails(1, "Cannot seek to requested keyfile offset.");
    return { key: data.slice(offset, size === undefined ? undefined : offset + size) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return fails(1, "Failed to open key file.");
  }
}

/** Of cryptsetup 2.6: its words, and its status by cryptsetup(8). */
function* open(program: RunningProgram, { options, words }: CommandLine): Steps {
  const { world } = program;
  const [, path = "", name = ""] = words;
  const container = containerAt(world, path, options.get("--header"));
  if (!("layer" in container)) return container;
  const key = keyOf(program, options);
  if (!("key" in key)) return key;
  yield { sleep: derivation };
  const { uuid, version } = container.layer;
  if (!opens(container, key.key)) return fails(2, "No key available with this passphrase.");
  try {
    bringMapping(world, container, { name, uuid: `CRYPT-LUKS${version}-${uuid.replaceAll("-", "")}-${name}` });
    return {};
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return fails(5, `Device ${name} already exists.`);
  }
}

function close(world: World, name: string): ProgramEnd {
  const mapping = world.devices.all().find(({ facts = {} }) => facts["dm/name"] === `${name}\n`);
  if (!mapping) return fails(4, `Device ${name} is not active.`);
  if (world.devices.systems.has(mapping.number)) return fails(5, `Device ${name} is still in use.`);
  takeAway(world, mapping);
  return {};
}

/** cryptsetup, by name. */
export const luksPrograms: Readonly<Record<string, ProgramModel>> = {
  cryptsetup: ({ argv }, program) => {
    const line = parse(argv);
    const [action, name = ""] = line.words;
    if (action === "open") return open(program, line);
    if (action === "close") return close(program.world, name);
    program.world.leaveOpen(`what the program ${argv.join(" ")} does, and how it ends`);
    return {};
  },
};
