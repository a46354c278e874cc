import { type Boot, errnoOf } from "firstlight/hooks";

/** Names and uuids of the mappings that are there, as sysfs has them. */
function mappings({ files }: Boot): { name: string; uuid: string }[] {
  const devices = files.list("/sys/class/block").filter(({ name }) => name.startsWith("dm-"));
  return devices.flatMap(({ name: device }) => {
    const read = (fact: string) => files.read(`/sys/class/block/${device}/dm/${fact}`).trim();
    try {
      return [{ name: read("name"), uuid: read("uuid") }];
    } catch (error) {
      // It has gone meanwhile.
      if (["ENOENT", "ENODEV"].includes(errnoOf(error) ?? "")) return [];
      throw error;
    }
  });
}

/** The name of the mapping that a LUKS device is unlocked as, by its UUID; or of one that has the name already. undefined: none. */
export function activeMapping(
  boot: Boot,
  { uuid = "", name }: { uuid?: string | undefined; name: string },
): string | undefined {
  // cryptsetup gives it CRYPT-LUKS2-UUID-NAME, the UUID without dashes.
  const digits = uuid.replaceAll("-", "");
  return mappings(boot).find(
    (mapping) =>
      mapping.name === name ||
      (digits && /^CRYPT-LUKS\d-/.test(mapping.uuid) && mapping.uuid.slice(12).startsWith(digits)),
  )?.name;
}
