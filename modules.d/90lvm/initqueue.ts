import { type Boot, BootError, hook } from "firstlight/hooks";
import { groups, leftOut } from "./groups.js";
import { groupOf, selectionOf } from "./selection.js";

/** What the command line names has to come; what else root lies on it waits for by itself. */
export default hook({
  async run(boot) {
    const selection = selectionOf(boot.parameters);
    if (!selection) return;
    const { volumes, optional } = selection;
    const required = selection.groups.filter((group) => !optional.includes(group));
    await Promise.all([
      ...volumes.map((volume) => until(boot, volume, `logical volume ${volume}`)),
      ...required.map((group) => until(boot, group, `volume group ${group}`)),
    ]);
  },
});

function until({ wants, parameters }: Boot, part: string, description: string): Promise<true> {
  const name = part.includes("/") ? groupOf(part) : part;
  const parameter = part === name ? "rd.lvm.vg" : "rd.lvm.lv";
  const asker = parameters.all(parameter).includes(part) ? `${parameter}=${part}` : "/etc/firstlight/lvm-raid.conf";
  return wants.until(
    description,
    {
      for: asker,
      nearest: () => nearestTo(part, name),
      remedy: `Give the machine the disks that the group ${name} lies on, or correct ${asker}; "lvm pvs" and "lvm lvs" show what is there.`,
    },
    () => {
      const group = groups.get(name);
      if (group?.active.has(part)) return true;
      const reason = group?.reasons.get(part);
      // Nothing that comes could change it.
      if (group?.complete && reason !== undefined) throw refused(description, asker, reason);
      return undefined;
    },
  );
}

const refused = (description: string, asker: string, reason: string) =>
  new BootError(
    `${description}, wanted for ${asker}, is not activated, though all physical volumes of its group are there: ${reason}`,
    `Correct ${asker} on the kernel command line, or what LVM complains of: "lvm lvs -a" shows what is there.`,
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
