import { BootError, type Device, type Wants } from "../../hooks/index.js";
import { type Milliseconds, nearest } from "../abi/index.js";
import { describeDevice, parseTag } from "./device-links.js";
import type { DeviceTable } from "./devices.js";
import { createLateWork, type LateWork } from "./late-work.js";
import type { Loop } from "./loop.js";
import { reasonOf } from "./report.js";

/** A condition that somebody waits for. */
export interface OpenWant {
  description: string;
  /** What it is wanted for. */
  for: string;
  /** What is there instead, for the report. */
  nearest(): string;
  /** What to do where it does not come. */
  remedy: string;
}

export interface WantList extends Wants {
  /** Tries open wants again: wants of devices when a device has come, changed or gone, the others on any event. */
  retry(cause: "device" | "event"): void;
  open(): OpenWant[];
  /** Is there a want that has been tried, and may still be met? */
  waiting(): boolean;
  /** The same, of wants that fail by themselves after a time. */
  waitingForTime(): boolean;
  /** What is done once the first want has waited for long, and before any of them fails. */
  readonly late: LateWork;
  /** How long each want waits, from when it is asked for; null: for ever. */
  setLimit(limit: Milliseconds | null): void;
  /** No want's time runs until the returned function is called. */
  pause(): () => void;
  /** Called for each want that is met from now on, failed or not: while the emergency shell runs. */
  onArrival(listener: (description: string) => void): void;
  /** A person has seen to it: nothing is waited for any more. Open wants fail. */
  giveUp(): void;
}

interface Entry extends OpenWant {
  /** Only the table of devices can change its answer. */
  device: boolean;
  /** A try is under way. */
  trying: boolean;
  /** Something has happened since it began. */
  again: boolean;
  /** Its time is up: after the try that is under way, or a last one, it fails. It is still tried, for those in the emergency shell. */
  expired: boolean;
  /** It has failed. */
  failed: boolean;
  /** True: there is an answer, or there will be none. */
  tryOnce(): Promise<boolean>;
  reject(error: Error): void;
  /** null: it waits for ever. */
  limit: Milliseconds | null;
  /** Of its limit, until its timers began to run. */
  waited: Milliseconds;
  /** When they did; undefined: they do not. */
  since: Milliseconds | undefined;
  /** Its timers. */
  cancels: (() => void)[];
}

/** `unmet` is called when a want has been tried in vain. */
export function createWants(loop: Loop, devices: DeviceTable, unmet: () => void): WantList {
  const entries = new Set<Entry>();
  const late = createLateWork(loop, () => entries.size > 0);
  let limit: Milliseconds | null = null;
  let pauses = 0;
  let arrived: (description: string) => void = () => {};

  /** Tries a want until nothing has happened meanwhile. */
  async function retry(entry: Entry): Promise<void> {
    entry.again = true;
    if (entry.trying) return;
    entry.trying = true;
    while (entry.again && entries.has(entry)) {
      entry.again = false;
      if (!(await entry.tryOnce())) continue;
      entries.delete(entry);
      for (const cancel of entry.cancels) cancel();
    }
    entry.trying = false;
    if (!entries.has(entry)) return;
    if (entry.expired) {
      entry.failed = true;
      entry.reject(notCome(entry));
    }
    unmet();
  }

  function runTime(entry: Entry): void {
    const { limit: ownLimit, waited } = entry;
    if (pauses) return;
    const since = loop.now();
    const after = (time: Milliseconds, action: () => void) => loop.at(since + Math.max(0, time - waited), action);
    entry.since = since;
    if (ownLimit === limit) entry.cancels.push(after(late.patience(), late.begin));
    if (ownLimit !== null)
      entry.cancels.push(
        after(ownLimit, () => {
          void late.finish().then(() => {
            entry.expired = true;
            return retry(entry);
          });
        }),
      );
  }

  function stopTime(entry: Entry): void {
    for (const cancel of entry.cancels.splice(0)) cancel();
    if (entry.since !== undefined) entry.waited += loop.now() - entry.since;
    entry.since = undefined;
  }

  function pause(): () => void {
    if (!pauses++) for (const entry of entries) stopTime(entry);
    return () => {
      if (!--pauses) for (const entry of entries) if (!entry.expired) runTime(entry);
    };
  }

  function until<Result>(
    description: string,
    asker: Parameters<Wants["until"]>[1],
    attempt: () => Result | undefined | Promise<Result | undefined>,
    device = false,
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const entry: Entry = {
        description,
        for: asker.for,
        nearest: () => told(asker.nearest),
        remedy: asker.remedy ?? usualRemedy,
        device,
        trying: false,
        again: false,
        expired: false,
        failed: false,
        limit: asker.within ?? limit,
        waited: 0,
        since: undefined,
        cancels: [],
        reject,
        async tryOnce() {
          try {
            const result = await attempt();
            if (result === undefined) return false;
            arrived(description);
            resolve(result);
            return true;
          } catch (error) {
            reject(error);
            return true;
          }
        },
      };
      entries.add(entry);
      void retry(entry);
      runTime(entry);
    });
  }

  /** For the report: the device with the most similar name of the same kind; else all that are there. */
  function nearestDevice(spec: string): string {
    const all = devices.all();
    const link = nearestLink(spec);
    if (link) return link;
    const wanted = parseTag(spec);
    const same = new Map<string, Device>();
    for (const device of all) {
      const value = wanted?.of(device.tags);
      if (value !== undefined) same.set(value, device);
    }
    const close = wanted && same.get(nearest(wanted.value, same.keys()) ?? "");
    const shown = close ? [close] : all;
    return shown.length
      ? `there is ${shown.map(describeDevice).join("; ")}`
      : "no block device is there at all: has the image the driver of the disk's controller?";
  }

  /** The same for a link: of its own folder, since what the folders have in common makes them all alike. */
  function nearestLink(spec: string): string | undefined {
    const folder = spec.slice(0, spec.lastIndexOf("/") + 1);
    const names = devices.names();
    const siblings = [...names.keys()].filter((link) => folder && link.startsWith(folder));
    const close = nearest(
      spec.slice(folder.length),
      siblings.map((link) => link.slice(folder.length)),
    );
    return close && `there is ${folder}${close}, which is ${names.get(folder + close)}`;
  }

  return {
    until,
    device: (spec, asker) =>
      until<Device>(spec, { ...asker, nearest: () => nearestDevice(spec) }, () => devices.find(spec), true),
    retry(cause) {
      if (cause === "device") late.news();
      for (const entry of entries) if (cause === "device" || !entry.device) void retry(entry);
    },
    open: () => [...entries],
    waiting: () => [...entries].some(isWaiting),
    waitingForTime: () => [...entries].some((entry) => isWaiting(entry) && entry.limit !== null),
    late,
    setLimit(wanted) {
      limit = wanted;
    },
    pause,
    onArrival(listener) {
      arrived = listener;
    },
    giveUp() {
      for (const entry of entries) {
        for (const cancel of entry.cancels) cancel();
        entry.reject(notCome(entry));
      }
      entries.clear();
    },
  };
}

const isWaiting = ({ trying, failed }: Entry) => !trying && !failed;

/** The report is to come out, whatever keeps a module from looking. */
function told(nearest = () => ""): string {
  try {
    return nearest();
  } catch (error) {
    return `what is there instead cannot be told: ${reasonOf(error)}`;
  }
}

const usualRemedy =
  "Compare the name on the kernel command line with what is there; if the device is missing altogether, check its cabling and whether the image has its driver.";

function notCome(want: OpenWant): BootError {
  return new BootError(`${want.description}, wanted for ${want.for}, has not come`, want.remedy);
}
