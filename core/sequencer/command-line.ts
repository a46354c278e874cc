import { files, listIfThere, readIfThere } from "./files.js";
import { parseCommandLine, type Word } from "./parameters.js";

export interface CommandLine {
  /** As the kernel has it. */
  text: string;
  /** The image's own words first, so that the boot loader's win. */
  words: Word[];
}

/** /etc/cmdline.d/*.conf in the order of their names, /etc/cmdline, /proc/cmdline (dracut.cmdline(7)). A line of the files may be a comment. */
export function readCommandLine(): CommandLine {
  const folder = "/etc/cmdline.d";
  const names = listIfThere(folder);
  const paths = names.filter(({ name }) => name.endsWith(".conf")).map(({ name }) => `${folder}/${name}`);
  const own = [...paths, "/etc/cmdline"].map((path) => readIfThere(path) ?? "").join("\n");
  const text = files.read("/proc/cmdline").trim();
  return { text, words: [...parseCommandLine(own.replace(/^\s*#.*$/gm, "")), ...parseCommandLine(text)] };
}
