/** The command line of the template: see --help. Exit status: 0 done, 1 nothing was written. */
import { newModule } from "../core/generator/new-module.js";
import { BuildError } from "../core/generator/problems.js";
import { runTool } from "./run-tool.js";

const help = `usage: new-module [--dir DIR] NAME
Writes a module's folder, with a setup and a hook that work as they are. NAME may have
a number before it, which orders the modules: 95name. Left out, it is 50.
  --dir DIR   below this folder; left out: /etc/firstlight/modules.d, where mkinitrd looks
  -h, --help  show this and end
`;

await runTool("new-module", help, { dir: { type: "string" } }, async ({ dir }, [name, ...others]) => {
  if (name === undefined || others.length) throw new BuildError("one NAME is needed: see new-module --help");
  const folder = newModule(name, typeof dir === "string" ? dir : "/etc/firstlight/modules.d");
  process.stdout.write(`${folder}\n`);
});
