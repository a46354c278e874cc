import type { Device } from "../../hooks/index.js";
import { readIfThere } from "./files.js";

/**
 * What may be on encrypted devices that nobody has unlocked, for the report: a line each. `hasModule`: the image can unlock them. The uuid of a mapping
 * that cryptsetup has made is CRYPT-LUKS2-UUID-NAME, that UUID without dashes.
 */
export function lockedDevices(devices: readonly Device[], hasModule: boolean): string[] {
  const open = devices
    .filter(({ name }) => name.startsWith("dm-"))
    .map(({ name }) => readIfThere(`/sys/class/block/${name}/dm/uuid`) ?? "");
  return devices.flatMap(({ path, tags: { TYPE, UUID = "" } }) => {
    if (TYPE !== "crypto_LUKS" || open.some((uuid) => uuid.split("-")[2] === UUID.replaceAll("-", ""))) return [];
    const how = hasModule
      ? `rd.luks.uuid=${UUID} on the kernel command line unlocks it`
      : `an image with the module luks unlocks it (mkinitrd -a luks), by rd.luks.uuid=${UUID}`;
    return [`${path} is encrypted: ${how}`];
  });
}
