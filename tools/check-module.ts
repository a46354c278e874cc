/** The command line of the module check: see --help. Exit status: 0 nothing is wrong, 1 something is. */
import { checkModule } from "../core/generator/check-module.js";
import { BuildError, createProblems } from "../core/generator/problems.js";
import { runTool } from "./run-tool.js";

const help = `usage: check-module DIR...
Checks modules' folders, wherever they lie, and builds nothing: the types of their sources, what
their setups answer for a generic and for a host-only image, and whether their hooks can be loaded.
Whether programs and files are there that they ask for, mkinitrd tells.
  -h, --help  show this and end
`;

await runTool("check-module", help, {}, async (_, folders) => {
  if (!folders.length) throw new BuildError("the folder of a module is needed: see check-module --help");
  const problems = createProblems();
  for (const folder of folders) await problems.later(checkModule(folder));
  problems.check();
});
