import { moduleSetup } from "firstlight/hooks";

export default moduleSetup({
  check(host) {
    if (host.findProgram("btrfs") === undefined) return { unavailable: "btrfs-progs is not installed" };
    return host.fileSystems.includes("btrfs") ? "include" : "on-request";
  },
  depends: (host) => ["base", ...(host.kernel === undefined ? [] : ["kernel-modules"])],
  install(image) {
    image.program("btrfs");
  },
  installkernel(image) {
    image.drivers(["btrfs"], { always: true });
  },
});
