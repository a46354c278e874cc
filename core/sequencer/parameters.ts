import { BootError, type Parameters } from "../../hooks/index.js";
import { nearest } from "../abi/index.js";
import type { PlannedParameter } from "./plan.js";

/** One word of a command line; `value` undefined: no "=" in it. */
export interface Word {
  name: string;
  value: string | undefined;
}

/**
 * Splits a command line as the kernel does (lib/cmdline.c, next_arg): blanks part words, not inside double quotes; quotes around a
 * word or a value are taken off. Ends at a lone "--": what follows is init's.
 */
export function parseCommandLine(text: string): Word[] {
  const words: Word[] = [];
  for (const raw of text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? []) {
    if (raw === "--") break;
    const word = unquote(raw);
    const equals = word.indexOf("=");
    words.push(
      equals < 0
        ? { name: word, value: undefined }
        : { name: word.slice(0, equals), value: unquote(word.slice(equals + 1)) },
    );
  }
  return words;
}

function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1).replace(/"$/, "") : text;
}

const truth: Record<string, boolean> = {
  "0": false,
  no: false,
  off: false,
  false: false,
  "1": true,
  yes: true,
  on: true,
  true: true,
};

/** A value of the declared type, or the text itself, which then fits no schema of that type. */
function convert(text: string, type: PlannedParameter["type"]): unknown {
  if (type === "boolean") return truth[text.toLowerCase()] ?? text;
  if (type === "integer") return /^-?\d+$/.test(text) ? Number(text) : text;
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
    flag: (name, otherwise) => {
      const value = text(name);
      return value === undefined ? otherwise : convert(value, "boolean") === true;
    },
    number: (name, otherwise) => {
      const value = text(name);
      return value === undefined ? otherwise : Number(value);
    },
  };
}

/**
 * Holds the words against the declarations. Throws a BootError that names every wrong value and its accepted form.
 * Gives a warning for each unknown `rd.` name: only those are surely meant for an initramfs.
 */
export function checkParameters(words: readonly Word[], declared: Record<string, PlannedParameter>): string[] {
  const wrong: string[] = [];
  const warnings = new Set<string>();
  for (const [position, { name, value }] of words.entries()) {
    const declaration = declared[name];
    if (declaration) {
      const counts = declaration.repeated || !words.slice(position + 1).some((later) => later.name === name);
      const given = value ?? "1";
      if (counts && !declaration.validate(convert(given, declaration.type)))
        wrong.push(`${name}=${given} (accepted: ${name}=${declaration.form})`);
    } else if (name.startsWith("rd.")) {
      const close = nearest(name, Object.keys(declared));
      warnings.add(`unknown kernel parameter ${name}${close ? `: did you mean ${close}?` : ", ignored"}`);
    }
  }
  if (wrong.length)
    throw new BootError(
      `wrong value on the kernel command line: ${wrong.join("; ")}`,
      "Correct the boot loader's entry, or edit the command line in its menu for this one boot.",
    );
  return [...warnings];
}
