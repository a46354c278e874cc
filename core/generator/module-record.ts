/** What an image tells of its modules, for lsinitrd: text, because a person may look at it in the rescue shell. */
export interface ModuleRecord {
  /** In order of their numbers. */
  modules: readonly string[];
  /** For each path of the archive but the record's own, sorted byte by byte: the module that brought it; undefined: none by itself. */
  bringers: readonly (string | undefined)[];
}

/**
 * The names, one a line; an empty line; then runs "COUNT NUMBER": so many paths were brought by the module of that line, from 1, or by
 * none, 0. Some hundred bytes, where paths would be tens of thousands.
 */
export function makeModuleRecord({ modules, bringers }: ModuleRecord): string {
  const runs: { count: number; number: number }[] = [];
  for (const bringer of bringers) {
    const number = bringer === undefined ? 0 : modules.indexOf(bringer) + 1;
    const last = runs.at(-1);
    if (last?.number === number) last.count++;
    else runs.push({ count: 1, number });
  }
  return `${[...modules, "", ...runs.map(({ count, number }) => `${count} ${number}`)].join("\n")}\n`;
}

/** Most paths that are taken from a record: it may be of an image that somebody made to do harm. */
const mostPaths = 1_000_000;

/** Reads what `makeModuleRecord` makes; of anything else, what can be understood. */
export function readModuleRecord(text: string): ModuleRecord {
  const [names = "", runs = ""] = text.split("\n\n", 2);
  const modules = names.split("\n").filter(Boolean);
  const bringers: (string | undefined)[] = [];
  for (const [, count, number] of runs.matchAll(/^(\d+) (\d+)$/gm)) {
    const last = Math.min(mostPaths, bringers.length + Number(count));
    while (bringers.length < last) bringers.push(modules[Number(number) - 1]);
  }
  return { modules, bringers };
}
