import { type Boot, BootError, type Device } from "firstlight/hooks";
import { type Opening, open } from "./cryptsetup.js";
import { isMeant, withFile } from "./files.js";
import { activeMapping } from "./mappings.js";
import { withPassphrase } from "./passphrases.js";
import { describePlace } from "./places.js";
import type { Key, Target } from "./selection.js";

/** A stick at a slow hub takes seconds. */
const usualKeyWait = 30_000;

/** Names of the mappings that are locked again once they have served. As in dracut, those with a name of their own stay. */
export const keySources: string[] = [];

/** Unlocks a device, unless it is unlocked already: with a key that fits, else with what a person types. Throws a BootError. */
export async function unlock(boot: Boot, target: Target, device: Device): Promise<void> {
  // A detached header has it, and the device something else, or nothing.
  const uuid = device.tags.TYPE === "crypto_LUKS" ? device.tags.UUID : target.uuid;
  const name = target.name ?? `luks-${uuid}`;
  const active = activeMapping(boot, { uuid, name });
  if (active === undefined) await openDevice(boot, target, device, name);
  if (target.keySource && target.name === undefined) keySources.push(active ?? name);
  boot.log.info(`${device.path} is unlocked${active === undefined ? "" : " already"}: /dev/mapper/${active ?? name}`);
}

async function openDevice(boot: Boot, target: Target, device: Device, name: string): Promise<void> {
  const { header, arguments: flags } = target.options;
  const openWith = (more: readonly string[]) =>
    openSomehow(boot, target, device, { device: device.path, name, arguments: [...more, ...flags] });
  await boot.drivers.load("dm_crypt");
  if (header)
    await withFile(boot, header, { for: `the header of ${device.path}` }, (path) => openWith(["--header", path]));
  else await openWith([]);
  await boot.wants.device(`/dev/mapper/${name}`, { for: `what is on ${device.path}` });
}

async function openSomehow(boot: Boot, target: Target, device: Device, opening: Opening): Promise<void> {
  const isFor = ({ only }: Key) => only === undefined || isMeant(boot, only, device);
  for (const key of target.keys.filter(isFor)) if (await openByKey(boot, target, key, opening)) return;
  const { tries, timeout } = target.options;
  await withPassphrase(boot, { what: `${device.path} (${opening.name})`, tries, timeout }, (typed) =>
    open(boot, opening, { typed }),
  );
}

/** False: there is no such key, or it does not fit. */
async function openByKey(boot: Boot, { options }: Target, key: Key, opening: Opening): Promise<boolean> {
  const asker = { for: `the key of ${opening.device}`, within: options.keyWait ?? usualKeyWait };
  const failed = (why: string) => {
    boot.log.warning(`${opening.device}: the key ${describePlace(key)} does not unlock it: ${why}`);
    return false;
  };
  try {
    const fits = await withFile(boot, key, asker, (file) =>
      open(boot, opening, { file, arguments: options.keyArguments }),
    );
    return fits || failed("it is none of this device's keys");
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    return failed(error.message);
  }
}
