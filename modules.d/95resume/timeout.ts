import { hook } from "firstlight/hooks";
import { patience } from "./wish.js";

export default hook({
  run() {
    patience.isOver = true;
  },
});
