import type { Device, Log } from "../../hooks/index.js";
import type { PhaseRun } from "./phases.js";
import { reasonOf } from "./report.js";

type Listener = (device: Device) => void | Promise<void>;

/** Those who set devices up as others come. */
export interface Watchers {
  add(module: string, listener: Listener, present: readonly Device[]): void;
  /** A device has come, or has changed. */
  tell(device: Device): void;
  /** The modules whose listeners are at work. */
  busy(): string[];
  /** Resolves once none is. */
  idle(): Promise<void>;
  /** Waits for none of them any more. */
  abandon(): void;
  /** Tells nobody from now on. */
  stop(): void;
}

interface Watcher {
  module: string;
  listener: Listener;
  /** By name, of the devices that it is at work on: what has become of one meanwhile. */
  news: Map<string, Device | undefined>;
}

/** `done` is called whenever a listener has ended: what it did may be what somebody waits for. */
export function createWatchers(log: Log, done: () => void): Watchers {
  const watchers: Watcher[] = [];
  const running = new Map<Promise<void>, string>();
  let stopped = false;
  /** Of those that wait until nobody is at work. */
  const waiting = new Set<() => void>();

  /** Until there is no news of this device. */
  async function work({ module, listener, news }: Watcher, first: Device): Promise<void> {
    for (let device: Device | undefined = first; device; device = news.get(first.name)) {
      news.set(first.name, undefined);
      try {
        await listener(device);
      } catch (error) {
        log.warning(`${module}: ${device.path}: ${reasonOf(error)}`);
      }
    }
    news.delete(first.name);
  }

  function begin(watcher: Watcher, device: Device): void {
    if (watcher.news.has(device.name)) {
      watcher.news.set(device.name, device);
      return;
    }
    const ended = work(watcher, device).then(() => {
      running.delete(ended);
      done();
    });
    running.set(ended, watcher.module);
  }

  return {
    add(module, listener, present) {
      const watcher: Watcher = { module, listener, news: new Map() };
      watchers.push(watcher);
      for (const device of present) begin(watcher, device);
    },
    tell(device) {
      if (!stopped) for (const watcher of watchers) begin(watcher, device);
    },
    busy: () => [...new Set(running.values())],
    async idle() {
      while (running.size) {
        const abandoned = new Promise<void>((resolve) => waiting.add(resolve));
        await Promise.race([...running.keys(), abandoned]);
      }
    },
    abandon() {
      running.clear();
      for (const lookAgain of waiting) lookAgain();
      waiting.clear();
    },
    stop() {
      stopped = true;
    },
  };
}

/**
 * Hooks, and after them what is being set up. Once the hooks have ended there is all that the boot needs: for what is set up beside it no person is asked any
 * more (`withdraw`, until what it returns is called), and it is not waited for for ever.
 */
export function withWatchers(hooks: PhaseRun, watchers: Watchers, withdraw: () => () => void): PhaseRun {
  let askAgain = () => {};
  let isDone = () => {};
  const needed = new Promise<void>((resolve) => {
    isDone = resolve;
  });
  return {
    needed,
    async ended() {
      await hooks.ended();
      isDone();
      askAgain = withdraw();
      await watchers.idle().finally(askAgain);
    },
    unfinished: () => [...new Set([...hooks.unfinished(), ...watchers.busy()])],
    abandon() {
      hooks.abandon();
      watchers.abandon();
      askAgain();
    },
  };
}
