import { type Drivers, errnoOf, type Log } from "../../hooks/index.js";
import { type DriverMatch, driverIndexPath, type IndexedDriverFile, type Milliseconds } from "../abi/index.js";
import { instant } from "./door.js";
import { type DriverSettings, joinOptions, readDriverSettings, tellModprobe } from "./driver-settings.js";
import { files } from "./files.js";
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
  /** From now on this counts, too. */
  configure(settings: DriverSettings): void;
  /** Resolves when what the devices ask for, and those that come by it, is loaded as far as somebody waits. */
  rest(): Promise<void>;
  /** Those of rd.driver.pre. */
  loadFirst(): Promise<void>;
  /** Those of rd.driver.post. */
  loadLast(): Promise<void>;
  /**
   * Begins nothing more, until `loadAll`. Resolves once what is being inserted has come to its end, after a minute in any case. Who ends the boot
   * waits for it: where the process that inserts a driver is killed, the driver gives up its devices, and nobody has it look at them again.
   */
  stop(): Promise<void>;
  /** Names of those that were loaded, or tried. */
  tried(): string[];
}

/** Bytes of driver files that are inserted between two looks at what has come of them. */
const batchSize = 256 << 10;
/** Milliseconds. */
const longestLook = 500;
/** Of what is being inserted: a driver may never come back from its devices. */
const longestLoad = 60_000;

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
  let settings = readDriverSettings([]);
  /** rd.driver.post has had its turn. */
  let last = false;
  /** Chains that devices ask for, none of which has been begun. */
  const requested: IndexedDriverFile[][] = [];
  /** undefined: all that was offered has been looked at. */
  let offered: Iterator<string[]> | undefined;
  const nothingLeft: (() => void)[] = [];
  const resting: (() => void)[] = [];
  let wantAll = false;
  let stopped = false;
  /** The image may have an index. */
  let indexed = true;
  /** Names of what the running job inserts. */
  let inserting: string[] = [];
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
    inserting = drivers.map(({ name }) => name);
    log.debug(`loading ${inserting.join(" ")}`);
    try {
      const { results } = await loop.job("insert", { drivers: drivers.map(withOptions) });
      for (const { name, error } of results) {
        // ENODEV: the driver found no device of its own, which is its way of saying so.
        if (error && error !== "ENODEV") log.warning(`driver ${name} cannot be loaded: ${error}`);
      }
    } catch (error) {
      log.error(`drivers ${inserting.join(", ")} cannot be loaded: ${error}`);
    }
  }

  function withOptions(driver: IndexedDriverFile): IndexedDriverFile {
    const options = settings.options.get(driver.name);
    return options === undefined ? driver : { ...driver, parameters: joinOptions(driver.parameters, options) };
  }

  async function loadChain(chain: IndexedDriverFile[]): Promise<void> {
    const accepted = chain.filter(({ name }) => !settings.refused.has(name));
    await Promise.all(
      accepted.map((driver) => {
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

  /** Resolves in any case: what needs a driver that hangs will say so. */
  async function loadChains(chains: IndexedDriverFile[][]): Promise<void> {
    await inTime(Promise.all(chains.map(loadChain)));
  }

  async function inTime(loaded: Promise<unknown>): Promise<void> {
    if (await loop.within(longestLoad, loaded)) return;
    log.warning(`not loaded after ${longestLoad / 1000} s, and not waited for any longer: ${inserting.join(" ")}`);
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
    if (hasWork()) {
      lookAtOffers();
      await loadChains(takeBatch());
    }
    planned = false;
    plan();
  }

  /** None where the image has no index: it has no drivers, or others load them. Throws OpError. */
  function resolve(alias: string): DriverMatch[] {
    if (!indexed) return [];
    try {
      return instant("resolveDriver", { alias }).matches;
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || files.stat(driverIndexPath)) throw error;
      indexed = false;
      return [];
    }
  }

  /** For a device: who names a driver gets it all the same. */
  function mayAnswer(name: string): boolean {
    const { blacklist, refused, after } = settings;
    return !blacklist.has(name) && !refused.has(name) && (last || !after.includes(name));
  }

  async function load(alias: string): Promise<boolean> {
    const matches = resolve(alias);
    const byName = alias.replaceAll("-", "_");
    const chains = matches.flatMap(({ name, chain, blacklisted }) => {
      if (settings.refused.has(name)) log.warning(`driver ${name} is not loaded: module_blacklist= forbids it`);
      else if (name === byName || !(blacklisted || settings.blacklist.has(name))) return [chain];
      return [];
    });
    await loadChains(chains);
    return matches.length > 0;
  }

  async function loadNamed(names: readonly string[]): Promise<void> {
    for (const name of names) if (!(await load(name))) log.warning(`rd.driver: the image has no driver ${name}`);
  }

  function look(modalias: string): void {
    if (seen.has(modalias)) return;
    seen.add(modalias);
    try {
      for (const { name, chain, blacklisted } of resolve(modalias))
        if (!blacklisted && mayAnswer(name) && chain.length) requested.push(chain);
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

  /** Is there something to load that somebody waits for? */
  function hasWork(): boolean {
    return !stopped && (requested.length > 0 || offered !== undefined) && (wantAll || somebodyWaits());
  }

  function plan(): void {
    if (planned) return;
    if (!requested.length && !offered) for (const resolve of nothingLeft.splice(0)) resolve();
    if (hasWork()) {
      planned = true;
      void loadBatch();
    } else for (const resolve of resting.splice(0)) resolve();
  }

  async function rest(): Promise<void> {
    do {
      await new Promise<void>((resolve) => {
        resting.push(resolve);
        plan();
      });
      await quiet();
    } while (planned || hasWork());
  }

  async function stop(): Promise<void> {
    stopped = true;
    if (!running) return;
    log.info(`waiting until these drivers are loaded: ${inserting.join(" ")}`);
    await inTime(running);
  }

  return {
    load,
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
      stopped = false;
      return new Promise((resolve) => {
        nothingLeft.push(resolve);
        plan();
      });
    },
    configure(wanted) {
      settings = wanted;
      try {
        tellModprobe(settings);
      } catch (error) {
        // A full /run: only what the kernel itself asks for goes without them.
        log.warning(`modprobe knows nothing of the command line's drivers: ${error}`);
      }
    },
    rest,
    stop,
    loadFirst: () => loadNamed(settings.before),
    async loadLast() {
      if (settings.after.length) await rest();
      await loadNamed(settings.after);
      last = true;
    },
    tried: () => [...known.keys()],
  };
}
