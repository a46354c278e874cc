import type { Parameters } from "firstlight/hooks";
import { type CrypttabLine, parseCrypttab, uuidOf } from "./crypttab.js";
import { agree, mappingName, plainUuid } from "./identity.js";
import { type Options, parseOptions } from "./options.js";
import { type Place, parsePlace } from "./places.js";

/** A key, and which devices it is for. */
export interface Key extends Place {
  /** dracut's LUKSDEV, as `Devices.find` has it, or by the beginning of its UUID. Left out: for all. */
  only?: string;
}

/** An encrypted device that is to be unlocked. */
export interface Target {
  /** Of its LUKS header, or the beginning of it. Left out: crypttab names the device otherwise. */
  uuid?: string;
  /** The device, in the forms of `Devices.find`. Left out: it is the one with that UUID. */
  device?: string;
  /** Of the mapping. Left out: luks-UUID. */
  name?: string;
  /** They are tried in this order. */
  keys: readonly Key[];
  options: Options;
  /** It is there for the keys on it: a person is asked, and it is locked again in the end. */
  keySource: boolean;
}

export interface Selection {
  targets: readonly Target[];
  /** How each other LUKS device that is there is unlocked, by its UUID. Left out: it is let alone. */
  others?: (uuid: string) => Target;
  /** What cannot be meant: a text each. */
  mistakes: readonly string[];
}

/** The names of systemd-cryptsetup-generator(8), for the initrd alone and for both systems. */
export const both = (name: string): string[] => [`luks${name}`, `rd.luks${name}`];

/** What crypttab(5) and the command line ask for (dracut.cmdline(7), systemd-cryptsetup-generator(8)). */
export function select(parameters: Parameters, crypttab: string): Selection {
  const flag = (name: string) => both(name).every((each) => parameters.flag(each, true));
  if (!flag("")) return { targets: [], mistakes: [] };
  const words = readWords(parameters);
  const lines = flag(".crypttab") ? parseCrypttab(crypttab) : [];
  const named = words.named.map((one) => targetOf(one, lines.find(isLineOf(one.uuid)), words));
  const automatic = lines.filter(({ options }) => !options.includes("noauto"));
  const choices = named.length ? named : automatic.map((line) => targetOf(namedBy(line), line, words));
  const targets = choices.filter(isLuks).map(({ target }) => target);
  const mistakes = choices.flatMap(mistakesOf);
  if (named.length || !parameters.flag("rd.auto", false)) return { targets, mistakes };
  const other = (one: Partial<Named>) => targetOf({ ...one, keySource: false }, undefined, words);
  return {
    targets,
    others: (uuid) => other({ uuid: plainUuid(uuid) }).target,
    mistakes: [...mistakes, ...mistakesOf(other({}))],
  };
}

interface Named {
  uuid?: string;
  name?: string;
  keySource: boolean;
  /** The boot goes on without it, whatever its options are. */
  optional?: boolean;
}

interface Choice {
  target: Target;
  line: CrypttabLine | undefined;
}

const isLuks = ({ target, line }: Choice) =>
  target.options.other === undefined && !hasRandomKey(line) && !hasBadName(target);
const hasRandomKey = (line: CrypttabLine | undefined) => line !== undefined && /^\/dev\/u?random$/.test(line.key);
const hasBadName = ({ name }: Target) => name !== undefined && !new RegExp(mappingName).test(name);

function mistakesOf({ target, line }: Choice): string[] {
  const { name, uuid, options } = target;
  const what = line ? `crypttab, ${line.name}` : `rd.luks.options of ${name ?? `luks-${uuid ?? "…"}`}`;
  if (hasRandomKey(line)) return [`${what}: a new key each time is no LUKS, which is for the new root`];
  if (options.other !== undefined) return [`${what}: ${options.other} is no LUKS, which is for the new root`];
  if (hasBadName(target)) return [`${what}: a name of letters, digits and #+-.:=@_ is needed`];
  return options.mistakes.map((mistake) => `${what}: ${mistake}`);
}

const namedBy = (line: CrypttabLine): Named => {
  const uuid = uuidOf(line);
  return { ...(uuid === undefined ? {} : { uuid }), name: line.name, keySource: false };
};

const isLineOf =
  (uuid = "") =>
  (line: CrypttabLine) => {
    const own = uuidOf(line);
    return own === undefined ? plainUuid(line.name) === uuid : agree(own, uuid);
  };

