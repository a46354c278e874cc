import { hook } from "firstlight/hooks";
import { configPath, imageConfig } from "./config.js";
import { addPhysicalVolume } from "./groups.js";
import { selectionOf } from "./selection.js";

export default hook({
  run(boot) {
    const { parameters, files, devices } = boot;
    const selection = selectionOf(parameters);
    if (!selection) return;
    if (!parameters.flag("rd.lvm.conf", true)) files.write(configPath, imageConfig(), { mode: 0o644 });
    devices.watch((device) => addPhysicalVolume(boot, selection, device));
  },
});
