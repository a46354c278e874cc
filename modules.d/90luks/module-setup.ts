import { type Host, moduleSetup, type ParameterDeclaration } from "firstlight/hooks";
import { isRequired } from "../99base/required.js";
import { type CrypttabLine, parseCrypttab, uuidOf } from "./crypttab.js";
import { directories, keyFileSystems, unwanted, usual } from "./drivers.js";
import { parseOptions } from "./options.js";

const text = (form: string, pattern = "."): ParameterDeclaration => ({
  schema: { type: "string", pattern },
  form,
  repeated: true,
});
const flag: ParameterDeclaration = { schema: { type: "boolean" }, form: "0|1" };
const seconds: ParameterDeclaration = { schema: { type: "integer", minimum: 0, maximum: 1_000_000 }, form: "SECONDS" };

const uuid = "(luks-)?[0-9A-Fa-f-]+";
const device = "/dev/|(UUID|LABEL|PARTUUID|PARTLABEL)=";

/** systemd-cryptsetup-generator(8): with rd. for the initrd alone. */
const shared: Readonly<Record<string, ParameterDeclaration>> = {
  "": flag,
  ".crypttab": flag,
  ".uuid": text("[keysource:][luks-]UUID[:optional]", `^(keysource:)?${uuid}(:optional)?$`),
  ".name": text("UUID=NAME", `^${uuid}=[A-Za-z0-9#+.:=@_-]+$`),
  ".data": text("UUID=DEVICE", `^${uuid}=(${device}).+`),
  ".key": text("[UUID=]PATH[:DEVICE[:LUKSDEVICE]]", `^(${uuid}=)?[^:]+(:(/|(${device})[^:]+)?(:.*)?)?$`),
  ".options": text("[UUID=]OPTION,…"),
};

/** systemd's, Debian's and dracut's way to say that a device is set up in the initrd, whatever is on it. */
const attached = /^(x-initrd\.attach|initramfs|force)$/;

/** LUKS containers that the root, /usr, swap or added devices lie on. */
const containersOf = ({ layers }: Host) => layers.filter((layer) => layer.kind === "luks");

/** Lines of crypttab for the initrd: of the containers that it needs, and those that say so. */
function linesFor(host: Host): CrypttabLine[] {
  if (!host.hostOnly) return [];
  const containers = containersOf(host);
  return parseCrypttab(host.readFile("/etc/crypttab") ?? "").filter(
    (line) =>
      line.options.some((option) => attached.test(option)) ||
      containers.some(({ uuid, name }) => uuidOf(line) === uuid || line.name === name),
  );
}

/** In the image a line that is needed counts, whatever it says for the time after the switch. */
const withoutNoauto = ({ text, options }: CrypttabLine) =>
  options.includes("noauto") ? text.replace(/(?<=[\s,])noauto(?=,|\s*$)/, "-") : text;

export default moduleSetup({
  check(host) {
    if (!host.findProgram("cryptsetup")) return { unavailable: "cryptsetup is not installed" };
    return containersOf(host).length || linesFor(host).length ? "include" : "on-request";
  },
  depends: (host) => ["base", "fs-lib", "shutdown", ...(host.kernel === undefined ? [] : ["kernel-modules"])],
  parameters: {
    ...Object.fromEntries(
      ["luks", "rd.luks"].flatMap((name) => Object.entries(shared).map(([end, declared]) => [name + end, declared])),
    ),
    "rd.luks.allow-discards": text("UUID", `^(1|yes|on|true|${uuid})$`),
    "rd.luks.timeout": seconds,
    "rd.luks.key.tout": seconds,
    "rd.auto": flag,
  },
  cmdline(host) {
    const containers = containersOf(host);
    const named = containers.flatMap((container) => [
      `rd.luks.uuid=luks-${container.uuid}${isRequired(container) ? "" : ":optional"}`,
      ...(container.name === `luks-${container.uuid}` ? [] : [`rd.luks.name=${container.uuid}=${container.name}`]),
    ]);
    // Where some are named, only these are set up.
    const others = linesFor(host).flatMap((line) => uuidOf(line) ?? []);
    const missing = others.filter((uuid) => !containers.some((container) => container.uuid === uuid));
    return [...named, ...(containers.length ? missing.map((uuid) => `rd.luks.uuid=luks-${uuid}`) : [])];
  },
  install(image, host) {
    image.program("cryptsetup");
    // glibc opens it where a thread ends: Argon2 has some.
    image.library("libgcc_s.so.1", { optional: "cryptsetup may end with an abort where it derives a key by Argon2" });
    const lines = linesFor(host);
    if (!lines.length) return;
    image.text("/etc/crypttab", lines.map((line) => `${withoutNoauto(line)}\n`).join(""), 0o600);
    for (const { name, options } of lines) {
      const { header } = parseOptions(options);
      if (header && header.device === undefined && !header.path.startsWith("/dev/"))
        image.file(header.path, { optional: `crypttab: ${name} cannot be unlocked without its header`, mode: 0o600 });
    }
  },
  installkernel(image) {
    image.drivers([...usual, ...keyFileSystems], { always: true });
    image.drivers(
      directories.map((directory) => `=${directory}`),
      { except: unwanted },
    );
  },
});
