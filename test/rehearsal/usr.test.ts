/** Checks of file systems, /usr and others of the root's and the image's fstab, and resume=, on simulated machines. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { shellPath } from "../../core/abi/index.js";
import type { MachineDescription, SimulatedDevice } from "../../core/rehearsal/description.js";
import type { FileTable, SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { mount } from "../../core/rehearsal/mounts.js";
import { knownPrograms } from "../../core/rehearsal/program-models.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const checkers = { "usr/sbin/fsck.ext4": program, "usr/sbin/fsck.vfat": program };
const folders = ["run/", "usr/", "var/", "var/log/", "srv/", "mnt/"].map((name): [string, string] => [name, ""]);
const root: FileTable = { ...Object.fromEntries(folders), "sbin/init": program };

const disk = (name: string, number: number, rest: Partial<SimulatedDevice> = {}): SimulatedDevice => ({
  name,
  number: `254:${number}`,
  tags: { TYPE: "ext4", LABEL: name, USAGE: "filesystem" },
  ...rest,
});

let bundle = "";
before(async () => {
  bundle = await bundleWith({ add: ["fsck", "usr-mount", "resume"] });
});

interface Case extends Partial<MachineDescription> {
  parameters?: string;
  /** The root's. */
  fstab?: string;
  /** Of the root's disk, and of the others. */
  disk?: Partial<SimulatedDevice>;
  others?: SimulatedDevice[];
  image?: FileTable;
  files?: FileTable;
}

async function boot({ parameters = "", fstab, disk: own, others = [], image = checkers, files, ...change }: Case) {
  const table = { ...root, ...files, ...(fstab === undefined ? {} : { "etc/fstab": fstab }) };
  const machine = createMachine({
    commandLine: `root=/dev/vda ro rd.shell=0 rd.retry=6 ${parameters}`,
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { "etc/": "", "sysroot/": "", ...image },
    devices: [disk("vda", 0, { files: table, ...own }), ...others],
    modaliases: [],
    monolithic: true,
    programs: {},
    modelled: knownPrograms,
    ...change,
  });
  const word = await rehearse(bundle, machine);
  const asked = machine.recorded().map(({ name, arguments: json }) => ({ name, ...JSON.parse(json) }));
  const mounts = machine.files.mounts
    .filter(({ point }) => /^\/(sysroot|mnt)/.test(point))
    .map(({ source, point, flags }) => [source, "on", point, ...flags].join(" "));
  const runs = asked.flatMap(({ name, argv }) => (name === "run" ? [argv.join(" ")] : []));
  return { word, asked, mounts, runs, machine, shown: machine.console() };
}

const checked = "/dev/vda \\(the root\\)";

/** By exit status: what comes of it, and what is said. */
const endings: [status: number, end: string, said: RegExp | undefined][] = [
  [0, "switch", undefined],
  [1, "switch", /: errors were repaired \(fsck\.ext4: status 1\)/],
  [2, "reboot", /the machine has to restart/],
  [3, "reboot", /errors were repaired .*status 3/],
  [4, "failed", /^What: {4}errors are left on the file system of .*status 4/m],
  [5, "failed", /errors were repaired .*status 5/],
  [6, "failed", /^What: {4}errors are left/m],
  [8, "switch", /could not be done \(operational error\) \(fsck\.ext4: status 8\)/],
  [9, "switch", /errors were repaired; the check could not be done \(operational error\)/],
  [10, "reboot", /operational error/],
  [12, "failed", /operational error[\s\S]*^What: {4}errors are left/m],
  [16, "switch", /usage error/],
  [32, "failed", /^What: {4}the check of .* was cancelled$[\s\S]*continue-boot goes on without/m],
  [33, "failed", /errors were repaired[\s\S]*was cancelled/],
  [128, "switch", /a shared library/],
];

