import { hook } from "firstlight/hooks";
import { sourceDevice } from "./source.js";

export default hook({
  async run({ root, wants, hasModule }) {
    if (root.claimed) await wants.device(sourceDevice(root.spec, hasModule), { for: "the archive of the root" });
  },
});
