import { moduleSetup } from "firstlight/hooks";
import { checkers } from "./checkers.js";

export default moduleSetup({
  check: ({ hostOnly, fileSystems, fsck }) => {
    if (fsck?.length) return "include";
    return hostOnly && fsck === undefined && fileSystems.some((type) => checkers[type]) ? "include" : "on-request";
  },
  depends: () => ["rootfs-block"],
  parameters: {
    "fsck.mode": { schema: { type: "string", enum: ["auto", "force", "skip"] }, form: "auto|force|skip" },
    "fsck.repair": { schema: { type: "string", enum: ["preen", "yes", "no"] }, form: "preen|yes|no" },
    "rd.skipfsck": { schema: { type: "boolean" }, form: "0|1" },
    forcefsck: { schema: { type: "boolean" }, form: "0|1" },
    fastboot: { schema: { type: "boolean" }, form: "0|1" },
  },
  install(image, { fsck, fileSystems }) {
    for (const program of fsck ?? []) image.program(program);
    if (fsck !== undefined) return;
    const isWanted = (type: string) => !fileSystems.length || fileSystems.includes(type);
    for (const [type, { program }] of Object.entries(checkers).filter(([type]) => isWanted(type)))
      image.program(program, { optional: fileSystems.length ? `${type} is mounted without a check` : "" });
    // It tells e2fsck what to make of a clock that is wrong, e2fsck.conf(5).
    image.file("/etc/e2fsck.conf", { optional: "" });
  },
});
