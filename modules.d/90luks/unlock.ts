import { type Boot, BootError, type Device } from "firstlight/hooks";
import { type Opening, open } from "./cryptsetup.js";
import { isMeant, withFile } from "./files.js";
import { activeMapping } from "./mappings.js";
import { withPassphrase } from "./passphrases.js";
import { describePlace } from "./places.js";
import type { Key, Target } from "./selection.js";

/** A stick at a slow hub takes seconds. */
const usualKeyWait = 30_000;

/** Names of the mappings that are locked again once they have served. */
export const keySources: string[] = [];

const nameOf = ({ name, uuid }: Target, device: Device): string =>
  name ?? `luks-${device.tags.TYPE === "crypto_LUKS" ? device.tags.UUID : uuid}`;

/** Unlocks a device, unless it is unlocked already: with a key that fits, else with what a person types. Throws a BootError. */
export async function unlock(boot: Boot, target: Target, device: Device): Promise<void> {
  const name = nameOf(target, device);
  const active = activeMapping(boot, { uuid: device.tags.UUID ?? target.uuid, name });
  if (active !== undefined) {
    boot.log.info(`${device.path} is unlocked already: /dev/mapper/${active}`);
    return;
  }
  await boot.drivers.load("dm_crypt");
  const { options } = target;
  const opening: Opening = { device: device.path, name, arguments: options.arguments };
  if (options.header)
    await withFile(boot, options.header, { for: `the header of ${device.path}` }, (header) =>
      openSomehow(boot, target, device, { ...opening, arguments: ["--header", header, ...options.arguments] }),
    );
  else await openSomehow(boot, target, device, opening);
  // As in dracut: one that has a name of its own stays.
  if (target.keySource && target.name === undefined) keySources.push(name);
  await boot.wants.device(`/dev/mapper/${name}`, { for: `what is on ${device.path}` });
  boot.log.info(`${device.path} is unlocked: /dev/mapper/${name}`);
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
