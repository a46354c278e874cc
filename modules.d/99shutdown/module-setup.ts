import { moduleSetup } from "firstlight/hooks";

export default moduleSetup({
  // Modules that set devices up of others depend on it, too.
  check: (host) => (host.layers.length ? "include" : "on-request"),
  depends: () => ["base"],
  install(image) {
    // That of busybox, where it is in the image.
    image.program("cp");
  },
});
