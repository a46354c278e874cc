import { recordedOptionsPath } from "../abi/index.js";
import { BuildError } from "../generator/problems.js";
import { readContents } from "./contents.js";

/** The options that an image was built with. Throws BuildError: it is not one of firstlight's, or is damaged. */
export async function readRecordedOptions(image: string): Promise<string[]> {
  const { records } = await readContents(image);
  const text = records.get(recordedOptionsPath.slice(1));
  if (text === undefined)
    throw new BuildError(`${image} has no record of the options that it was built with: build it without --rebuild`);
  const words = parseRecordedOptions(text);
  if (words) return words;
  throw new BuildError(
    `${image}: its record of options, ${recordedOptionsPath}, is damaged: build it without --rebuild`,
  );
}

/** undefined: it is no list of words that a command line could hold. */
export function parseRecordedOptions(text: string): string[] | undefined {
  try {
    const words: unknown = JSON.parse(text);
    const isWord = (word: unknown) => typeof word === "string" && !word.includes("\0");
    return Array.isArray(words) && words.every(isWord) ? words : undefined;
  } catch {
    return undefined;
  }
}
