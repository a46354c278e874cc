/** The keys of a configuration file, with dracut.conf(5)'s names and meanings; lists are words separated by blanks. */
export interface Configuration {
  hostonly: "yes" | "no";
  dracutmodules: string[];
  add_dracutmodules: string[];
  omit_dracutmodules: string[];
  add_drivers: string[];
  omit_drivers: string[];
  drivers_dir: string;
  fw_dir: string[];
  compress: string;
  kernel_cmdline: string;
  emergency_password_hash: string;
}

const words = { type: "array", items: { type: "string" } } as const;

/** JSON schema of Configuration; every key may be left out. A key of type "array" takes a list of words, also by `+=`. */
export const configurationSchema = {
  type: "object",
  properties: {
    hostonly: { type: "string", enum: ["yes", "no"] },
    dracutmodules: words,
    add_dracutmodules: words,
    omit_dracutmodules: words,
    add_drivers: words,
    omit_drivers: words,
    drivers_dir: { type: "string", pattern: "^/" },
    fw_dir: { type: "array", items: { type: "string", pattern: "^/" } },
    compress: { type: "string", minLength: 1 },
    kernel_cmdline: { type: "string" },
    emergency_password_hash: { type: "string" },
  },
  additionalProperties: false,
} as const;
