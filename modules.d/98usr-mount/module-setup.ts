import { moduleSetup } from "firstlight/hooks";
import { hasOption, parseFstab } from "../98fsck/fstab.js";

export default moduleSetup({
  // Where this machine's fstab has something for it.
  check({ hostOnly, readFile }) {
    const { entries } = parseFstab((hostOnly && readFile("/etc/fstab")) || "");
    const isWanted = entries.some((entry) => entry.point === "/usr" || hasOption(entry, "x-initrd.mount"));
    return isWanted ? "include" : "on-request";
  },
  depends: () => ["fsck", "fs-lib"],
  parameters: {
    "rd.mountpoints": {
      schema: { type: "string", pattern: "^/[^\\s,]*([\\s,]+/[^\\s,]*)*$" },
      form: "/PATH[,/PATH…]",
      repeated: true,
    },
    "rd.fstab": { schema: { type: "boolean" }, form: "0|1" },
  },
});
