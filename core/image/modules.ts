import { modulesPath } from "../abi/index.js";
import { readModuleRecord } from "../generator/module-record.js";
import { BuildError } from "../generator/problems.js";
import { type Contents, pathOf, tableOf } from "./contents.js";
import { printable } from "./listing.js";

/** Lines for the modules in an image, ours or dracut's. Throws BuildError if it tells of none. */
export function* modulesOf(image: string, { records }: Contents): Generator<string> {
  for (const [path, text] of records)
    if (path === modulesPath.slice(1)) return yield* readModuleRecord(text).modules.map(printableText);
    else if (path.endsWith("/modules.txt")) return yield* text.split("\n").filter(Boolean).map(printableText);
  throw new BuildError(`${image} does not tell its modules: those of firstlight and dracut do`);
}

const printableText = (text: string) => printable(Buffer.from(text).toString("latin1"));

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
