import type { Drivers, Log } from "../../hooks/index.js";
import type { DriverFile } from "../abi/index.js";
import { instant } from "./door.js";
import type { Loop } from "./loop.js";

export interface DriverLoader extends Drivers {
  /** For a device that has come: at the next opportunity, together with others that come meanwhile. */
  request(modalias: string): void;
  /** Resolves once nothing is requested or being inserted. */
  settled(): Promise<void>;
  /** Names that are never loaded for a device. */
  blacklist(names: Iterable<string>): void;
}

/** Loads drivers: each one once, those requested while a job runs in the next job together (a job is a process). */
export function createDrivers(loop: Loop, log: Log): DriverLoader {
  /** By name: how its insertion ends. */
  const known = new Map<string, Promise<void>>();
  const asked = new Set<string>();
  const forbidden = new Set<string>();
  const waiting: DriverFile[] = [];
  let running: Promise<void> | undefined;

  /** All that is waiting goes into one job; what comes meanwhile into the next. */
  function pump(): Promise<void> {
    running ??= (async () => {
      // First let everything that is ready in this turn join.
      await undefined;
      while (waiting.length) await insert(waiting.splice(0));
      running = undefined;
    })();
    return running;
  }

  async function insert(drivers: DriverFile[]): Promise<void> {
    try {
      const { results } = await loop.job("insert", { drivers });
      for (const { name, error } of results) {
        // ENODEV: the driver found no device of its own, which is its way of saying so.
        if (error && error !== "ENODEV") log.warning(`driver ${name} cannot be loaded: ${error}`);
      }
    } catch (error) {
      log.error(`drivers ${drivers.map(({ name }) => name).join(", ")} cannot be loaded: ${error}`);
    }
  }

  function enqueue(chain: DriverFile[]): Promise<void> {
    const parts: Promise<void>[] = [];
    for (const driver of chain) {
      let done = known.get(driver.name);
      if (!done) {
        waiting.push(driver);
        done = pump();
        known.set(driver.name, done);
      }
      parts.push(done);
    }
    return Promise.all(parts).then(() => undefined);
  }

  return {
    async load(alias) {
      const { matches } = instant("resolveDriver", { alias });
      await Promise.all(matches.map(({ chain }) => enqueue(chain)));
      return matches.length > 0;
    },
    request(modalias) {
      if (asked.has(modalias)) return;
      asked.add(modalias);
      for (const match of instant("resolveDriver", { alias: modalias }).matches) {
        if (!match.blacklisted && !forbidden.has(match.name)) void enqueue(match.chain);
      }
    },
    settled: () => running ?? Promise.resolve(),
    blacklist(names) {
      for (const name of names) forbidden.add(name.replaceAll("-", "_"));
    },
  };
}
