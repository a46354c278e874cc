import { moduleSetup } from "firstlight/hooks";
import { adviseOnKernel } from "./kernel-options.js";

const program = { schema: { type: "string", pattern: "^/" }, form: "/PATH" } as const;

export default moduleSetup({
  check: () => "on-request",
  parameters: {
    "firstlight.boot": program,
    "firstlight.reboot": program,
    // As module base has it, which is not in the image.
    "rd.trace": {
      schema: { type: "string", pattern: "^(0|no|off|false|1|yes|on|true|console)$" },
      form: "0|1|console",
    },
  },
  install(image, host) {
    // Before devtmpfs is mounted: the kernel opens it for PID 1. Around a static init the files are somebody else's.
    if (!host.staticInit) image.node("/dev/console", "char", 5, 1, 0o600);
  },
  installkernel(image, host) {
    const config = host.kernelConfig();
    if (config !== undefined)
      for (const advice of adviseOnKernel(config)) image.warning(`kernel ${host.kernel}: ${advice}`);
  },
});
