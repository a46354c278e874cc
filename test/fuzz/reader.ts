import type { Material } from "./inputs.js";

/** A reader that is given what no file should hold. */
export interface FuzzedReader {
  name: string;
  material(): Material;
  /**
   * Reads an input. true: it was taken; false: it was refused, with the error that the reader has for it. Throws, or gives an Error in
   * an assertion, where the reader does anything else.
   */
  read(input: Buffer): boolean | Promise<boolean>;
}

/** Texts as bytes. */
export const bytesOf = (texts: readonly string[]) => texts.map((text) => Buffer.from(text));

/** Was it taken? Errors of other classes than `Refusal` are passed on. */
export function isTaken(Refusal: new (...words: string[]) => Error, work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
