import { type Host, type Image, moduleSetup, type ParameterDeclaration } from "firstlight/hooks";
import { isRequired } from "../99base/required.js";
import { configPath, imageConfig, settingOf } from "./config.js";
import { optionalMark } from "./selection.js";

const flag = { schema: { type: "boolean" }, form: "0|1" } as const;
/** lvm(8): letters, digits, + _ . and -, with which none begins. */
const name = "[\\w+.][\\w+.\\-]*";

const named = (pattern: string, form: string): ParameterDeclaration => ({
  schema: { type: "string", pattern: `^${pattern}(${optionalMark})?$` },
  form: `${form}[${optionalMark}]`,
  repeated: true,
});

const folder = "/etc/lvm";

/** What checks pools before they are activated, by the setting that names it (lvm.conf). */
const checks = { thin_check_executable: "thin_check", cache_check_executable: "cache_check" };

/** Types of volumes; LVM and the kernel ask for them by name. */
const drivers = [
  ...["dm_snapshot", "dm_mirror", "dm_raid", "raid0", "raid1", "raid10", "raid456", "dm_integrity"],
  ...["dm_thin_pool", "dm_cache", "dm_cache_smq", "dm_writecache", "dm_vdo"],
];

const volumesOf = ({ layers }: Host) => layers.filter((layer) => layer.kind === "lvm");

export default moduleSetup({
  check(host) {
    if (host.findProgram("lvm") === undefined) return { unavailable: "lvm2 is not installed" };
    return volumesOf(host).length ? "include" : "on-request";
  },
  depends: (host) => ["base", "dm", "shutdown", ...(host.kernel === undefined ? [] : ["kernel-modules"])],
  parameters: {
    "rd.auto": flag,
    "rd.lvm": flag,
    "rd.lvm.conf": flag,
    "rd.lvm.lv": named(`${name}/${name}`, "GROUP/VOLUME"),
    "rd.lvm.vg": named(name, "GROUP"),
  },
  cmdline: (host) =>
    volumesOf(host).map((layer) => `rd.lvm.lv=${layer.group}/${layer.volume}${isRequired(layer) ? "" : optionalMark}`),
  install(image, host) {
    image.program("lvm");
    const config = host.hostOnly ? (host.readFile(configPath) ?? "") : "";
    for (const [setting, program] of Object.entries(checks)) {
      const path = settingOf(config, setting);
      if (path !== "")
        image.program(path ?? program, {
          optional: "pools that it checks are activated unchecked (install thin-provisioning-tools)",
        });
    }
    if (host.hostOnly) installHostConfig(image, host, config);
    else image.text(configPath, imageConfig());
  },
  installkernel(image) {
    image.drivers(drivers, { always: true });
  },
});

/** What the host's LVM reads besides: profiles, the devices file, and who it is. */
function installHostConfig(image: Image, host: Host, config: string): void {
  const devicesFile = `${folder}/devices/${settingOf(config, "devicesfile") ?? "system.devices"}`;
  const local = host.readFile(`${folder}/lvmlocal.conf`) ?? "";
  const source = settingOf(config, "system_id_source");
  // There it has no name: uname(2) says (none).
  const systemId = source === "uname" ? host.readFile("/etc/hostname")?.trim() : undefined;
  image.text(configPath, imageConfig(config, { systemId, devicesFile: host.exists(devicesFile) }));
  const identity: Record<string, string | undefined> = {
    machineid: "/etc/machine-id",
    appmachineid: "/etc/machine-id",
    file: settingOf(config, "system_id_file"),
  };
  const files = [
    devicesFile,
    identity[source ?? ""],
    ...(host.list(`${folder}/profile`) ?? []).map((file) => `${folder}/profile/${file}`),
  ];
  for (const file of files) if (file !== undefined && host.exists(file)) image.file(file);
  if (local && systemId === undefined) image.text(`${folder}/lvmlocal.conf`, local);
}
