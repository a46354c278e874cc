/** npm start: a real Debian, unpacked into RAM by an image of ours, up to its login prompt. */

import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { debianArchive, debianDisk, debianVolumeUuid } from "./support/debian-root.js";
import { mkinitrdCommand } from "./support/firstlight.js";
import { debianKernel } from "./support/kernels.js";
import { outFolder } from "./support/paths.js";
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
step(command.join(" "));
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
  timeLimit: 600,
  logFile: join(outFolder, "demo-console.log"),
  onOutput: (text) => process.stdout.write(text),
});
process.on("SIGINT", async () => {
  await guest.stop();
  console.log("\nstopped");
  process.exit(130);
});

/** Waits for the console to say something; returns the seconds since QEMU's start, by this machine's clock. */
async function reached(pattern: RegExp): Promise<number> {
  await guest.waitFor(pattern);
  return seconds();
}

const timeline: [string, number][] = [];
timeline.push(["kernel starts", await reached(/Linux version/)]);
timeline.push(["/init runs", await reached(/Run \/init as init process/)]);
timeline.push(["root unpacked", await reached(/ unpacked in /)]);
timeline.push(["Debian's init runs", await reached(/systemd\[1\]: systemd \d+.* running in system mode/)]);
timeline.push(["login prompt", await reached(/ login: /)]);
guest.type("root\n");
await guest.waitFor(/:~# /);
guest.type("grep ' / ' /proc/mounts\n");
await guest.waitFor(/^\S+ \/ tmpfs /m);
guest.type("poweroff\n");
await guest.ended();
timeline.push(["powered off", seconds()]);

step("seconds since QEMU was started");
for (const [event, time] of timeline) {
  console.log(`${time.toFixed(1).padStart(6)}  ${event}`);
}
