import { type Boot, hook } from "firstlight/hooks";
import { rootDevice } from "../95rootfs-block/root-device.js";
import { checkFileSystem, readWishes, restart } from "./check.js";
import { checkers } from "./checkers.js";
import { lookAtRoot } from "./look.js";
import { mounted } from "./mounted.js";
import { tellInit } from "./tell-init.js";

/** Checks the root before it is mounted, unless its own fstab has it that nobody does. */
export default hook({
  async run(boot) {
    const device = rootOf(boot);
    const wishes = readWishes(boot);
    if (!device || wishes.mode === "skip" || !checkers[device.tags.TYPE ?? ""]) return;
    if (mounted(boot).some(([, point]) => point === boot.root.mountPoint)) {
      boot.log.warning(`${device.path} (the root) is not checked: it is mounted already`);
      return;
    }
    const look = wishes.mode === "force" ? "force" : await lookAtRoot(boot, device);
    if (look === "never") {
      boot.log.info(`${device.path} (the root) is not checked: its fstab has 0 in the sixth field`);
      return;
    }
    const result = await checkFileSystem(boot, device, "the root", { ...wishes, mode: look ?? wishes.mode });
    if (result === "checked") tellInit(boot, "root");
    if (result === "reboot") await restart(boot);
  },
});

/** The block device that is the root, if it is one. */
function rootOf({ root, devices }: Boot) {
  const spec = rootDevice(root.spec);
  return spec === undefined ? undefined : devices.find(spec);
}
