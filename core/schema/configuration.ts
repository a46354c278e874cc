import type { Option } from "./option.js";
import { type ListKey, options, type TextKey } from "./options.js";

/** A configuration, with dracut.conf(5)'s keys and meanings, and one key that no option has. */
export type Configuration = Record<ListKey, string[]> & Record<TextKey | "emergency_password_hash", string>;

/** What may be written for a key. */
export interface KeySchema {
  type: "string" | "array";
  /** What a value is, where not any text is one. */
  description?: string;
  items?: KeySchema;
  enum?: readonly string[];
  pattern?: string;
  minLength?: number;
}

const oneOf = (words: readonly string[]): KeySchema => ({
  type: "string",
  enum: words,
  description: `one of ${words.join(", ")}`,
});

/** What may be written for the key of an option; one whose options take no value is a question. */
function schemaOf(key: string): KeySchema {
  const valued = options.find((option: Option) => option.key === key && option.value !== undefined) as
    | Option
    | undefined;
  if (!valued) return oneOf(["yes", "no"]);
  const { choices, path, list } = valued;
  const word: KeySchema = choices
    ? oneOf(choices)
    : { type: "string", ...(path && { pattern: "^/", description: "an absolute path" }) };
  return list ? { type: "array", items: word } : word;
}

const keys = options.flatMap((option: Option) => (option.refused === undefined && option.key ? [option.key] : []));

/** JSON schema of Configuration; every key may be left out. A key of type "array" takes a list of words, also by `+=`. */
export const configurationSchema = {
  type: "object",
  properties: {
    ...(Object.fromEntries(keys.map((key) => [key, schemaOf(key)])) as Record<ListKey | TextKey, KeySchema>),
    emergency_password_hash: {
      type: "string",
      minLength: 1,
      description: "a hash, as openssl passwd -6 prints it",
    } as KeySchema,
  },
  additionalProperties: false,
} as const;

/** Keys of dracut.conf(5) that set nothing here: a configuration of dracut's may have them. */
export const keysOfDracutOnly: readonly string[] = [
  ...[
    "acpi_override",
    "acpi_table_dir",
    "aggressive_strip",
    "do_hardlink",
    "do_prelink",
    "enhanced_cpio",
    "fileloglvl",
  ],
  ...["hostonly_default_device", "hostonly_nics", "i18n_default_font", "i18n_install_all", "i18n_vars"],
  ...["kmsgloglvl", "libdirs", "loginstall", "lvmconf", "machine_id", "mdadmconf", "parallel"],
  ...["persistent_policy", "prefix", "ro_mnt", "show_modules", "squash_compress", "sysloglvl"],
];
