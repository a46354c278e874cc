import { type Contents, type ListedMember, tableOf } from "./contents.js";
import { modeText, printable, sizeWords } from "./listing.js";

/** Lines for the files that one image has and the other has not, or that differ in content, size, mode, owner or target. Times do not count. */
export function* diffLines(before: Contents, after: Contents): Generator<string> {
  const [old, now] = [tableOf(before.members), tableOf(after.members)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  const width = Math.max(8, ...[...old.values(), ...now.values()].map(({ size }) => String(size).length));
  const counts = { added: 0, removed: 0, changed: 0 };
  let growth = 0;
  for (const path of paths) {
    const [a, b] = [old.get(path), now.get(path)];
    growth += (b?.size ?? 0) - (a?.size ?? 0);
    const name = printable(path || ".");
    const words = a && b ? changes(a, b) : [];
    if (!a || !b) {
      counts[a ? "removed" : "added"]++;
      yield `${a ? "-" : "+"} ${String((a ?? b)?.size).padStart(width)} ${name}`;
    } else if (words.length) {
      counts.changed++;
      yield `! ${String(b.size).padStart(width)} ${name}: ${words.join(", ")}`;
    }
  }
  const sign = growth < 0 ? "-" : "+";
  yield `${counts.added} added, ${counts.removed} removed, ${counts.changed} changed: ${sign}${sizeWords(Math.abs(growth))} unpacked`;
}

function changes(a: ListedMember, b: ListedMember): string[] {
  const words: string[] = [];
  if (modeText(a) !== modeText(b)) words.push(`${modeText(a)} -> ${modeText(b)}`);
  if (a.uid !== b.uid || a.gid !== b.gid) words.push(`owner ${a.uid}:${a.gid} -> ${b.uid}:${b.gid}`);
  if (a.node.join() !== b.node.join()) words.push(`node ${a.node.join(":")} -> ${b.node.join(":")}`);
  if (a.target !== b.target) words.push(`target ${printable(a.target ?? "none")} -> ${printable(b.target ?? "none")}`);
  if (a.size !== b.size) words.push(`${a.size} -> ${b.size} bytes`);
  else if (a.target === b.target && a.digest !== b.digest) words.push("content");
  return words;
}
