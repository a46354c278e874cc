import type { Log } from "../../hooks/index.js";
import { instant } from "./door.js";

/** syslog(2) levels. */
const levels = { error: 3, warning: 4, info: 6, debug: 7 } as const;

/** The console as it is: for what a person has to see whatever the kernel's log level. */
export function print(text: string): void {
  instant("print", { text });
}

/** How much the console shows. */
export interface Verbosity {
  /** Debug records become info records. */
  debug: boolean;
  /** Info records are shown though the kernel keeps quiet. */
  info: boolean;
}

export interface SequencerLog extends Log {
  setVerbosity(verbosity: Verbosity): void;
  /** For the ring only: what the console has shown already. */
  ring(text: string): void;
}

/** Records on the kernel's ring. Before /dev is mounted there is none: then errors and warnings go to the console. */
export function createLog(): SequencerLog {
  let verbosity: Verbosity = { debug: false, info: false };
  function write(level: number, text: string): void {
    try {
      for (const line of text.split("\n")) instant("log", { level, text: line });
    } catch {
      if (level <= levels.warning) print(`firstlight: ${text}\n`);
    }
    if (verbosity.info && level === levels.info) print(`firstlight: ${text}\n`);
  }
  return {
    error: (text) => write(levels.error, text),
    warning: (text) => write(levels.warning, text),
    info: (text) => write(levels.info, text),
    debug: (text) => write(verbosity.debug ? levels.info : levels.debug, text),
    ring: (text) => write(levels.debug, text),
    setVerbosity(wanted) {
      verbosity = wanted;
    },
  };
}
