/** A line of fstab(5). */
export interface FstabEntry {
  /** In the file, from 1. */
  line: number;
  /** As root= takes it: "UUID=…", "/dev/…"; or what the type takes: "tmpfs", a path to bind. */
  source: string;
  /** Absolute, without a slash at its end. */
  point: string;
  type: string;
  /** As mount(8)'s -o: "rw,noatime". */
  options: string;
  /** When it is to be checked, 0: never. */
  pass: number;
}

export interface Fstab {
  entries: FstabEntry[];
  /** What is wrong with lines, which are left out: "line 3: …". */
  mistakes: string[];
}

/** Blanks, and whatever else would part fields, are octal numbers. */
export const unescaped = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));

/** UUID="…" is as good as UUID=…, for mount(8). */
const unquoted = (text: string) => text.replace(/^(\w+=)?"(.*)"$/, "$1$2");

/** Where a path leads by its names alone. */
const normalized = (path: string) =>
  `/${path
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .join("/")}`;

/** What an fstab says. Lines of swap, and those without a mount point ("none"), are left out. */
export function parseFstab(text: string): Fstab {
  const fstab: Fstab = { entries: [], mistakes: [] };
  for (const [index, line] of text.split("\n").entries()) {
    const fields = line.trim().split(/\s+/);
    if (!fields[0] || fields[0].startsWith("#")) continue;
    const entry = readLine(fields, index + 1);
    if (typeof entry === "string") fstab.mistakes.push(`line ${index + 1}: ${entry}`);
    else if (entry) fstab.entries.push(entry);
  }
  return fstab;
}

/** A text: what is wrong with it. undefined: nothing is mounted by it. */
function readLine(fields: readonly string[], line: number): FstabEntry | string | undefined {
  const [source = "", point = "", type = "", options = "defaults", , pass = "0"] = fields;
  if (type === "") return "a source, a mount point and a type are expected";
  if (type === "swap" || point === "none" || point === "swap") return undefined;
  const path = unescaped(point);
  if (!path.startsWith("/")) return `${point} is no mount point: it has to be an absolute path, or none`;
  if (path.split("/").includes("..")) return `${point} is no mount point: it has ".." in it`;
  if (!/^\d+$/.test(pass)) return `${pass} is no number: when to check it, 0, 1 or 2, is expected in the sixth field`;
  return {
    line,
    source: unescaped(unquoted(source)),
    point: normalized(path),
    type,
    options: unescaped(options),
    pass: Number(pass),
  };
}

/** Is this one of the options of mount(8)? */
export const hasOption = ({ options }: Pick<FstabEntry, "options">, option: string): boolean =>
  options.split(",").includes(option);
