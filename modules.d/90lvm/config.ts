/**
 * lvm.conf(5) of an initramfs: no udev that makes nodes and knows devices, no daemon that watches, locks or polls, nothing to be told by D-Bus, nowhere to
 * keep backups of metadata; and no hints, which devices that come would make wrong.
 */
const forced: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  devices: { obtain_device_list_from_udev: "0", external_device_info_source: '"none"', hints: '"none"' },
  activation: { udev_sync: "0", udev_rules: "0", monitoring: "0" },
  global: { event_activation: "1", use_lvmpolld: "0", use_lvmlockd: "0", notify_dbus: "0" },
  backup: { backup: "0", archive: "0" },
};

export const configPath = "/etc/lvm/lvm.conf";

/** What a host's configuration is changed in: how it is found out who it is, and the devices file. */
export interface ConfigChange {
  /** The system ID, where it cannot be found out in an initramfs. */
  systemId?: string | undefined;
  /** Is its devices file in the image? */
  devicesFile: boolean;
}

/** lvm.conf of the image, with what else the host's one says: filters, volumes to be activated, programs that check. */
export function imageConfig(host = "", { systemId, devicesFile }: ConfigChange = { devicesFile: false }): string {
  const settings = {
    ...forced,
    devices: { ...forced.devices, ...(devicesFile ? {} : { use_devicesfile: "0" }) },
    ...(systemId === undefined ? {} : { local: { system_id: `"${systemId}"` } }),
    global: { ...forced.global, ...(systemId === undefined ? {} : { system_id_source: '"lvmlocal"' }) },
  };
  // LVM warns of what is there twice.
  const keys = Object.values(settings).flatMap((section) => Object.keys(section));
  const sections = Object.entries(settings).map(
    ([name, section]) =>
      `${name} {\n${Object.entries(section)
        .map(([key, value]) => `\t${key} = ${value}\n`)
        .join("")}}\n`,
  );
  return withoutKeys(withoutComments(host), keys) + sections.join("");
}

/** The shipped file has a hundred kilobytes of them. */
const withoutComments = (text: string) =>
  text
    .split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => `${line}\n`)
    .join("");

const value = '("(?:[^"\\\\]|\\\\.)*"|[^\\s{}"]+)';

const withoutKeys = (text: string, keys: readonly string[]) =>
  text.replace(new RegExp(`(?:\\w+/)?\\b(?:${keys.join("|")})\\s*=\\s*${value}`, "g"), "");

/** A setting with one value; undefined: it is not set there. */
export function settingOf(config: string, key: string): string | undefined {
  const found = new RegExp(`\\b${key}\\s*=\\s*${value}`).exec(withoutComments(config))?.[1];
  return found?.replace(/^"(.*)"$/, "$1");
}
