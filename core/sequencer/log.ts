import type { Log } from "../../hooks/index.js";
import { instant } from "./door.js";

/** syslog(2) levels. */
const levels = { error: 3, warning: 4, info: 6, debug: 7 } as const;

/** The console as it is: for what a person has to see whatever the kernel's log level. */
export function print(text: string): void {
  instant("print", { text });
}

/**
 * Records on the kernel's ring. Before /dev is mounted there is none: then errors and warnings go to the console.
 * `verbose`: debug records are raised to info, so that the console shows them.
 */
export function createLog(): Log & { setVerbose(verbose: boolean): void; ring(text: string): void } {
  let verbose = false;
  function write(level: number, text: string): void {
    try {
      for (const line of text.split("\n")) instant("log", { level, text: line });
    } catch {
      if (level <= levels.warning) print(`firstlight: ${text}\n`);
    }
  }
  return {
    error: (text) => write(levels.error, text),
    warning: (text) => write(levels.warning, text),
    info: (text) => write(levels.info, text),
    debug: (text) => write(verbose ? levels.info : levels.debug, text),
    setVerbose: (wanted) => {
      verbose = wanted;
    },
    ring: (text) => write(levels.debug, text),
  };
}
