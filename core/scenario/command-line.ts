import { nearest, type PowerAction } from "../abi/index.js";
import { optionTokens } from "../generator/option-tokens.js";
import { BuildError } from "../generator/problems.js";

interface Option {
  short?: string;
  /** The name of its value in --help. */
  value?: string;
  help: string;
}

/** All options, in the order of --help. */
const options = {
  cmdline: {
    short: "c",
    value: "TEXT",
    help: "the kernel command line to boot with; an image that is the whole system needs none",
  },
  machine: {
    short: "m",
    value: "FILE",
    help: "the machine to boot on, in JSON, or the word host: this one; left out: one is assumed",
  },
  shutdown: {
    value: "ACTION",
    help: "what comes of the devices when the system that was booted goes down: poweroff, reboot, halt or kexec",
  },
  faults: { help: "everything that can go wrong in this boot, each in a run of its own, and what it leads to" },
  fault: { value: "N:NAME", help: "the boot with one of these faults, as --faults names it" },
  replay: {
    value: "TRACE",
    help: "what this recorded boot asked, asked again: a copy of /run/initramfs or of a trace in it, a console's log, a bug report",
  },
  engine: { value: "N", help: "with --replay: of the boot's Nth engine only; left out: of all that were recorded" },
  step: { help: "with --replay: op by op, with all that was asked and answered; Enter goes on" },
  until: { value: "N", help: "with --replay: stop after op N" },
  svg: { value: "FILE", help: "also draw phases, drivers and jobs over time" },
  json: { help: "print everything as JSON" },
  verbose: { short: "v", help: "show every op, not only what the boot says and its jobs" },
  help: { short: "h", help: "show this and end" },
} as const satisfies Record<string, Option>;

const powerActions: readonly string[] = ["poweroff", "reboot", "halt", "kexec"] satisfies PowerAction[];

type OptionName = keyof typeof options;

/** What a rehearsal is asked for. */
export interface RehearseCommandLine {
  help: boolean;
  image: string;
  cmdline: string | undefined;
  machine: string | undefined;
  shutdown: string | undefined;
  faults: boolean;
  fault: string | undefined;
  replay: string | undefined;
  engine: number | undefined;
  step: boolean;
  until: number | undefined;
  /** The file of the picture. */
  svg: string | undefined;
  json: boolean;
  verbose: boolean;
}

/** Takes the words of tools/rehearse apart. Throws BuildError with all that is wrong with them. */
export function parseRehearseCommandLine(words: readonly string[]): RehearseCommandLine {
  const table: [string, Option][] = Object.entries(options);
  const problems: string[] = [];
  const operands: string[] = [];
  const given = new Map<OptionName, string>();
  const known = Object.fromEntries(
    table.map(([name, { short, value }]) => [
      name,
      { type: value ? "string" : "boolean", ...(short ? { short } : {}) } as const,
    ]),
  );
  for (const token of optionTokens(words, known)) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    const option = table.find(([each]) => each === name)?.[1];
    if (!option) {
      const close = nearest(name, Object.keys(options));
      problems.push(`unknown option ${rawName}${close ? `: did you mean --${close}?` : "; rehearse --help shows all"}`);
    } else if (!option.value && value !== undefined) problems.push(`${rawName} takes no value`);
    else if (option.value && value === undefined) problems.push(`${rawName} needs a value: ${option.value}`);
    else if (option.value && given.has(name as OptionName)) problems.push(`${rawName} is given twice: give it once`);
    given.set(name as OptionName, value ?? "");
  }
  const help = given.has("help");
  if (!help && operands.length === 0) problems.push("no image is named: rehearse IMAGE --cmdline TEXT");
  if (operands.length > 1) problems.push(`${operands[1]} is one image too many: name one`);
  problems.push(...contradictions(given));
  for (const option of ["machine", "replay", "svg"] as const)
    if (given.get(option) === "") problems.push(`--${option} needs a file`);
  if (!help && problems.length) throw new BuildError(...problems);
  return {
    help,
    image: operands[0] ?? "",
    cmdline: given.get("cmdline"),
    machine: given.get("machine"),
    shutdown: given.get("shutdown"),
    faults: given.has("faults"),
    fault: given.get("fault"),
    replay: given.get("replay"),
    engine: numberOf(given, "engine"),
    step: given.has("step"),
    until: numberOf(given, "until"),
    svg: given.get("svg"),
    json: given.has("json"),
    verbose: given.has("verbose"),
  };
}

function numberOf(given: ReadonlyMap<OptionName, string>, name: OptionName): number | undefined {
  return given.has(name) ? Number(given.get(name)) : undefined;
}

function contradictions(given: ReadonlyMap<OptionName, string>): string[] {
  const problems: string[] = [];
  const together = (names: readonly OptionName[]) => names.filter((name) => given.has(name)).map((name) => `--${name}`);
  if (given.has("replay")) {
    for (const option of together(["cmdline", "machine", "shutdown", "json", "faults", "fault"]))
      problems.push(`${option} cannot go with --replay: the recording says what there was`);
    if (given.has("step") && given.has("until")) problems.push("--step and --until cannot go together: give one");
  } else for (const option of together(["engine", "step", "until"])) problems.push(`${option} goes with --replay only`);
  if (given.has("faults") && given.has("svg")) problems.push("--faults and --svg cannot go together: give one");
  if (given.has("fault"))
    for (const option of together(["faults", "json", "svg"]))
      problems.push(`${option} and --fault cannot go together: give one`);
  const action = given.get("shutdown");
  if (action !== undefined && !powerActions.includes(action))
    problems.push(`--shutdown=${action}: one of ${powerActions.join(", ")}`);
  for (const [name, what] of [
    ["until", "an op"],
    ["engine", "an engine"],
  ] as const)
    if (given.has(name) && !/^[1-9]\d{0,8}$/.test(given.get(name) ?? ""))
      problems.push(`--${name}=${given.get(name)}: the number of ${what}, from 1`);
  return problems;
}

/** The text of --help. */
export function rehearseHelp(): string {
  const lines = Object.entries(options).map(
    ([name, { help, ...option }]) =>
      `  ${`${"short" in option ? `-${option.short},` : "   "} --${name}${"value" in option ? ` ${option.value}` : ""}`.padEnd(24)} ${help}`,
  );
  return [
    "usage: rehearse IMAGE --cmdline TEXT [OPTIONS]",
    "       rehearse IMAGE --cmdline TEXT --shutdown ACTION [OPTIONS]",
    "       rehearse IMAGE --cmdline TEXT --faults | --fault N:NAME [OPTIONS]",
    "       rehearse --replay TRACE IMAGE [--engine N] [--step | --until N | --verbose] [--svg FILE]",
    "Boots an image of firstlight on a simulated machine, with the boot code that is in it. IMAGE: its file, or the folder that it was unpacked into.",
    "",
    ...lines,
    "",
    "Exit status: 0 if the boot reaches the new root, 1 if it stops, 2 if the machine's description leaves open what happens, 3 if the",
    "rehearsal cannot begin: a wrong option, image or machine file. With --shutdown: 0 if nothing is left that is made of other devices, 1 if",
    "something is. With --faults and --fault: 0 if each leads to the same root or to a",
    "report that names it, 1 if one does not, 2 if the machine's description leaves that open. Of a replay: 0 if the boot code asked what",
    "was recorded, 1 if not, 2 if the recording ends before the boot did.",
    "",
  ].join("\n");
}
