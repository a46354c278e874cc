import { driverSettingsPath } from "../abi/index.js";
import { files } from "./files.js";
import type { Word } from "./parameters.js";

/** What the kernel command line says of drivers. Names have underscores. */
export interface DriverSettings {
  /** rd.driver.pre: loaded before anything else. */
  before: string[];
  /** rd.driver.post: loaded once all that is there has been looked at, and for no device before that. */
  after: string[];
  /** rd.driver.blacklist, modprobe.blacklist: not loaded for a device; who names one gets it. */
  blacklist: ReadonlySet<string>;
  /** module_blacklist: the kernel refuses them. */
  refused: ReadonlySet<string>;
  /** DRIVER.PARAMETER=VALUE: "a=1 b=2" by driver. */
  options: ReadonlyMap<string, string>;
}

/** Of drivers and of their parameters: the kernel takes - for _ in both (kernel/params.c, parameqn). */
const underscores = (name: string) => name.replaceAll("-", "_");

export function readDriverSettings(words: readonly Word[]): DriverSettings {
  const named = (...names: string[]) =>
    words
      .filter(({ name }) => names.includes(name))
      .flatMap(({ value = "" }) => value.split(","))
      .filter(Boolean)
      .map(underscores);
  const options = new Map<string, string>();
  for (const { name, value } of words) {
    const [, driver = "", parameter] = /^([\w-]+)\.([\w-]+)$/.exec(name) ?? [];
    if (parameter === undefined || driver === "rd") continue;
    const option = value === undefined ? parameter : `${parameter}=${quoted(value)}`;
    const key = underscores(driver);
    options.set(key, joinOptions(options.get(key), option));
  }
  return {
    before: named("rd.driver.pre"),
    after: named("rd.driver.post"),
    blacklist: new Set(named("rd.driver.blacklist", "modprobe.blacklist")),
    refused: new Set(named("module_blacklist")),
    options,
  };
}

const quoted = (value: string) => (/[\t-\r ]/.test(value) ? `"${value}"` : value);

/** The kernel takes the last of a parameter's values. */
export function joinOptions(...options: (string | undefined)[]): string {
  return options.filter(Boolean).join(" ");
}

/**
 * For the modprobe applet, which the kernel starts for its own requests, and which knows nothing of the boot: lines as in modprobe.d(5). A command
 * line without such words leaves no file.
 */
export function tellModprobe({ blacklist, after, options }: DriverSettings): void {
  const lines = [
    ...[...blacklist, ...after].map((name) => `blacklist ${name}\n`),
    ...[...options].map(([name, option]) => `options ${name} ${option}\n`),
  ];
  if (lines.length) files.write(driverSettingsPath, lines.join(""), { mode: 0o644 });
}
