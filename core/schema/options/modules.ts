import type { Option } from "../option.js";

export const modules = [
  {
    long: "add",
    short: "a",
    value: "LIST",
    list: true,
    key: "add_dracutmodules",
    recorded: true,
    common: true,
    text: "add modules",
  },
  {
    long: "force-add",
    value: "LIST",
    list: true,
    key: "force_add_dracutmodules",
    recorded: true,
    text: "add modules that find themselves unable, too",
    more: "A module that says that it cannot be used here is in the image nevertheless. What it cannot do without remains an error.",
  },
  {
    long: "omit",
    short: "o",
    value: "LIST",
    list: true,
    key: "omit_dracutmodules",
    recorded: true,
    text: "leave modules out",
  },
  {
    long: "modules",
    short: "m",
    value: "LIST",
    list: true,
    key: "dracutmodules",
    replaces: true,
    recorded: true,
    text: "these modules only, and what they depend on",
  },
  {
    long: "list-modules",
    text: "show all modules and end",
    more: "A line for each: its name, the folder where it lies, and the folders of those that it overrides.",
  },
  {
    long: "local",
    short: "l",
    text: "take modules of ./modules.d",
    more: "In place of those in /usr/lib/firstlight and /etc/firstlight; one of the same name stands for firstlight's own. --rebuild does not repeat it.",
  },
] as const satisfies readonly Option[];
