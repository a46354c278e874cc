import { BootError } from "../../hooks/index.js";
import { files, listIfThere, readIfThere } from "./files.js";
import { parseCommandLine, type Word } from "./parameters.js";
import type { BootPlan } from "./plan.js";

export interface CommandLine {
  /** As the kernel has it. */
  text: string;
  /** The image's own words first, so that the boot loader's win. */
  words: Word[];
}

/**
 * /etc/cmdline.d/*.conf in the order of their names, /etc/cmdline, /proc/cmdline (dracut.cmdline(7)). The files are read line by line, so that a
 * quote that is never closed, or a "--", spoils no more than its line. A line may be a comment. Throws OpError, and BootError: it is cut.
 */
export function readCommandLine(own: BootPlan["ownParameters"] = readOwn()): CommandLine {
  const whole = files.read("/proc/cmdline");
  // The kernel ends it so (fs/proc/cmdline.c). Half of it may name another root, or another init.
  if (!whole.endsWith("\n"))
    throw new BootError(
      "/proc/cmdline cannot be read to its end",
      "Start the machine again, and report it (tools/bug-report).",
    );
  const text = whole.trim();
  return { text, words: [...own.flatMap(({ path, text }) => wordsOfFile(path, text)), ...parseCommandLine(text)] };
}

/** The files of the initramfs. */
function readOwn(): { path: string; text: string }[] {
  const folder = "/etc/cmdline.d";
  const names = listIfThere(folder).filter(({ name, type }) => name.endsWith(".conf") && type !== "dir");
  const paths = [...names.map(({ name }) => `${folder}/${name}`), "/etc/cmdline"];
  return paths.map((path) => ({ path, text: readIfThere(path) ?? "" }));
}

export function wordsOfFile(file: string, text: string): Word[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  return lines.flatMap((line) => parseCommandLine(line).map((word) => ({ ...word, file })));
}
