import type { SimulatedFolder } from "./description.js";
import { Failure } from "./failure.js";
import { addFiles, type FileSystem, type FileTable } from "./file-tree.js";
import type { World } from "./world.js";

/** Folders of the host (virtiofs) whose devices have their driver. */
export interface Folders {
  /** Its device has its driver now. */
  arrive(folder: SimulatedFolder): void;
  /** The driver is in the kernel, and shows so in sysfs. */
  driverInserted(): void;
  /** What sysfs holds of them. */
  files(): FileTable;
  /** What a mount of a tag gives, the same each time. Throws Failure EINVAL: there is none, or the kernel does not know an option. */
  system(tag: string, options: string): FileSystem;
}

const driver = "bus/virtio/drivers/virtiofs";

/** Since Linux 6.9 sysfs has a folder for each, with its tag. */
function showsTags(release: string): boolean {
  const [major = 0, minor = 0] = release.split(/\D/).map(Number);
  return major > 6 || (major === 6 && minor >= 9);
}

export function createFolders(world: World): Folders {
  const present: SimulatedFolder[] = [];
  const systems = new Map<string, FileSystem>();
  let driven = false;

  function files(): FileTable {
    if (!driven) return {};
    const shown = showsTags(world.description.kernel.release);
    return Object.assign(
      { [`${driver}/`]: "", ...(shown ? { "fs/virtiofs/": "" } : {}) },
      ...present.map(({ tag }, index) => ({
        [`${driver}/virtio${index}`]: { type: "symlink", mode: 0o777, target: `../../devices/virtio${index}` },
        ...(shown ? { [`fs/virtiofs/${index}/tag`]: `${tag}\n` } : {}),
      })),
    );
  }

  function show(): void {
    const mounted = new Set(world.files.mounts.map(({ system }) => system).filter(({ type }) => type === "sysfs"));
    for (const system of mounted) addFiles(system, system.root, files(), world.realtime());
  }

  return {
    files,
    arrive(folder) {
      present.push(folder);
      show();
      const devpath = `/devices/simulated/virtiofs${present.length - 1}`;
      world.schedule.uevent({ action: "bind", devpath, properties: { SUBSYSTEM: "virtio", DRIVER: "virtiofs" } });
    },
    driverInserted() {
      if (world.description.missingTypes?.includes("virtiofs")) return;
      driven = true;
      show();
    },
    system(tag, options) {
      const folder = present.find((each) => each.tag === tag);
      if (!folder) throw new Failure("EINVAL", `virtio-fs: tag <${tag}> not found`);
      for (const option of options.split(",").filter(Boolean))
        if (!/^(dax(=(always|never|inode))?|(fs|def|root)?context=.*)$/.test(option))
          throw new Failure("EINVAL", option);
      const known = systems.get(tag);
      if (known) return known;
      const system = world.newSystem("virtiofs");
      addFiles(system, system.root, folder.files ?? {}, world.realtime());
      system.disk = true;
      if (folder.silent) system.silent = true;
      systems.set(tag, system);
      return system;
    },
  };
}
