import type { Boot } from "firstlight/hooks";

/** Where something is mounted already: by a person at the shell, or in an earlier try of the boot. Throws OpError. */
export function mountPoints({ files }: Pick<Boot, "files">): Set<string> {
  const points = files.read("/proc/self/mounts").split("\n");
  return new Set(points.map((line) => unescaped(line.split(" ")[1] ?? "")));
}

/** Blanks and backslashes are octal numbers there (proc(5)). */
const unescaped = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
