import { modulesPath, recordedOptionsPath, recordedVersionPath } from "../abi/index.js";
import { readModuleRecord } from "../generator/module-record.js";
import { BuildError } from "../generator/problems.js";
import { type Contents, pathOf, tableOf, toBytes } from "./contents.js";
import { printable } from "./listing.js";
import { parseRecordedOptions } from "./recorded-options.js";

const printableText = (text: string) => printable(toBytes(text));
const unlessEmpty = (names: string[]) => (names.length ? names.map(printableText) : undefined);

/** Names of the modules in an image, ours or dracut's; undefined: it tells of none. */
function moduleNames({ records }: Contents): string[] | undefined {
  const own = records.get(modulesPath.slice(1));
  if (own !== undefined) return unlessEmpty([...readModuleRecord(own).modules]);
  const [, names = ""] = [...records].find(([path]) => path.endsWith("/modules.txt")) ?? [];
  return unlessEmpty(names.split("\n").filter(Boolean));
}

/** The same. Throws BuildError if it tells of none. */
export function modulesOf(image: string, contents: Contents): string[] {
  const names = moduleNames(contents);
  if (names) return names;
  throw new BuildError(`${image} does not tell its modules: those of firstlight and dracut do`);
}

/** What an image, ours or dracut's, tells of how it was made: lines "Version:", "Arguments:" and "Modules:", as far as it does. */
export function aboutLines(contents: Contents): string[] {
  const { records } = contents;
  const dracut = (file: RegExp) => [...records].find(([path]) => path.includes("lib/dracut/") && file.test(path));
  const version = records.get(recordedVersionPath.slice(1)) ?? dracut(/\/dracut-[^/]+$/)?.[0].replace(/^.*\//, "");
  const words = parseRecordedOptions(records.get(recordedOptionsPath.slice(1)) ?? "");
  const options = dracut(/\/build-parameter\.txt$/)?.[1];
  const lines = {
    Version: version && printableText(version.trim()),
    Arguments:
      words?.map((word) => quoted(printableText(word))).join(" ") ?? (options && printableText(options.trim())),
    Modules: moduleNames(contents)?.join(" "),
  };
  return Object.entries(lines).flatMap(([title, value]) => (value === undefined ? [] : [`${title}: ${value}`]));
}

/** As a shell takes it for one word. */
const quoted = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** Which module brought a path into an image of ours; undefined: none by itself, or another generator's image. */
export function readBringers({ records, members, segments }: Contents): (path: string) => string | undefined {
  const text = records.get(modulesPath.slice(1));
  const record = members.find((member) => pathOf(member) === modulesPath.slice(1));
  if (text === undefined || !record) return () => undefined;
  // What was compressed already lies in an archive of its own before the others.
  const before = segments[record.segment - 1];
  const first = before && !before.early && before.compression === "none" ? record.segment - 1 : record.segment;
  const others = members.filter(
    (member) => member.segment >= first && member.segment <= record.segment && member !== record,
  );
  const paths = [...tableOf(others).keys()].sort();
  const bringers = new Map(readModuleRecord(text).bringers.map((name, index) => [paths[index] ?? "", name]));
  return (path) => bringers.get(path);
}
