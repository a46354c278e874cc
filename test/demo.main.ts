/** npm start: a real Debian, unpacked into RAM by an image of ours, up to its login prompt. */

import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { debianArchive, debianDisk, debianVolumeUuid } from "./support/debian-root.js";
import { mkinitrdCommand } from "./support/firstlight.js";
import { debianKernel } from "./support/kernels.js";
import { outFolder, projectFolder } from "./support/paths.js";
import { startGuest } from "./support/qemu.js";
import { run } from "./support/run.js";

const image = join(outFolder, "initrd.img");
const memory = 1024;

function step(text: string): void {
  console.log(`\n==> ${text}`);
}

step("Debian's cloud kernel, unpacked under out/");
const kernel = await debianKernel("cloud");
console.log(kernel.image);

step("a small Debian, packed as an archive onto a disk image (the first time this takes a minute)");
const disk = await debianDisk();
console.log(`${disk}: ${debianArchive} on UUID=${debianVolumeUuid}`);

const command = mkinitrdCommand(["-N", "-a", "tmpfs-root"], image, kernel);
step(command.join(" ").replaceAll(`${projectFolder}/`, ""));
await run(command, { show: true });

const cmdline = `root=tmpfs:UUID=${debianVolumeUuid} rd.tmpfs.size=600m rd.tmpfs.imgfile=${debianArchive}`;
step(`booting it in QEMU with ${cmdline}`);
const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const guest = startGuest({
  kernel: kernel.image,
  initrd: image,
  cmdline,
  disks: [{ file: disk }],
  memory,
  logFile: join(outFolder, "demo-console.log"),
  onOutput: (text) => process.stdout.write(text),
});
process.once("SIGINT", () => {
  // QEMU ends with this process.
  console.log("\nstopped");
  process.exit(130);
});

interface Moment {
  event: string;
  /** Seconds since QEMU was started, by this machine's clock. */
  wall: number;
  /** Seconds since the kernel started, where the console's line has its time. */
  kernel: string;
}
const timeline: Moment[] = [];

/** Waits for a line of the console. */
async function reach(event: string, line: RegExp): Promise<void> {
  const [found] = await guest.waitFor(line);
  timeline.push({ event, wall: seconds(), kernel: /^\[ *(\d+\.\d)/.exec(found)?.[1] ?? "" });
}

await reach("kernel starts", /^.*Linux version/m);
await reach("/init starts", /^.*Run \/init as init process/m);
await reach("root unpacked", /^.* unpacked in /m);
await reach("Debian's init starts", /^.*systemd\[1\]: systemd \d+.* running in system mode/m);
await reach("login prompt", / login: /);
guest.type("root\n");
await guest.waitFor(/:~# /);
guest.type("grep ' / ' /proc/mounts\n");
await guest.waitFor(/^\S+ \/ tmpfs /m);
guest.type("poweroff\n");
await guest.ended();
timeline.push({ event: "powered off", wall: seconds(), kernel: "" });

step("timeline, in seconds: by this machine's clock since QEMU was started, and by the kernel's");
for (const { event, wall, kernel } of timeline) {
  console.log(`${wall.toFixed(1).padStart(8)} ${kernel.padStart(8)}  ${event}`);
}
