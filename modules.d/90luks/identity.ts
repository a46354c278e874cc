/** A LUKS UUID, or its beginning, as it is compared: small letters, without dracut's `luks-` in front. */
export const plainUuid = (uuid: string): string => uuid.replace(/^luks-/, "").toLowerCase();

/** Do two of these mean the same? One may be the beginning of the other. */
export const agree = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one);

/** What libdevmapper writes as it is in the names of mappings, in sysfs and in /dev/mapper. */
export const mappingName = "^[A-Za-z0-9#+.:=@_-]+$";
