import type { Boot, Device } from "firstlight/hooks";

/** What btrfs-progs is asked for. */
interface BtrfsProgram {
  /** Tells the kernel of a device. Resolves to whether it knows all devices of the file system now; undefined: that cannot be told. */
  register(device: Device): Promise<boolean | undefined>;
  /** Which of the devices of a file system these are, and which are missing, in words; undefined: none is. */
  missing(parts: readonly Device[]): Promise<string | undefined>;
}

/** Of a superblock: the number of the device in its file system, and how many that has. */
interface Superblock {
  devid: number;
  devices: number;
}

export function btrfsProgram({ programs, log }: Boot): BtrfsProgram {
  const superblocks = new WeakMap<Device, Superblock>();

  async function run(words: readonly string[]): Promise<{ status: number | null; said: string; stdout: string }> {
    try {
      const end = await programs.run({ argv: ["btrfs", ...words], stdout: "keep", stderr: "keep" });
      const { status, signal, stdout = "", stderr = "" } = end;
      return { status, said: stderr.trim() || (signal ?? ""), stdout };
    } catch (error) {
      return { status: null, said: String(error), stdout: "" };
    }
  }

  async function superblockOf(device: Device): Promise<Superblock | undefined> {
    const read = superblocks.get(device);
    if (read) return read;
    const { stdout } = await run(["inspect-internal", "dump-super", device.path]);
    const field = (name: string) => Number(new RegExp(`^${name}\\s+(\\d+)$`, "m").exec(stdout)?.[1] ?? 0);
    const found = { devid: field("dev_item\\.devid"), devices: field("num_devices") };
    if (!found.devid || !found.devices) return undefined;
    superblocks.set(device, found);
    return found;
  }

  return {
    /**
     * By itself the kernel knows the device that it mounts, and no other. `btrfs device ready` (btrfs-device(8)) has it read another one's superblock, and
     * asks, as udev's 64-btrfs.rules does, whether all are known: status 1 without a word says no.
     */
    async register({ path }) {
      const { status, said } = await run(["device", "ready", path]);
      if (status === 0) return true;
      if (status === 1 && !said) return false;
      log.warning(`btrfs device ready ${path}: ${said || `status ${status}`}`);
      return undefined;
    },
    async missing(parts) {
      const read = await Promise.all(parts.map(superblockOf));
      const seen = parts.map(({ name }, index) => `${name} (devid ${read[index]?.devid ?? "unknown"})`).join(", ");
      const devices = read.find((each) => each)?.devices;
      if (devices === undefined) return `there is ${seen}, and others are missing`;
      const count = devices - parts.length;
      if (count <= 0) return undefined;
      const ids = new Set(read.map((each) => each?.devid));
      const absent = Array.from({ length: devices }, (_, index) => index + 1).filter((id) => !ids.has(id));
      // After a device has been removed from a file system the numbers of those that it has go further.
      const which = absent.length === count ? `devid ${absent.join(" and ")}` : `${count}, whose devid is not known`;
      return `there is ${seen} of ${devices} devices; missing: ${which}`;
    },
  };
}
