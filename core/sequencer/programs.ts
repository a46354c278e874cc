import type { Programs } from "../../hooks/index.js";
import { instant } from "./door.js";
import { files } from "./files.js";
import type { Loop } from "./loop.js";

/** Where programs are looked for, as by PID 1 for an argv[0] without a slash. */
const searchPath = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

export function createPrograms(loop: Loop): Programs {
  return {
    run: (request) => loop.job("run", request),
    start: (request) => loop.start("run", request),
    pipe: () => instant("pipe", {}).pipe,
    kill: (process, signal) => void instant("kill", { process, signal }),
    exists: (name) => searchPath.some((folder) => files.stat(`${folder}/${name}`) !== undefined),
  };
}
