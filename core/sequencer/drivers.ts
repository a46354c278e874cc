import type { Drivers, Log } from "../../hooks/index.js";
import type { IndexedDriverFile, Milliseconds } from "../abi/index.js";
import { instant } from "./door.js";
import type { Loop } from "./loop.js";

export interface DriverLoader extends Drivers {
  /** A device has come: the drivers that answer its modalias are loaded while somebody waits for something. */
  request(modalias: string): void;
  /** Modaliases of devices that are there, a group at a time: a group is looked at when nothing else is left to load and somebody still waits. */
  offer(groups: Iterator<string[]>): void;
  /** Somebody has begun to wait. */
  wake(): void;
  /** From now on everything that is requested is loaded: a person wants to type. Resolves when nothing is left. */
  loadAll(): Promise<void>;
  /** Names that are never loaded for a device. */
  blacklist(names: Iterable<string>): void;
}

/** Bytes of driver files that are inserted between two looks at what has come of them. */
const batchSize = 256 << 10;
/** Milliseconds. */
const longestLook = 500;

/**
 * Loads drivers, each one once. The kernel hashes every file to check its signature, and links it: that is most of the work of a boot. So what
 * the devices ask for is loaded in small batches, the small drivers first, and only as long as somebody waits; the new root's udev loads the rest.
 */
export function createDrivers(
  loop: Loop,
  log: Log,
  { somebodyWaits, devicesSettled }: { somebodyWaits(): boolean; devicesSettled(longest: Milliseconds): Promise<void> },
): DriverLoader {
  /** By name: how its insertion ends. */
  const known = new Map<string, Promise<void>>();
  /** Modaliases that have been looked up. */
  const seen = new Set<string>();
  const forbidden = new Set<string>();
  /** Chains that devices ask for, none of which has been begun. */
  const requested: IndexedDriverFile[][] = [];
  /** undefined: all that was offered has been looked at. */
  let offered: Iterator<string[]> | undefined;
  const nothingLeft: (() => void)[] = [];
  let wantAll = false;
  let planned = false;
  let waiting: IndexedDriverFile[] = [];
  let running: Promise<void> | undefined;

  /** All that is waiting goes into one job (a job is a process); what comes meanwhile into the next. */
  function pump(): Promise<void> {
    running ??= (async () => {
      // First let everything that is ready in this turn join.
      await undefined;
      while (waiting.length) {
        const drivers = waiting;
        waiting = [];
        await insert(drivers);
      }
      running = undefined;
    })();
    return running;
  }

  async function insert(drivers: IndexedDriverFile[]): Promise<void> {
    log.debug(`loading ${drivers.map(({ name }) => name).join(" ")}`);
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

  async function loadChain(chain: IndexedDriverFile[]): Promise<void> {
    await Promise.all(
      chain.map((driver) => {
        let done = known.get(driver.name);
        if (!done) {
          waiting.push(driver);
          done = pump();
          known.set(driver.name, done);
        }
        return done;
      }),
    );
  }

  /** Bytes that are still to be inserted for a chain. */
  function cost(chain: IndexedDriverFile[]): number {
    return chain.reduce((sum, { name, size }) => (known.has(name) ? sum : sum + size), 0);
  }

  function takeBatch(): IndexedDriverFile[][] {
    requested.sort((a, b) => cost(a) - cost(b));
    let size = 0;
    const beyond = requested.findIndex((chain, position) => {
      size += cost(chain);
      return position > 0 && size > batchSize;
    });
    return requested.splice(0, beyond < 0 ? requested.length : beyond);
  }

  /** What the last batch has brought comes first: it may be what is waited for. */
  async function quiet(): Promise<void> {
    await new Promise<void>((resolve) => loop.whenIdle(resolve));
    await devicesSettled(longestLook);
  }

  /** Loads the next batch, unless it turns out that nobody waits any more. */
  async function loadBatch(): Promise<void> {
    await quiet();
    // A disk's partitions may have been told of while it was probed.
    await quiet();
    if (wantAll || somebodyWaits()) {
      lookAtOffers();
      await Promise.all(takeBatch().map(loadChain));
    }
    planned = false;
    plan();
  }

  function look(modalias: string): void {
    if (seen.has(modalias)) return;
    seen.add(modalias);
    try {
      for (const { name, chain, blacklisted } of instant("resolveDriver", { alias: modalias }).matches)
        if (!blacklisted && !forbidden.has(name) && chain.length) requested.push(chain);
    } catch (error) {
      // One device's driver is not worth the boot; what needs it will say so.
      log.error(String(error));
    }
  }

  function lookAtOffers(): void {
    while (offered && !requested.length) {
      const { done, value: group } = offered.next();
      if (done) offered = undefined;
      else group.forEach(look);
    }
  }

  function plan(): void {
    if (planned) return;
    if (!requested.length && !offered) for (const resolve of nothingLeft.splice(0)) resolve();
    else if (wantAll || somebodyWaits()) {
      planned = true;
      void loadBatch();
    }
  }

  return {
    async load(alias) {
      const { matches } = instant("resolveDriver", { alias });
      await Promise.all(matches.map(({ chain }) => loadChain(chain)));
      return matches.length > 0;
    },
    request(modalias) {
      look(modalias);
      plan();
    },
    offer(groups) {
      offered = groups;
      plan();
    },
    wake: plan,
    loadAll() {
      wantAll = true;
      return new Promise((resolve) => {
        nothingLeft.push(resolve);
        plan();
      });
    },
    blacklist(names) {
      for (const name of names) forbidden.add(name.replaceAll("-", "_"));
    },
  };
}