test("each bit of a check's exit status counts, alone and together with others", async () => {
  for (const [status, end, said] of endings) {
    const { word, shown, asked, runs } = await boot({ disk: { fsck: status } });
    assert.equal(word.word, end, `${status}: ${shown}`);
    if (said) assert.match(shown, said, String(status));
    else assert.doesNotMatch(shown, /^<4>/m);
    assert.deepEqual(runs, ["fsck.ext4 -p -C 0 /dev/vda"]);
    const told = asked.some(({ name, path }) => name === "write" && path === "/run/initramfs/fsck-root");
    const isDone = (status & (8 | 16 | 128)) === 0;
    assert.equal(told, end === "switch" && isDone, String(status));
    if (end !== "switch") assert.ok(!asked.some(({ target }) => target === "/sysroot"), "it is not mounted");
    if (end === "reboot") assert.ok(asked.findLast(({ name }) => name === "sync"));
  }
});

test("where nothing may be repaired: errors that e2fsck finds stop the boot; those of FAT, of which its check says no more, are told of", async () => {
  const look = (TYPE: string) => boot({ parameters: "fsck.repair=no", disk: { fsck: 1, tags: { TYPE } } });
  const extended = await look("ext4");
  assert.deepEqual([extended.word.word, extended.runs], ["failed", ["fsck.ext4 -n -C 0 /dev/vda"]]);
  assert.match(extended.shown, /^What: {4}errors are left on/m);
  const fat = await look("vfat");
  assert.deepEqual([fat.word.word, fat.runs], ["switch", ["fsck.vfat -n /dev/vda"]]);
  assert.match(fat.shown, /: errors were found, and left as they are \(fsck\.repair=no\) \(fsck\.vfat: status 1\)/);
  assert.doesNotMatch(fat.shown, /were repaired/);
});

test("Ctrl-C that ends a program cancels it; any other signal, and a program that does not start, is a warning", async () => {
  const killed = (signal: string) => boot({ programs: { "fsck.ext4": () => ({ signal }) } });
  assert.match((await killed("SIGINT")).shown, /^What: .* was cancelled$/m);
  const crashed = await killed("SIGSEGV");
  assert.match(crashed.shown, /^<4>\/dev\/vda \(the root\) is not checked: fsck\.ext4 was ended by SIGSEGV/m);
  assert.equal(crashed.word.word, "switch");
});

test("a check takes the time that it takes, whatever rd.timeout says: a person may end it", async () => {
  const { word } = await boot({ parameters: "rd.timeout=30", programs: { "fsck.ext4": () => ({ lasts: 3_600_000 }) } });
  assert.equal(word.word, "switch");
});

test("a root that a person has mounted is not checked", async () => {
  const source = { source: "/dev/vda", target: "/sysroot", type: "ext4", flags: [], data: "" };
  const { word, runs, shown } = await boot({
    parameters: "rd.shell=1 rd.break=pre-mount",
    image: { ...checkers, [shellPath.slice(1)]: program },
    programs: {
      shell: (_request, { world }) => {
        mount(world, source);
        return { lasts: 1000 };
      },
    },
  });
  assert.equal(word.word, "switch", shown);
  assert.deepEqual(
    runs.filter((words) => words.startsWith("fsck")),
    [],
  );
  assert.match(shown, /\/dev\/vda \(the root\) is not checked: it is mounted already/);
});

/** By parameters: how the root is checked; undefined: it is not. */
const commands: [parameters: string, argv: string | undefined][] = [
  ["fsck.mode=auto", "-p -C 0"],
  ["fsck.mode=force", "-p -f -C 0"],
  ["forcefsck", "-p -f -C 0"],
  ["fsck.mode=skip", undefined],
  ["rd.skipfsck", undefined],
  ["fastboot", undefined],
  ["fastboot fsck.mode=auto", "-p -C 0"],
  ["fsck.repair=preen", "-p -C 0"],
  ["fsck.repair=yes", "-y -C 0"],
  ["fsck.repair=no fsck.mode=force", "-n -f -C 0"],
];

