import assert from "node:assert/strict";
import { test } from "node:test";
import { missingFirmwarePath } from "../../../core/abi/index.js";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { addDrivers } from "../../../core/generator/image-drivers.js";
import { createInstaller } from "../../../core/generator/install.js";
import { readKernelTree } from "../../../core/generator/kernel-tree.js";
import { createProblems } from "../../../core/generator/problems.js";
import { createTree } from "../../../core/generator/tree.js";
import { debianKernel } from "../../support/kernels.js";
import { keepReport, scratchFolder } from "./scratch.js";

/** Drivers with firmware of Debian's cloud kernel. */
const names = ["jr3_pci", "me4000"];

test("firmware that is not installed is written down by driver; a command of modprobe.d for a driver of the image is warned of", async (context) => {
  const root = scratchFolder(context, {
    "lib/firmware/me4000_firmware.bin": "x",
    "etc/modprobe.d/own.conf": "install me4000 /sbin/modprobe other\ninstall absent /sbin/modprobe other\n",
    "usr/lib/modprobe.d/packaged.conf": "install jr3_pci logger jr3\n",
  });
  const drivers = { only: undefined, add: names, force: [], omit: [], fileSystems: undefined };
  const settings = { drivers, firmwareFolders: [] };
  const { modules, release } = await debianKernel("cloud");
  const kernel = readKernelTree({ folder: modules, release });
  const build = async (hostOnly: boolean) => {
    const [host, tree, report] = [createHostFiles(root), createTree(), keepReport()];
    const installer = createInstaller(host, tree);
    const devices = hostOnly
      ? {
          hardware: { modaliases: [], loaded: [] },
          fileSystems: [],
          layers: [],
          root: undefined,
          added: [],
          unseen: [],
        }
      : undefined;
    const building = { host, tree, installer, problems: createProblems(), report, sizes: new Map() };
    await addDrivers(kernel, [], settings, devices, building);
    const file = tree.get(missingFirmwarePath);
    return { missing: file?.type === "file" && String(file.content), warnings: report.warnings };
  };
  const generic = await build(false);
  assert.equal(generic.missing, "jr3_pci comedi/jr3pci.idm\n");
  assert.deepEqual(generic.warnings, [
    'modprobe.d has a command for jr3_pci, "logger jr3": the image loads the driver without running it; say --omit-drivers jr3_pci if it must not',
  ]);
  assert.equal((await build(true)).warnings.length, 2);
});
