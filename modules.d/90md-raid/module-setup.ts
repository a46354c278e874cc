import { type Host, moduleSetup } from "firstlight/hooks";
import { namedArrayPattern } from "./selection.js";

const flag = { schema: { type: "boolean" }, form: "0|1" } as const;

/** Where mdadm looks for its configuration (mdadm(8), --config): each a file, and a folder with more. */
const configurations = ["/etc/mdadm.conf", "/etc/mdadm/mdadm.conf"];

/** The host's configuration as one file; undefined: it has none. */
function configurationOf(host: Host): string | undefined {
  const file = configurations.find((path) => host.exists(path));
  const folders = configurations.map((path) => `${path}.d`);
  const more = folders.flatMap((folder) =>
    (host.list(folder) ?? []).filter((name) => name.endsWith(".conf")).map((name) => `${folder}/${name}`),
  );
  const texts = [...(file === undefined ? [] : [file]), ...more].flatMap((path) => host.readFile(path) ?? []);
  return texts.length ? texts.map((text) => text.replace(/\n?$/, "\n")).join("") : undefined;
}

export default moduleSetup({
  // A machine whose root lies on an array gets it, whoever asks with -a md-raid, and what depends on it.
  check: (host) => (host.findProgram("mdadm") === undefined ? { unavailable: "mdadm is not installed" } : "on-request"),
  depends: (host) => ["base", ...(host.kernel === undefined ? [] : ["kernel-modules"])],
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
  install(image, host) {
    image.program("mdadm");
    image.program("mdmon", { optional: "arrays with metadata of Intel's or DDF's kind cannot be written to" });
    const configuration = host.hostOnly ? configurationOf(host) : undefined;
    if (configuration !== undefined) image.text("/etc/mdadm.conf", configuration);
  },
  installkernel(image) {
    image.drivers(["md_mod", "linear", "raid0", "raid1", "raid10", "raid456"], { always: true });
  },
});