test("fsck.mode and fsck.repair, and the words that dracut and older systems have for them", async () => {
  for (const [parameters, argv] of commands) {
    const { runs } = await boot({ parameters });
    assert.deepEqual(runs, argv === undefined ? [] : [`fsck.ext4 ${argv} /dev/vda`], parameters);
  }
  assert.match(
    (await boot({ parameters: "fsck.mode=always" })).shown,
    /fsck\.mode=always \(accepted: fsck\.mode=auto\|/,
  );
});

test("what the root itself says of its check: 0 in its fstab, and /forcefsck, seen by a look that writes nothing", async () => {
  const never = await boot({ fstab: "LABEL=vda / ext4 defaults 0 0\n" });
  assert.deepEqual(never.runs, []);
  const look = never.asked.find(({ name }) => name === "mount");
  assert.deepEqual([look?.flags, look?.data], [["ro"], "noload"]);
  assert.ok(!never.asked.some(({ path }) => path === "/run/initramfs/fsck-root"));
  for (const parameters of ["", "fsck.mode=force"])
    assert.deepEqual(
      (await boot({ parameters, files: { forcefsck: "" }, fstab: "LABEL=vda / ext4 defaults\n" })).runs,
      ["fsck.ext4 -p -f -C 0 /dev/vda"],
    );
  const unmountable = await boot({ disk: { readOnly: true, tags: { TYPE: "ext4" } }, missingTypes: ["ext4"] });
  assert.deepEqual(unmountable.runs, ["fsck.ext4 -p -C 0 /dev/vda"], "without a look");
});

test("XFS needs no check; one that the image has no program for is a warning", async () => {
  const xfs = await boot({ disk: { tags: { TYPE: "xfs" } } });
  assert.deepEqual([xfs.runs, xfs.word.word], [[], "switch"]);
  const without = await boot({ image: {} });
  assert.match(
    without.shown,
    new RegExp(`^<4>${checked} is not checked: the image has no fsck\\.ext4; add it with`, "m"),
  );
  assert.equal(without.word.word, "switch");
});

const fstab = `# comment
LABEL=vda / ext4 defaults 0 1

short line
LABEL=vdx relative ext4
LABEL=vdx /a/../b ext4
LABEL=vdx /mnt ext4 defaults 0 often
overlay /mnt overlay x-initrd.mount,lowerdir=/var:/usr,upperdir=/var/log/u,workdir=/var/log/w 0 0
/usr/share /srv/a\\040place none noauto,bind,ro 0 0
LABEL=vdd /var/log ext4 noauto 0 2
LABEL="vdb" /usr ext4 nodev 0 2
LABEL=vdc /var btrfs subvol=@var,x-initrd.mount 0 0
LABEL=none /opt xfs nofail,x-initrd.mount 0 0
LABEL=swap none swap sw 0 0
`;
const several = [
  disk("vdb", 1, { after: 3000, files: { "share/": "" } }),
  disk("vdc", 2, { tags: { TYPE: "btrfs", LABEL: "vdc" }, files: { "log/": "" } }),
  disk("vdd", 3, { fsck: 1, files: { "u/": "", "w/": "" } }),
];

test("what the root's fstab has for init, checked, in an order that goes, each line that is wrong told by its number", async () => {
  const { word, mounts, runs, shown, asked } = await boot({
    parameters: "rd.mountpoints=/srv/a\\040place,/var/log/",
    fstab,
    others: several,
    files: { "srv/a place/": "", "var/log/": "" },
  });
  assert.equal(word.word, "switch", shown);
  assert.deepEqual(mounts.slice(0, 6), [
    "/dev/vda on /sysroot ro",
    "/dev/vdb on /sysroot/usr nodev",
    "/dev/vdb on /sysroot/srv/a place ro",
    "/dev/vdc on /sysroot/var",
    "/dev/vdd on /sysroot/var/log",
    "overlay on /sysroot/mnt",
  ]);
  assert.deepEqual(runs.slice(1), ["fsck.ext4 -p -C 0 /dev/vdb", "fsck.ext4 -p -C 0 /dev/vdd"]);
  const overlay = asked.find(({ type }) => type === "overlay");
  assert.equal(
    overlay?.data,
    "lowerdir=/sysroot/var:/sysroot/usr,upperdir=/sysroot/var/log/u,workdir=/sysroot/var/log/w",
  );
  assert.equal(asked.find(({ type }) => type === "btrfs")?.data, "subvol=@var");
  for (const line of [4, 5, 6, 7])
    assert.match(shown, new RegExp(`^<4>the root's /etc/fstab, line ${line}: .*left out`, "m"));
  assert.doesNotMatch(shown, /line (1|2|14):/);
  assert.match(
    shown,
    /^<4>nofail: the boot goes on without \/opt \(line 13 of the root's \/etc\/fstab\): LABEL=none is not there/m,
  );
});

const usr = "LABEL=vdb /usr ext4 defaults 0 2\n";

test("a /usr that does not come, or cannot be mounted, stops the boot with its line", async () => {
  const missing = await boot({ fstab: usr });
  assert.match(
    missing.shown,
    /^What: {4}LABEL=vdb, wanted for \/usr \(line 1 of the root's \/etc\/fstab\), has not come/m,
  );
  const wrong = await boot({ fstab: "LABEL=vdb /usr ext4 nonsense\n", others: several });
  assert.match(wrong.shown, /^What: {4}\/usr \(line 1 of the root's \/etc\/fstab\): .*EINVAL/m);
  assert.match(wrong.shown, /^Remedy: {2}Correct the line, or mount it on \/sysroot\/usr here, and continue-boot/m);
  const damaged = await boot({ fstab: usr, others: [disk("vdb", 1, { fsck: 4 })] });
  assert.match(damaged.shown, /^What: {4}errors are left on the file system of \/dev\/vdb \(\/usr\)/m);
  const restarts = await boot({ fstab: usr, others: [disk("vdb", 1, { fsck: 3 })] });
  assert.equal(restarts.word.word, "reboot");
  const absent = await boot({
    fstab: usr,
    others: several,
    disk: { files: { "sbin/init": program, "etc/fstab": usr } },
  });
  assert.match(absent.shown, /^What: {4}\/usr \(line 1 .*\): the root has no directory \/usr$/m);
});

test("a mount point is looked up in the root: a link out of it has nothing of the initramfs covered", async () => {
  const link = (target: string): SimulatedFile => ({ type: "symlink", mode: 0o777, target });
  const files = { elsewhere: link("/etc"), inside: link("mnt"), "etc/": "" };
  const out = await boot({ fstab: "tmpfs /elsewhere tmpfs x-initrd.mount\n", files });
  assert.match(out.shown, /^What: {4}\/elsewhere .*leads over an absolute link, out of \/sysroot/m);
  const within = await boot({ fstab: "tmpfs /inside tmpfs x-initrd.mount\n", files });
  assert.ok(within.mounts.includes("tmpfs on /sysroot/mnt"), within.shown);
});

test("rd.mountpoints= names lines that are there; rd.fstab=0 has none count; without an fstab nothing is mounted", async () => {
  const named = await boot({ parameters: "rd.mountpoints=/var", fstab: usr });
  assert.match(named.shown, /^What: {4}rd\.mountpoints=\/var: the root's \/etc\/fstab has no line for \/var$/m);
  assert.match(named.shown, /^Remedy: .* It has lines for \/usr\.$/m);
  for (const quiet of [await boot({ parameters: "rd.fstab=0", fstab: usr }), await boot({})])
    assert.deepEqual([quiet.word.word, quiet.mounts], ["switch", ["/dev/vda on /sysroot ro"]]);
});

test("the image's own fstab: in the initramfs before the root, and gone at the switch; or in the new root", async () => {
  const own = "LABEL=vdd /keys/disk ext4 ro 0 2\ntmpfs /sysroot/mnt tmpfs size=1m 0 0\nLABEL=vda / ext4 defaults 0 1\n";
  const { word, mounts, asked, runs } = await boot({
    others: several,
    image: { ...checkers, "etc/fstab": `${own}tmpfs /run/kept tmpfs defaults 0 0\ntmpfs /no tmpfs noauto 0 0\n` },
  });
  assert.equal(word.word, "switch");
  assert.deepEqual(mounts, ["/dev/vda on /sysroot ro", "tmpfs on /sysroot/mnt"]);
  const targets = asked.flatMap(({ name, target }) => (/^(un)?mount/.test(name) ? [`${name} ${target}`] : []));
  const [keys, sysroot] = [targets.indexOf("mount /keys/disk"), targets.indexOf("mount /sysroot")];
  assert.ok(keys > 0 && keys < sysroot);
  assert.equal(targets.at(-1), "unmount /keys/disk");
  assert.ok(!targets.some((each) => / \/(no|run\/kept)?$/.test(each) && each.startsWith("unmount")));
  assert.ok(runs.includes("fsck.ext4 -p -C 0 /dev/vdd"));
});

const swap = (rest: Partial<SimulatedDevice> = {}) =>
  disk("vds", 9, { tags: { TYPE: "swap", LABEL: "vds", USAGE: "other" }, ...rest });
const written = (asked: { name: string; path?: string; data?: string }[]) =>
  asked.flatMap(({ path, data }) => (path?.startsWith("/sys/power/") && data ? [`${path} ${data}`] : []));

test("resume: the kernel looks at the swap, and where in it, before anything is checked or mounted", async () => {
  for (const spec of ["LABEL=vds", "/dev/vds", "254:9"]) {
    const { asked, word } = await boot({
      parameters: `resume=${spec} resume_offset=34816`,
      others: [swap({ after: 500 })],
    });
    assert.equal(word.word, "switch");
    assert.deepEqual(written(asked), ["/sys/power/resume_offset 34816", "/sys/power/resume 254:9"]);
    const at = asked.findIndex(({ path }) => path === "/sys/power/resume");
    const touched = asked.findIndex(({ name, source }) => name === "run" || source === "/dev/vda");
    assert.ok(at > 0 && at < asked.findIndex(({ name, path }) => name === "writeFile" && path) + 1 && at < touched);
  }
});

test("resume: noresume, hibernate=no and an empty one; a later try of the boot", async () => {
  const others = [swap()];
  for (const parameters of ["resume=LABEL=vds noresume", "resume=LABEL=vds hibernate=no", "resume=", "resume=none"])
    assert.deepEqual(written((await boot({ parameters, others })).asked), [], parameters);
  // Left by exit at the shell.
  const { machine: first } = await boot({ parameters: "resume=LABEL=vds", others, disk: { fsck: 4 } });
  const later = first.nextEngine();
  await rehearse(bundle, later);
  assert.match(later.console(), /resume=LABEL=vds is left out: file systems may have been checked or mounted before/);
  const refused = await boot({ parameters: "resume=x", others });
  assert.equal(refused.word.word, "switch");
  assert.match(refused.shown, /^<4>resume=x has not come: the boot goes on/m);
});

test("resume: a device that does not come is a warning after two thirds of rd.retry", async () => {
  const { word, shown, asked } = await boot({ parameters: "resume=LABEL=gone rd.retry=30", others: [swap()] });
  assert.equal(word.word, "switch");
  assert.match(shown, /^<4>resume=LABEL=gone has not come/m);
  const told = asked.findIndex(({ text }) => String(text).startsWith("resume=LABEL=gone has"));
  const { until } = asked.slice(0, told).findLast(({ name }) => name === "wait") ?? {};
  assert.ok(until >= 20_000 && until < 25_000, String(until));
});
