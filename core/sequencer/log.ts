import type { Log, Parameters } from "../../hooks/index.js";
import { instant } from "./door.js";

/** syslog(2) levels. */
const levels = { error: 3, warning: 4, info: 6, debug: 7 } as const;

/** The console as it is: for what a person has to see whatever the kernel's log level. One that is gone is no reason to stop. */
export function print(text: string): void {
  try {
    instant("print", { text });
  } catch {
    // Nobody can be told.
  }
}

/** Where records go, and which. */
export interface LogSettings {
  /** Debug records become info records. */
  debug: boolean;
  /** Info records are shown though the kernel keeps quiet. */
  info: boolean;
  /** The kernel's ring, which shows them on its consoles as its log level allows. */
  ring: boolean;
  /** The console, whatever the log level. */
  console: boolean;
  /** Terminals and files. */
  paths: readonly string[];
}

/** Where rd.log=file is kept: mkinitcpio's name, whose parameter this is. */
const logPath = "/run/initramfs/init.log";

/** rd.debug, rd.info, quiet, and rd.log=console|kmsg|file|all|/dev/TTY, with commas or repeated. Left out: kmsg. */
export function logSettings(parameters: Parameters): LogSettings {
  const debug = parameters.flag("rd.debug", false);
  const targets = parameters.all("rd.log").flatMap((value) => value.split(","));
  const all = targets.includes("all") || targets.includes("1");
  const paths = targets.filter((target) => target.startsWith("/"));
  return {
    debug,
    info: parameters.has("quiet") && (debug || parameters.flag("rd.info", false)),
    ring: !targets.length || all || targets.includes("kmsg"),
    console: all || targets.includes("console"),
    paths: all || targets.includes("file") ? [...paths, logPath] : paths,
  };
}

export interface SequencerLog extends Log {
  configure(settings: LogSettings): void;
  /** For the ring only: what the console has shown already. */
  ring(text: string): void;
  /** What a person at the console has to know, even where the kernel keeps quiet. */
  tell(text: string): void;
}

/** Records on the kernel's ring, unless rd.log says otherwise. Before /dev is mounted there is none: then errors and warnings go to the console. */
export function createLog(): SequencerLog {
  let settings: LogSettings = { debug: false, info: false, ring: true, console: false, paths: [] };

  /** False: there is no ring, or it may not be used. */
  function toRing(level: number, text: string): boolean {
    if (!settings.ring) return false;
    try {
      for (const line of text.split("\n")) instant("log", { level, text: line });
      return true;
    } catch {
      return false;
    }
  }

  /** A full file system or a line that nobody reads loses records, and nothing else. */
  function toFile(path: string, text: string): void {
    const create = path.startsWith("/dev/") ? {} : { mode: 0o600 };
    try {
      instant("write", { path, data: `firstlight: ${text}\n`, append: true, ...create });
    } catch {
      // It cannot be said where it was to be said.
    }
  }

  function write(level: number, text: string): void {
    const shown = level <= levels.info;
    const onRing = toRing(level, text);
    if (shown) for (const path of settings.paths) toFile(path, text);
    const told = settings.console || settings.paths.length > 0;
    if (
      (shown && settings.console) ||
      (settings.info && level === levels.info) ||
      (!onRing && !told && level <= levels.warning)
    )
      print(`firstlight: ${text}\n`);
  }

  return {
    configure(wanted) {
      settings = wanted;
    },
    error: (text) => write(levels.error, text),
    warning: (text) => write(levels.warning, text),
    info: (text) => write(levels.info, text),
    debug: (text) => write(settings.debug ? levels.info : levels.debug, text),
    ring: (text) => void toRing(levels.debug, text),
    tell(text) {
      void toRing(levels.debug, text);
      print(`firstlight: ${text}\n`);
    },
  };
}
