import { hook } from "firstlight/hooks";
import { assemblyOf } from "./assembly.js";

export default hook({
  run: (boot) => assemblyOf(boot).startDegraded(),
});
