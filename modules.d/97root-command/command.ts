import { type Boot, BootError } from "firstlight/hooks";

/** What is run in the root, and where its exit status goes. */
interface RootCommand {
  argv: string[];
  /** "NAME=value". */
  env: string[];
  /** It is an init: it becomes PID 1 by a switch of root, and nobody learns how it ends. */
  system: boolean;
  /** Does somebody type at the console? Otherwise the command's input is empty. */
  terminal: boolean;
  /** A serial line that nobody else writes to. */
  report: string;
}

const path = "/etc/root-command.json";

/** What is to be run. Throws a BootError: nobody has said it. */
export function rootCommand({ files }: Boot): RootCommand {
  if (!files.stat(path))
    throw new BootError(
      `the image has the module root-command, and no ${path} that says what to run`,
      "Build the image without this module, or have tools/chrootvm build it, which adds that file.",
    );
  return JSON.parse(files.read(path)) as RootCommand;
}
