import { moduleSetup } from "firstlight/hooks";

export default moduleSetup({
  check: (host) =>
    host.findProgram("dmsetup") === undefined ? { unavailable: "dmsetup is not installed" } : "on-request",
  depends: (host) => ["base", "shutdown", ...(host.kernel === undefined ? [] : ["kernel-modules"])],
  install(image) {
    image.program("dmsetup");
  },
  installkernel(image) {
    image.drivers(["dm_mod"], { always: true });
  },
});
