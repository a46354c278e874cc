import { type Boot, BootError, type Device, hook } from "firstlight/hooks";
import { isMeant } from "./files.js";
import { agree } from "./identity.js";
import { select, type Target } from "./selection.js";
import { unlock } from "./unlock.js";

export const crypttabPath = "/etc/crypttab";

const isLuks = ({ tags }: Device) => tags.TYPE === "crypto_LUKS";

function isDevice(boot: Boot, { uuid, device: spec }: Target, device: Device): boolean {
  if (spec !== undefined) return isMeant(boot, spec, device);
  return isLuks(device) && uuid !== undefined && agree(device.tags.UUID?.toLowerCase() ?? "", uuid);
}

const describe = ({ device, uuid, name }: Target) =>
  `encrypted device ${device ?? `UUID=${uuid}`}${name === undefined ? "" : ` (${name})`}`;

function nearest({ devices }: Boot): string {
  const found = devices.all().filter(isLuks);
  if (!found.length) return "no LUKS device is there";
  return `there is ${found.map(({ path, tags }) => `${path} with LUKS UUID=${tags.UUID}`).join("; ")}`;
}

/** Waits for a device, and unlocks it. Resolves to that. */
async function unlockRequired(boot: Boot, target: Target): Promise<Device> {
  const asker = {
    for: "rd.luks",
    nearest: () => nearest(boot),
    remedy: "Compare rd.luks.uuid= on the kernel command line, or the image's crypttab, with what is there.",
  };
  const find = () => boot.devices.all().find((device) => isDevice(boot, target, device));
  const device = await boot.wants.until(describe(target), asker, find);
  await unlock(boot, target, device);
  return device;
}

/** As in dracut: the beginning of a UUID means all devices whose UUID begins so. One is waited for, others are unlocked as they come. */
async function unlockAll(boot: Boot, target: Target): Promise<void> {
  const first = await unlockRequired(boot, target);
  if (target.name !== undefined || target.device !== undefined) return;
  boot.devices.watch(async (device) => {
    const isOther = device.tags.UUID !== first.tags.UUID && isDevice(boot, target, device);
    if (isOther) await unlock(boot, target, device);
  });
}

/** As in dracut: where it stays locked, passphrases take the place of the keys on it. */
async function unlockKeySource(boot: Boot, target: Target): Promise<void> {
  try {
    await unlockRequired(boot, target);
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    boot.log.warning(error.message);
  }
}

export default hook({
  async run(boot) {
    const { files, parameters, log, devices } = boot;
    const { targets, others, mistakes } = select(parameters, files.stat(crypttabPath) ? files.read(crypttabPath) : "");
    for (const mistake of mistakes) log.warning(mistake);
    if (!targets.length && !others) return;
    // The locks of LUKS2 headers; cryptsetup would make it, and warn.
    files.makeDir("/run/cryptsetup", 0o700);
    const [optional, required] = [true, false].map((nofail) =>
      targets.filter(({ options }) => options.nofail === nofail),
    );
    if (others || optional?.length)
      devices.watch(async (device) => {
        const target = optional?.find((each) => isDevice(boot, each, device));
        if (target) await unlock(boot, target, device);
        else if (others && isLuks(device) && !required?.some((each) => isDevice(boot, each, device)))
          await unlock(boot, others(device.tags.UUID ?? ""), device);
      });
    await Promise.all((required ?? []).map((target) => (target.keySource ? unlockKeySource : unlockAll)(boot, target)));
  },
});
