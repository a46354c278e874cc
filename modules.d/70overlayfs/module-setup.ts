import { moduleSetup } from "firstlight/hooks";

export default moduleSetup({
  check: () => "on-request",
  depends: () => ["base"],
  parameters: { "rd.overlay": { schema: { type: "boolean" }, form: "0|1" } },
  installkernel(image) {
    image.drivers(["overlay"], { always: true });
  },
});
