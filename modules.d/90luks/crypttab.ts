/** A line of crypttab(5). */
export interface CrypttabLine {
  /** Of the mapping. */
  name: string;
  /** Where the data is: a path, `UUID=…`, ... */
  device: string;
  /** Third field, empty where it says that there is none. */
  key: string;
  options: readonly string[];
  /** As it is in the file. */
  text: string;
}

const decoded = (field: string) =>
  field.replaceAll(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));

/** The lines that are none of comments. A line of one field is none either. */
export function parseCrypttab(text: string): CrypttabLine[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", device, key = "none", options = ""] = line.trim().split(/\s+/);
    if (!name || name.startsWith("#") || device === undefined) return [];
    return [
      {
        name: decoded(name),
        device: decoded(device),
        key: /^(none|-)$/.test(key) ? "" : decoded(key),
        options: options.split(",").map(decoded).filter(Boolean),
        text: line.trim(),
      },
    ];
  });
}

/** The UUID that a crypttab line names its device by, if it does. */
export const uuidOf = ({ device }: CrypttabLine): string | undefined =>
  /^(?:UUID=|\/dev\/disk\/by-uuid\/)(.+)$/.exec(device.replaceAll('"', ""))?.[1]?.toLowerCase();
