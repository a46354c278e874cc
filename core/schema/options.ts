import { nearest } from "../abi/index.js";
import type { Option } from "./option.js";
import { content } from "./options/content.js";
import { diagnostics } from "./options/diagnostics.js";
import { drivers } from "./options/drivers.js";
import { host } from "./options/host.js";
import { modules } from "./options/modules.js";
import { output } from "./options/output.js";
import { size } from "./options/size.js";

/** All options by groups, with dracut's names, in the order of help. */
export const groups = {
  Output: output,
  Modules: modules,
  "Drivers and file systems": drivers,
  Host: host,
  Content: content,
  Size: size,
  Diagnostics: diagnostics,
};

export const options = Object.values(groups).flat();

type Working = Exclude<(typeof options)[number], { refused: string }>;

export type OptionName = (typeof options)[number]["long"];

/** Keys of the configuration that take lists. */
export type ListKey = Extract<Working, { list: true }>["key"];

/** Keys of the configuration that take one value. */
export type TextKey = Exclude<Extract<Working, { key: string }>["key"], ListKey>;

/** The option of a long name, as a person may write it. */
export const findOption = (long: string): Option | undefined => options.find((option) => option.long === long);

/** The option that a person who wrote `name`, without its dashes, most likely meant: "--add", or "-N" for "n". */
export function nearestOption(name: string): string | undefined {
  // Any other letter is as near as the next.
  const isSameLetter = ({ short = "" }: Option) => short.toLowerCase() === name.toLowerCase();
  if (name.length === 1) return options.filter(isSameLetter).map(({ short }: Option) => `-${short}`)[0];
  const close = nearest(
    name,
    options.map(({ long }) => long),
  );
  return close && `--${close}`;
}
