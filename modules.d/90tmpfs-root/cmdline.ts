import { BootError, hook } from "firstlight/hooks";
import { sourceDevice } from "./source.js";

export default hook({
  run({ root, hasModule, parameters }) {
    if (!root.spec.startsWith("tmpfs:")) return;
    const device = sourceDevice(root.spec, hasModule);
    // A line that other images boot with, too, may name volumes that this root does not need.
    if (device.startsWith("/dev/") && parameters.has("rd.lvm.lv") && !hasModule("lvm"))
      throw new BootError(
        `rd.lvm.lv=${parameters.text("rd.lvm.lv")}: ${device} needs the module lvm, which is not in this image`,
        'Rebuild the image with mkinitrd -a "tmpfs-root lvm", on a firstlight that has this module (mkinitrd --list-modules).',
      );
    root.claim();
  },
});
