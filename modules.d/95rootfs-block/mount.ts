import { hook } from "firstlight/hooks";
import { rootDevice } from "./root-device.js";

export default hook({
  async run({ root, mounts, parameters, log }) {
    const spec = rootDevice(root.spec);
    if (!root.claimed || !spec) return;
    const type = parameters.text("rootfstype");
    // Read-only unless asked otherwise, as the kernel does: init's own fsck comes later.
    const options = [root.access ?? "ro", parameters.text("rootflags")].filter(Boolean).join(",");
    const device = await mounts.mountDevice(spec, {
      target: root.mountPoint,
      options,
      ...(type === undefined || type === "auto" ? {} : { type }),
      for: "root",
    });
    log.info(`root: ${device.path} on ${root.mountPoint} (${device.tags.TYPE ?? type}, ${options})`);
  },
});
