/** The command line of the library tree: see --help. Exit status: 0 all shown, 1 something was not. */
import { resolve } from "node:path";
import { createHostFiles } from "../core/generator/host-files.js";
import { expandGlob, hasWildcards } from "../core/generator/host-glob.js";
import { createLinker } from "../core/generator/libraries.js";
import { libraryTree } from "../core/generator/library-tree.js";
import { BuildError, createProblems } from "../core/generator/problems.js";
import { runTool } from "./run-tool.js";

const help = `usage: lddtree [-a] [-l] [-R ROOT] FILE...
Shows the libraries that ELF files are loaded with, as trees; it reads the files and runs none. Each library is looked
for as the dynamic linker does: in RPATH, LD_LIBRARY_PATH, RUNPATH, what ld.so.conf names, and its own directories.
FILE may have wildcards. What is nowhere is shown as None.

  -a, --all        libraries again wherever they are needed, not only once
  -l, --list       paths only, a line each: the file, its dynamic linker, its libraries
  -R, --root ROOT  of the system in this directory: FILE and all libraries are looked for below it
  -h, --help       show this and end
`;

/** Of LD_LIBRARY_PATH; an empty entry is the current directory, "$ORIGIN" and the like are replaced later (ld.so(8)). */
const foldersOf = (text = "") =>
  text === "" ? [] : text.split(/[:;]/).map((folder) => (folder.startsWith("$") ? folder : resolve(folder)));

const options = {
  all: { type: "boolean", short: "a" },
  list: { type: "boolean", short: "l" },
  root: { type: "string", short: "R" },
} as const;

await runTool("lddtree", help, options, async ({ all = false, list = false, root = "/" }, words) => {
  if (words.length === 0) throw new BuildError("name a FILE: see lddtree --help");
  const prefix = String(root).replace(/\/+$/, "");
  const host = createHostFiles(resolve(String(root)));
  // Of another system's directories this machine's environment says nothing.
  const linker = createLinker(host, prefix ? [] : foldersOf(process.env.LD_LIBRARY_PATH));
  const problems = createProblems();
  for (const word of words) {
    const pattern = prefix ? resolve("/", word) : resolve(word);
    const paths = hasWildcards(word) ? expandGlob(host, "/", pattern) : [pattern];
    if (!paths.length) problems.add(`${word}: nothing has such a name`);
    for (const path of paths)
      problems.during(() => {
        const name = hasWildcards(word) || prefix ? `${prefix}${path}` : word;
        const lines = libraryTree(host, linker, path, { name, prefix, all: Boolean(all), flat: Boolean(list) });
        process.stdout.write(`${lines.join("\n")}\n`);
      });
  }
  problems.check();
});
