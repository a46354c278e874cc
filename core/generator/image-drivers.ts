import { driverIndexPath, missingFirmwarePath } from "../abi/index.js";
import { driverPath, installDrivers } from "./driver-files.js";
import { makeDriverIndex } from "./driver-index.js";
import { type DriverRequest, remarksOnOmitted, selectDrivers } from "./driver-selection.js";
import { addText, type Building } from "./fill-tree.js";
import { firmwareFolders, installFirmware } from "./firmware.js";
import type { HostDevices } from "./host-devices.js";
import type { KernelTree } from "./kernel-tree.js";
import { readDriverSettings } from "./modprobe-config.js";
import type { Settings } from "./settings.js";

/** Puts drivers into the image, their firmware, and the index by which PID 1 finds them. Result: the number of drivers. Throws BuildError. */
export async function addDrivers(
  kernel: KernelTree,
  requests: readonly DriverRequest[],
  settings: Pick<Settings, "drivers" | "firmwareFolders">,
  devices: HostDevices | undefined,
  { host, tree, problems, report }: Building,
): Promise<number> {
  const driverSettings = readDriverSettings(host, { hostOnly: devices !== undefined }, (line) =>
    report.note(`modprobe.d: left out: ${line}`),
  );
  const { only, add, force, omit, fileSystems = [] } = settings.drivers;
  const named = (option: string, selectors: readonly string[]) => ({
    asker: option,
    selectors,
    always: true,
    required: true,
  });
  const all = [
    ...(only ? [named("--drivers", only)] : requests),
    named("--add-drivers", add),
    named("--force-drivers", force),
    { asker: "--add-device", selectors: devices?.added ?? [] },
    named(
      "--filesystems",
      fileSystems.map((type) => `fs-${type}`),
    ),
  ];
  for (const remark of remarksOnOmitted(kernel, omit)) report.warning(remark);
  const options = { omit, settings: driverSettings, host: devices?.hardware };
  const { files, indexed, aliases } = selectDrivers(kernel, all, options, problems);
  report.note(`drivers: ${files.map(({ name }) => name).join(" ")}`);
  for (const { name } of files)
    if (driverSettings.commands.has(name))
      report.warning(
        `modprobe.d has a command for ${name}, "${driverSettings.commands.get(name)}": the image loads the driver without running it; say --omit-drivers ${name} if it must not`,
      );

  const { firmware, sizes } = await installDrivers(kernel, files, tree);
  for (const folder of settings.firmwareFolders)
    if (!host.resolve(folder)?.stats.isDirectory())
      problems.add(`there is no directory ${folder}: --fwdir (fw_dir) takes directories of firmware`);
  const folders = firmwareFolders(settings.firmwareFolders, kernel.release);
  const wanted = new Set([...firmware.values()].flat());
  const absent = new Set([...wanted].filter((name) => !installFirmware(host, tree, folders, name)));
  if (absent.size) report.note(`firmware that is not installed: ${[...absent].join(" ")}`);
  const lacking = [...firmware].map(([driver, names]) => [driver, ...names.filter((name) => absent.has(name))]);
  const lines = lacking.filter(({ length }) => length > 1).map((words) => `${words.join(" ")}\n`);
  if (lines.length) addText(tree, missingFirmwarePath, lines.join(""));

  const inImage = indexed.map((driver) => ({
    ...driver,
    path: driver.path && driverPath(kernel.release, driver.path),
    size: sizes.get(driver.name) ?? 0,
  }));
  addText(tree, driverIndexPath, makeDriverIndex(inImage, aliases));
  return files.length;
}
