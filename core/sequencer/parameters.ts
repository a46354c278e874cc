import { BootError, type Parameters } from "../../hooks/index.js";
import { nearest } from "../abi/index.js";
import type { PlannedParameter } from "./plan.js";

/** One word of a command line; `value` undefined: no "=" in it. */
export interface Word {
  name: string;
  value: string | undefined;
  /** The file of the image that it comes from; left out: the kernel's own. */
  file?: string;
}

/**
 * Blanks part words, not inside double quotes. ASCII's only: the kernel's isspace also takes the byte 0xA0, which is half of many a letter in
 * UTF-8 ("à").
 */
const wordPattern = /(?:[^\t-\r "]+|"[^"]*"?)+/g;

/** Splits a command line as the kernel does (lib/cmdline.c, next_arg). Ends at a lone "--": what follows is init's. */
export function parseCommandLine(text: string): Word[] {
  const words: Word[] = [];
  for (const raw of text.match(wordPattern) ?? []) {
    const word = parseWord(raw);
    if (word.name === "--" && word.value === undefined) break;
    words.push(word);
  }
  return words;
}

/** A quote at the start of the word or of its value is taken off, and then one at the end. Others stay. A "=" at the start parts nothing. */
function parseWord(raw: string): Word {
  const quoted = raw.startsWith('"');
  const text = quoted ? raw.slice(1) : raw;
  const equals = text.indexOf("=", 1);
  if (equals < 0) return { name: quoted ? withoutLastQuote(text) : text, value: undefined };
  const value = text.slice(equals + 1);
  const name = text.slice(0, equals);
  if (value.startsWith('"')) return { name, value: withoutLastQuote(value.slice(1)) };
  return { name, value: quoted ? withoutLastQuote(value) : value };
}

function withoutLastQuote(text: string): string {
  return text.endsWith('"') ? text.slice(0, -1) : text;
}

const truth = new Map([
  ["0", false],
  ["no", false],
  ["off", false],
  ["false", false],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["true", true],
]);

/** A value of the declared type, or the text itself, which then fits no schema of that type. */
function convert(text: string, type: PlannedParameter["type"]): unknown {
  if (type === "boolean") return truth.get(text.toLowerCase()) ?? text;
  if (type === "integer") return /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
  return text;
}

/** Typed access to the words. What a wrong or unknown one gives, `checkParameters` says. */
export function createParameters(words: readonly Word[]): Parameters {
  const all = (name: string) => words.filter((word) => word.name === name).map((word) => word.value ?? "1");
  const text = (name: string) => all(name).at(-1);
  return {
    has: (name) => text(name) !== undefined,
    text,
    all,
    inOrder: (names) => words.filter(({ name }) => names.includes(name)).map(({ name, value }) => ({ name, value })),
    flag: (name, otherwise) => {
      const value = text(name);
      return value === undefined ? otherwise : convert(value, "boolean") === true;
    },
    number: (name, otherwise) => {
      const value = convert(text(name) ?? "", "integer");
      return typeof value === "number" ? value : otherwise;
    },
  };
}

/** For a form that is a choice of words, "a|b": which one the first word that is none of them most likely means. */
function suggestion(given: string, form: string): string {
  const words = form.split("|");
  const wrong = given.split(",").find((word) => !words.includes(word));
  const close = words.length > 1 && wrong ? nearest(wrong, words) : undefined;
  return close ? `; did you mean ${close}?` : "";
}

/** What is to be said of one word. */
export interface Remark {
  /** "rd.retry=soon"; of an unknown parameter its name only. */
  word: string;
  /** The file of the image that it comes from; left out: the kernel's own. */
  file: string | undefined;
  /** The accepted form, or what may have been meant. */
  hint: string;
}

/**
 * Holds the words against the declarations: wrong values, and unknown `rd.` names, of which only those are surely meant for an initramfs.
 * Of a parameter that is not repeated the last one counts.
 */
export function judgeParameters(
  words: readonly Word[],
  declared: Record<string, PlannedParameter>,
): { wrong: Remark[]; unknown: Remark[] } {
  const wrong: Remark[] = [];
  const unknown: Remark[] = [];
  const last = new Map(words.map(({ name }, position) => [name, position]));
  for (const [position, { name, value, file }] of words.entries()) {
    const declaration = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (declaration) {
      const counts = declaration.repeated || last.get(name) === position;
      const given = value ?? "1";
      if (!counts || declaration.validate(convert(given, declaration.type))) continue;
      const hint = `accepted: ${name}=${declaration.form}${suggestion(given, declaration.form)}`;
      wrong.push({ word: `${name}=${given}`, file, hint });
    } else if (name.startsWith("rd.")) {
      const close = nearest(name, Object.keys(declared));
      unknown.push({ word: name, file, hint: close ? `: did you mean ${close}?` : ", ignored" });
    }
  }
  return { wrong, unknown };
}

/** Throws a BootError that names every wrong value and its accepted form. Gives a warning for each unknown `rd.` name. */
export function checkParameters(words: readonly Word[], declared: Record<string, PlannedParameter>): string[] {
  const { wrong, unknown } = judgeParameters(words, declared);
  const placed = ({ word, file }: Remark) => `${word}${file ? ` in the image's ${file}` : ""}`;
  if (wrong.length)
    throw new BootError(
      `wrong value of a kernel parameter: ${wrong.map((remark) => `${placed(remark)} (${remark.hint})`).join("; ")}`,
      wrong.some(({ file }) => file !== undefined)
        ? "Build the image anew without it (mkinitrd --kernel-cmdline, kernel_cmdline of the configuration, a module's cmdline)."
        : "Correct the boot loader's entry, or edit the command line in its menu for this one boot.",
    );
  return [...new Set(unknown.map((remark) => `unknown kernel parameter ${placed(remark)}${remark.hint}`))];
}
