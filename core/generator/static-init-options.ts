import type { Configuration } from "../schema/configuration.js";
import { type OptionName, options } from "../schema/options.js";
import type { CommandLine } from "./command-line.js";
import { BuildError } from "./problems.js";

/** What can be said of a program that holds boot code and nothing else. */
const meaningful: ReadonlySet<OptionName> = new Set<OptionName>([
  "static-init",
  ...(["force", "rebuild", "tmpdir", "reproducible", "no-reproducible"] as const),
  ...(["modules", "add", "force-add", "omit", "local"] as const),
  ...(["no-hostonly", "kernel-cmdline"] as const),
  ...(["conf", "confdir", "stdlog", "logfile", "verbose", "quiet", "debug", "keep", "printsize"] as const),
  ...(["help", "version", "list-modules", "printconfig"] as const),
]);

/** Throws BuildError with all that a command line with --static-init cannot mean. */
export function checkStaticInit({ last, operands }: CommandLine): void {
  const problems = options
    .filter(({ long }) => last(long) && !meaningful.has(long))
    .map(
      ({ long }) =>
        `--${long} has no meaning with --static-init, which writes a program of boot code only: leave one of them out`,
    );
  const [image, release] = operands;
  if (image === undefined && !last("rebuild")) problems.push("--static-init: name the file to write");
  if (release !== undefined)
    problems.push(`--static-init: the program is for any kernel: leave the word "${release}" after ${image} out`);
  if (!last("modules")) problems.push("--static-init: name the modules that are to be in the program with -m");
  if (problems.length) throw new BuildError(...problems);
}

/** Of the configuration, what holds for every image that is built: the rest is about images with files. */
export function configurationOfStaticInit({ tmpdir, reproducible }: Partial<Configuration>): Partial<Configuration> {
  return {
    hostonly: "no",
    no_kernel: "yes",
    ...(tmpdir === undefined ? {} : { tmpdir }),
    ...(reproducible === undefined ? {} : { reproducible }),
  };
}