/** What the command line says. `of`: for whom, by UUID; left out: for all. */
interface Words {
  named: readonly (Named & { uuid: string })[];
  keys: readonly (Key & { of?: string })[];
  options: readonly { of?: string; list: readonly string[] }[];
  data: readonly { of: string; device: string }[];
  discard: readonly string[];
  /** To be added to the options where these do not say otherwise. */
  usual: readonly string[];
}

function readWords(parameters: Parameters): Words {
  const all = (name: string) => both(name).flatMap((each) => parameters.all(each));
  const time = (parameter: string, option: string) =>
    parameters.has(parameter) ? [`${option}=${parameters.text(parameter)}`] : [];
  return {
    named: readNames(all(".uuid"), all(".name").map(halves)),
    keys: all(".key").flatMap((text) => parseKey(text) ?? []),
    options: all(".options").map((text) => {
      const [of, list] = ofUuid(text);
      return { ...(of === undefined ? {} : { of }), list: list.split(",") };
    }),
    data: all(".data").map((text) => ({ of: plainUuid(halves(text)[0]), device: halves(text)[1] })),
    discard: parameters
      .all("rd.luks.allow-discards")
      .map((value) => (/^(1|yes|on|true)$/.test(value) ? "" : plainUuid(value))),
    usual: [...time("rd.luks.timeout", "timeout"), ...time("rd.luks.key.tout", "keyfile-timeout")],
  };
}

/** "UUID=NAME" */
function halves(text: string): [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** "UUID=REST", where what is in front of the sign is one. */
function ofUuid(text: string): [of: string | undefined, rest: string] {
  const [first, rest] = halves(text);
  return /^(luks-)?[0-9a-f-]+$/i.test(first) ? [plainUuid(first), rest] : [undefined, text];
}

/** systemd's forms `UUID=PATH[:DEVICE]` and `PATH`, dracut's `PATH[:DEVICE[:LUKSDEVICE]]`; undefined: it is none of them. */
export function parseKey(text: string): (Key & { of?: string }) | undefined {
  const [of, rest] = ofUuid(text);
  const [, path = "", device = "", only = ""] = /^([^:]+)(?::([^:]*))?(?::(.*))?$/.exec(rest) ?? [];
  const absolute = path.startsWith("/") ? path : `/${path}`;
  const place = parsePlace(device ? `${absolute}:${device}` : absolute);
  if (!place) return undefined;
  if (of !== undefined) return { ...place, of };
  // dracut's looks for it everywhere; systemd's takes the image's.
  const somewhere = device || path.startsWith("/dev/") ? place : { ...place, device: "anywhere" };
  return only && only !== "*" ? { ...somewhere, only } : somewhere;
}

function readNames(uuids: readonly string[], names: readonly (readonly [string, string])[]): Words["named"] {
  const named: (Named & { uuid: string })[] = names.map(([uuid, name]) => ({
    ...{ uuid: plainUuid(uuid), name },
    keySource: false,
  }));
  for (const text of uuids) {
    const keySource = text.startsWith("keysource:");
    const uuid = plainUuid(text.replace(/^keysource:/, "").replace(/:optional$/, ""));
    const optional = text.endsWith(":optional");
    const one = named.find((each) => agree(each.uuid, uuid));
    if (!one) named.push({ uuid, keySource, optional });
    else {
      one.keySource ||= keySource;
      one.optional = optional && one.optional !== false;
    }
  }
  return named;
}

function targetOf(
  { uuid, name, keySource, optional = false }: Named,
  line: CrypttabLine | undefined,
  words: Words,
): Choice {
  const isFor = ({ of }: { of?: string }) => of !== undefined && uuid !== undefined && agree(of, uuid);
  const forAll = ({ of }: { of?: string }) => of === undefined;
  const own = words.options.filter(isFor);
  const general = line ? [{ list: line.options }] : words.options.filter(forAll);
  const list = (own.length ? own : general).flatMap((each) => each.list);
  const discards = words.discard.some((each) => each === "" || (uuid !== undefined && agree(each, uuid)));
  const data = words.data.find(isFor)?.device ?? (line && uuidOf(line) === undefined ? line.device : undefined);
  const fromTab = line?.key ? parsePlace(line.key) : undefined;
  const mapping = name ?? line?.name;
  const options = parseOptions([...words.usual, ...list, ...(discards ? ["discard"] : [])]);
  return {
    line,
    target: {
      ...(uuid === undefined ? {} : { uuid }),
      ...(data === undefined ? {} : { device: data }),
      ...(mapping === undefined ? {} : { name: mapping }),
      keys: keySource ? [] : [...words.keys.filter(isFor), ...(fromTab ? [fromTab] : []), ...words.keys.filter(forAll)],
      options: { ...options, nofail: options.nofail || optional },
      keySource,
    },
  };
}
