import { type Boot, BootError } from "firstlight/hooks";
import { type Group, groups, leftOut } from "./groups.js";
import { groupOf } from "./selection.js";

/** Waits until something that is named has been started: a group, or "GROUP/VOLUME". `asker`: where it is named. Rejects with a BootError, which tells what is missing. */
export function awaitPart(boot: Boot, part: string, asker: string): Promise<true> {
  return until(boot, part, asker, (group) => {
    if (group?.started.has(part)) return true;
    const reason = group?.reasons.get(part);
    // Nothing that comes could change it.
    if (group?.complete && reason !== undefined) throw refused(part, reason);
    return undefined;
  });
}

const refused = (part: string, reason: string) =>
  new BootError(
    `${describe(part)} is not activated, though all physical volumes of its group are there: ${reason}`,
    'Mend what LVM complains of, or correct the name on the kernel command line: "lvm lvs -a" shows what is there.',
  );

/** Groups for the report, by name. */
const reported = new WeakMap<Boot, Set<string>>();

/** Nobody has named this group: what is waited for may lie on it all the same, and then the report tells what is missing. Holds nothing up. */
export function reportGroup(boot: Boot, name: string): void {
  const names = reported.get(boot) ?? new Set();
  reported.set(boot, names);
  if (names.has(name)) return;
  names.add(name);
  until(
    boot,
    name,
    "what lvm finds in it",
    (group) => (group?.started.has(name) && !group.reasons.size) || undefined,
  ).catch(() => {});
}

const nameOf = (part: string) => (part.includes("/") ? groupOf(part) : part);

const describe = (part: string) => `${part.includes("/") ? "logical volume" : "volume group"} ${part}`;

const until = (
  { wants }: Boot,
  part: string,
  asker: string,
  attempt: (group: Group | undefined) => true | undefined,
): Promise<true> =>
  wants.until(
    describe(part),
    {
      for: asker,
      nearest: () => nearestTo(part, nameOf(part)),
      remedy: `Give the machine the disks that the group ${nameOf(part)} lies on, or correct what names it (with :optional behind a name in rd.lvm.lv= or rd.lvm.vg= the boot goes on without it); "lvm pvs" and "lvm lvs" show what is there.`,
    },
    () => attempt(groups.get(nameOf(part))),
  );

/** For the report: what has come of the group, and why it is not enough. */
function nearestTo(part: string, name: string): string {
  const group = groups.get(name);
  if (!group) return nothingOf(name);
  const reason = group.reasons.get(part);
  const there = `of the group ${name} there ${group.devices.size === 1 ? "is" : "are"} ${[...group.devices].join(", ")}`;
  return [there, ...(group.complete ? [] : ["and not all of its physical volumes"]), ...(reason ? [reason] : [])].join(
    "; ",
  );
}

function nothingOf(name: string): string {
  const found = [...groups.keys()].sort().map((group) => `the group ${group}`);
  const ignored = [...leftOut].map(([path, reason]) => `${path}, of which LVM says: ${reason}`);
  const there = [...found, ...ignored];
  if (!there.length) return "no physical volume of LVM is there at all";
  return `no physical volume of the group ${name} is there; there is ${there.join("; ")}`;
}
