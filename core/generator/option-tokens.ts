import { parseArgs } from "node:util";
import { BuildError } from "./problems.js";

interface NodeOption {
  type: "string" | "boolean";
  short?: string;
}

/** Words, and letters of joined short options: parseArgs needs a time that grows with their square. No shell's `*` gives as many. */
const mostTokens = 20_000;

/** The words of a command line as getopt_long(3) takes them apart; nothing is judged. Throws BuildError where there are too many. */
export function optionTokens(words: readonly string[], options: Readonly<Record<string, NodeOption>>) {
  const valued = Object.values(options).flatMap(({ type, short }) => (type === "string" && short ? [short] : []));
  // A value that stands right behind its option's letter is not taken apart.
  const count = (word: string) => (/^-[^-]/.test(word) && !valued.includes(word.charAt(1)) ? word.length : 1);
  if (words.reduce((sum, word) => sum + count(word), 0) > mostTokens)
    throw new BuildError(`the command line has more than ${mostTokens} words and joined options: give fewer`);
  return parseArgs({ args: [...words], options: { ...options }, strict: false, tokens: true }).tokens;
}
