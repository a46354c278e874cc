import { moduleSetup } from "firstlight/hooks";

export default moduleSetup({
  // tools/chrootvm adds it, with a file that says what to run.
  check: () => "on-request",
  depends: () => ["base"],
});
