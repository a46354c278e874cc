import type { Option } from "../option.js";

const levels = ["0", "1", "2", "3", "4", "5", "6"] as const;

export const diagnostics = [
  { long: "verbose", short: "v", common: true, text: "tell what is put into the image, and why" },
  { long: "quiet", short: "q", text: "tell errors only" },
  {
    long: "stdlog",
    short: "L",
    value: "LEVEL",
    key: "stdloglvl",
    choices: levels,
    text: "how much is told",
    more: "0, 1, 2: errors, which are always told; 3: warnings, too; 4: the image's size, too (default); 5: what is put into it, and why (-v); 6: with the time since the start (--debug).",
  },
  { long: "debug", text: "as -v, with the time since the start in each line" },
  {
    long: "logfile",
    value: "FILE",
    key: "logfile",
    path: true,
    text: "add all that -v would tell to a file, too",
  },
  { long: "printsize", text: "show how much of the image each module takes, uncompressed" },
  {
    long: "keep",
    text: "keep what the image is made of in a new directory",
    more: "Of --tmpdir: every path with the module that brought it and the file that it is of, what each module has asked for, and the boot code. Also where the image cannot be built.",
  },
  { long: "conf", short: "c", value: "FILE", text: "configuration file" },
  { long: "confdir", value: "DIR", text: "directory of configuration files" },
  {
    long: "printconfig",
    text: "show the configuration that holds, and end",
    more: "Of files, environment and command line together, as a configuration file.",
  },
  { long: "version", text: "show the version and end" },
  {
    long: "help",
    short: "h",
    text: "show this and end",
    more: "With the name of an option: what there is to know of it.",
  },
] as const satisfies readonly Option[];
