/** Where a key or a header is. */
export interface Place {
  /** Absolute: in the image, on the file system of `device`, or itself a device ("/dev/sdb1"). */
  path: string;
  /** By the forms of `Devices.find`, or by the beginning of a UUID. "anywhere": on whatever file system has such a file, and in the image. Left out: in the image. */
  device?: string;
}

const device = /^(\/dev\/.|(UUID|LABEL|PARTUUID|PARTLABEL)=.)/;

/** `PATH[:DEVICE]`, as in crypttab(5) and systemd-cryptsetup-generator(8); undefined: that is none. */
export function parsePlace(text: string): Place | undefined {
  const [, path = "", where] = /^([^:]+)(?::(.+))?$/.exec(text) ?? [];
  if (!path.startsWith("/")) return undefined;
  if (where === undefined || where === "/") return { path };
  return device.test(where) ? { path, device: where } : undefined;
}

/** For a person. */
export const describePlace = ({ path, device }: Place): string =>
  device === undefined ? path : device === "anywhere" ? `${path} on any device` : `${path} on ${device}`;
