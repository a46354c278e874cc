import { type Host, moduleSetup } from "firstlight/hooks";
import { isRequired } from "../99base/required.js";
import { meansArray, namesArray, readConfiguration } from "./configuration.js";
import { namedArrayPattern, uuidKey } from "./selection.js";

const flag = { schema: { type: "boolean" }, form: "0|1" } as const;

/** Where mdadm looks for its configuration (mdadm(8), --config), Debian's first; beside each a folder with more. */
const configurations = ["/etc/mdadm/mdadm.conf", "/etc/mdadm.conf"];

/** What the host's root, /usr, swap and added devices lie on, as far as it is known by its UUID. */
const arraysOf = ({ layers }: Host) =>
  layers.flatMap((layer) =>
    layer.kind === "raid" && layer.uuid !== undefined ? [{ ...layer, uuid: layer.uuid }] : [],
  );

/** The host's configuration as one file; empty: it has none. */
function configurationOf(host: Host): string {
  const file = configurations.find((path) => host.exists(path));
  const more = configurations.flatMap((path) => {
    const names = host.list(`${path}.d`) ?? [];
    return names.filter((name) => name.endsWith(".conf")).map((name) => `${path}.d/${name}`);
  });
  const texts = [...(file === undefined ? [] : [file]), ...more].map((path) => host.readFile(path) ?? "");
  return texts.map((text) => text.replace(/\n?$/, "\n")).join("");
}

/** A list of arrays that was written before the root's was made would have it left alone. */
function withArraysOf(host: Host, text: string): string {
  const lines = readConfiguration(text);
  if (!lines.some(namesArray)) return text;
  const missing = arraysOf(host).filter(({ uuid, name }) => !meansArray(lines, uuidKey(uuid), name));
  return text + missing.map(({ uuid }) => `ARRAY UUID=${uuid}\n`).join("");
}

export default moduleSetup({
  check(host) {
    if (host.findProgram("mdadm") === undefined) return { unavailable: "mdadm is not installed" };
    return host.layers.some(({ kind }) => kind === "raid") ? "include" : "on-request";
  },
  depends: (host) => ["base", "shutdown", ...(host.kernel === undefined ? [] : ["kernel-modules"])],
  parameters: {
    "rd.auto": flag,
    "rd.md": flag,
    "rd.md.uuid": {
      schema: { type: "string", pattern: namedArrayPattern },
      form: "UUID[:/dev/mdNAME][:optional]",
      repeated: true,
    },
    "rd.md.conf": flag,
    "rd.md.imsm": flag,
    "rd.md.ddf": flag,
  },
  cmdline: (host) => arraysOf(host).map((array) => `rd.md.uuid=${array.uuid}${isRequired(array) ? "" : ":optional"}`),
  install(image, host) {
    image.program("mdadm");
    image.program("mdmon", { optional: "arrays with Intel's metadata, or DDF, cannot be written to" });
    const configuration = host.hostOnly ? withArraysOf(host, configurationOf(host)) : "";
    if (configuration) image.text("/etc/mdadm.conf", configuration);
  },
  installkernel(image) {
    image.drivers(["md_mod", "linear", "raid0", "raid1", "raid10", "raid456"], { always: true });
  },
});
