/** npm run bench:life: the part of npm run bench that needs no other generator, nor a virtual machine. */
import { reportLife } from "./life.js";

await reportLife();
