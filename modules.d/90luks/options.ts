import { type Place, parsePlace } from "./places.js";

/** What options of crypttab(5) mean for an unlocking. */
export interface Options {
  /** Of cryptsetup(8). */
  arguments: readonly string[];
  /** Of cryptsetup(8), where a key is a file. */
  keyArguments: readonly string[];
  header?: Place;
  /** How often a person is asked; infinity: for ever. */
  tries: number;
  /** Milliseconds that a person has for an answer. Left out: all the time there is. */
  timeout?: number;
  /** Milliseconds that a key's device is waited for. Left out: as usual. */
  keyWait?: number;
  /** The boot goes on without it. */
  nofail: boolean;
  /** What it is instead of LUKS: "swap". */
  other?: string;
  /** What is not understood, and why not: a text each. */
  mistakes: readonly string[];
}

/** Options without a value, and what cryptsetup(8) has for them. */
const flags: Readonly<Record<string, string>> = {
  discard: "--allow-discards",
  // dracut's.
  "allow-discards": "--allow-discards",
  readonly: "--readonly",
  "read-only": "--readonly",
  "same-cpu-crypt": "--perf-same_cpu_crypt",
  "submit-from-crypt-cpus": "--perf-submit_from_crypt_cpus",
  "no-read-workqueue": "--perf-no_read_workqueue",
  "no-write-workqueue": "--perf-no_write_workqueue",
};

/** Options with a number. */
const numbers: Readonly<Record<string, string>> = { "key-slot": "--key-slot", keyslot: "--key-slot" };
const keyNumbers: Readonly<Record<string, string>> = {
  "keyfile-offset": "--keyfile-offset",
  "keyfile-size": "--keyfile-size",
};

/** For others than the initrd, of what LUKS' header tells, or what is the case anyway: of systemd's and Debian's crypttab(5). */
const meaningless =
  /^(luks|none|noauto|noearly|force|initramfs|loud|quiet|verify|_netdev|x-initrd\.attach|x-systemd\..*|(cipher|size|hash|sector-size|offset|skip)=.*|password-(echo|cache)=.*)$/;
const notLuks = /^(plain|swap|tmp|tcrypt|bitlk|fvault2)(?![^=-])/;

const units: Readonly<Record<string, number>> = {
  us: 1e-3,
  ms: 1,
  "": 1e3,
  s: 1e3,
  sec: 1e3,
  m: 6e4,
  min: 6e4,
  h: 3.6e6,
  hr: 3.6e6,
  d: 8.64e7,
};

/** Milliseconds of a time as systemd.time(7) has it: seconds, or "1min 30s"; undefined: that is none. */
export function parseTime(text: string): number | undefined {
  const parts = [...text.matchAll(/\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*/gy)];
  if (!parts.length || parts.map(([all]) => all).join("") !== text) return undefined;
  return (
    parts.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (units[unit] ?? Number.NaN), 0) || undefined
  );
}

/** Of a list without its commas. */
export function parseOptions(list: readonly string[]): Options {
  const result: Draft = { arguments: [], keyArguments: [], mistakes: [], tries: 3, nofail: false };
  for (const option of list.filter((each) => each && each !== "-")) {
    const mistake = takeOption(result, option);
    if (mistake !== undefined) result.mistakes.push(`${option} ${mistake}`);
  }
  return result;
}

type Draft = Options & { arguments: string[]; keyArguments: string[]; mistakes: string[] };

/** What is wrong with it. */
function takeOption(result: Draft, option: string): string | undefined {
  const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(option) ?? [];
  const flag = value === undefined ? flags[name] : undefined;
  if (flag !== undefined) result.arguments.push(flag);
  else if (notLuks.test(option)) result.other = name;
  else if (option === "nofail") result.nofail = true;
  else if (name === "header") return takeHeader(result, value ?? "");
  else if (/^(timeout|keyfile-timeout)$/.test(name)) return takeTime(result, name, value ?? "");
  else if (/^(tries|key-?slot|keyfile-(offset|size))$/.test(name)) return takeNumber(result, name, value ?? "");
  else if (!meaningless.test(option)) return "is an option that the initrd does not know";
  return undefined;
}

function takeHeader(result: Draft, value: string): string | undefined {
  const header = parsePlace(value);
  if (!header) return "names no header: header=/PATH, or header=/PATH:DEVICE";
  result.header = header;
  return undefined;
}

function takeTime(result: Draft, name: string, value: string): string | undefined {
  const time = value === "0" ? 0 : parseTime(value);
  if (time === undefined) return "has no time: 30, 30s, 2min";
  // As in crypttab(5), 0 is for ever; a key that is not waited for at all is dracut's rd.luks.key.tout=0.
  if (name === "keyfile-timeout") result.keyWait = time;
  else if (time) result.timeout = time;
  return undefined;
}

function takeNumber(result: Draft, name: string, value: string): string | undefined {
  if (!/^\d{1,15}$/.test(value)) return "has no number";
  const [argument, keyArgument] = [numbers[name], keyNumbers[name]];
  if (argument !== undefined) result.arguments.push(argument, value);
  else if (keyArgument !== undefined) result.keyArguments.push(keyArgument, value);
  else result.tries = Number(value) || Number.POSITIVE_INFINITY;
  return undefined;
}
