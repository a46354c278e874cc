/** Arrays: those that are assembled, those that are left alone, and what is wrong with one, on simulated machines. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { MachineDescription, SimulatedDevice } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { knownPrograms } from "../../core/rehearsal/program-models.js";
import type { ProgramModel } from "../../core/rehearsal/programs.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const uuid = "74eccaee-dba8-60b3-0751-1529321befce";
const colons = "74eccaee:dba860b3:07511529:321befce";
const otherColons = "6ab9d76b:aa421b47:a046e67c:2a0e6ec6";
const otherUuid = "6ab9d76b-aa42-1b47-a046-e67c2a0e6ec6";
const root = "root=UUID=r0 ro rd.shell=0 rd.retry=6";
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: ["md-raid"] });
});

const member = (name: string, number: number, of: string, label: string, change = {}): SimulatedDevice => ({
  name,
  number: `254:${number * 16}`,
  tags: { TYPE: "linux_raid_member", USAGE: "raid", UUID: of, LABEL: label },
  ...change,
});
/** Of two disks, with the root; a second one of three, with data. */
const array: SimulatedDevice = {
  name: "array",
  number: "0:0",
  tags: { TYPE: "ext4", USAGE: "filesystem", UUID: "r0" },
  files: { "sbin/init": program, "dev/": "", "proc/": "", "run/": "", "sys/": "" },
  layer: { kind: "raid", uuid, name: "box:root", level: "raid1", metadata: "1.0", members: ["vda", "vdb"], least: 1 },
};
const data: SimulatedDevice = {
  name: "data",
  number: "0:0",
  tags: { TYPE: "ext4", USAGE: "filesystem", UUID: "d0" },
  layer: {
    kind: "raid",
    uuid: otherUuid,
    name: "other:data",
    level: "raid5",
    metadata: "1.2",
    members: ["vdc", "vdd", "vde"],
    least: 2,
  },
};
const [vda, vdb] = [member("vda", 0, uuid, "box:root"), member("vdb", 1, uuid, "box:root", { after: 100 })];
const dataMember = (name: string, number: number) => member(name, number, otherUuid, "other:data");
const [vdc, vdd, vde] = [dataMember("vdc", 2), dataMember("vdd", 3), dataMember("vde", 4)];

/** mdadm, to which a member is broken. */
const failing =
  (path: string): ProgramModel =>
  (request, running) =>
    request.argv.at(-1) === path
      ? { status: 1, stderr: `mdadm: ${path} is broken\n` }
      : (knownPrograms.mdadm?.(request, running) ?? {});

/** Boots with these devices; /etc/mdadm.conf as given. */
async function boot(
  commandLine: string,
  devices: readonly SimulatedDevice[],
  configuration?: string,
  programs: Readonly<Record<string, ProgramModel>> = knownPrograms,
) {
  const simulated = createMachine({
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: {
      "etc/": "",
      "usr/sbin/mdadm": program,
      ...(configuration === undefined ? {} : { "etc/mdadm.conf": configuration }),
    },
    devices,
    modaliases: [],
    monolithic: true,
    programs,
    commandLine,
  } satisfies MachineDescription);
  const word = await rehearse(bundle, simulated);
  const ran = simulated.recorded().flatMap(({ arguments: json }) => {
    const { argv = [] } = JSON.parse(json) as { argv?: string[] };
    return argv[0] === "mdadm" ? [argv.slice(1).join(" ")] : [];
  });
  return { word, shown: simulated.console(), ran, files: simulated.files };
}

type Ended = Awaited<ReturnType<typeof boot>>;
const isSwitched = ({ word, shown }: Ended) => assert.equal(word.word, "switch", shown);
/** Where a name leads. */
const leadsTo = ({ files }: Ended, path: string) => files.find(path, { last: false }).target;

test("an array is assembled as its members come, and has the names that udev gives it", async () => {
  const ended = await boot(root, [vda, vdb, array]);
  isSwitched(ended);
  for (const name of ["md/root", "disk/by-id/md-name-box:root", `disk/by-id/md-uuid-${colons}`, "disk/by-uuid/r0"])
    assert.equal(leadsTo(ended, `/dev/${name}`), "/dev/md127", name);
  assert.ok(!ended.shown.includes("without all of its members"), ended.shown);
});

/** Words of a boot that has not reached its root. */
const stopped = ({ word, shown }: Ended) => {
  assert.equal(word.word, "failed", shown);
  return shown;
};

test("arrays that were written down for another host keep their plain names, and those with a number theirs", async () => {
  const numbered = { ...array, layer: { ...array.layer, name: "box:3" } } as SimulatedDevice;
  const ended = await boot(root, [vda, vdb, numbered]);
  isSwitched(ended);
  assert.equal(leadsTo(ended, "/dev/md/3"), "/dev/md3");
});

test("rd.md=0 and rd.auto=0 assemble nothing; rd.md.uuid= does in spite of rd.auto=0", async () => {
  for (const none of ["rd.md=0", "rd.auto=0", `rd.md=0 rd.md.uuid=${uuid}`]) {
    const ended = await boot(`${root} ${none}`, [vda, vdb, array]);
    assert.match(stopped(ended), /UUID=r0, wanted for root, has not come/);
    assert.deepEqual(ended.ran, [], none);
  }
  isSwitched(await boot(`${root} rd.auto=0 rd.md.uuid=${uuid}`, [vda, vdb, array]));
});

test("rd.md.uuid= has those assembled that it names, however their UUID is written, and nothing else", async () => {
  for (const form of [uuid, colons, uuid.replaceAll("-", ""), uuid.toUpperCase()]) {
    const ended = await boot(`${root} rd.md.uuid=${form}`, [vda, vdb, vdc, vdd, vde, array, data]);
    isSwitched(ended);
    assert.ok(!ended.ran.some((words) => /vd[cde]/.test(words)), form);
    assert.ok(ended.ran.length >= 3 && !ended.files.has("/dev/md/data"), form);
  }
});

test("a name behind the UUID is the array's", async () => {
  const ended = await boot(`root=/dev/md1 ro rd.retry=6 rd.md.uuid=${uuid}:/dev/md1`, [vda, vdb, array]);
  isSwitched(ended);
  assert.equal(leadsTo(ended, `/dev/disk/by-id/md-uuid-${colons}`), "/dev/md1");
  assert.ok(!ended.files.has("/dev/md/root"));
});

test("what no UUID can be is an error before anything is assembled", async () => {
  for (const wrong of ["74eccaee", `${uuid}:md1`, `${uuid}:optionally`, "x"]) {
    const ended = await boot(`${root} rd.md.uuid=${wrong}`, [vda, vdb, array]);
    assert.match(stopped(ended), /rd\.md\.uuid=.*UUID\[:\/dev\/mdNAME\]\[:optional\]/s, wrong);
    assert.deepEqual(ended.ran, [], wrong);
  }
});

test("mdadm.conf tells which arrays there are, and what they are called, unless rd.md.conf=0 or rd.md.uuid= is given", async () => {
  const lists = `MAILADDR root\nARRAY /dev/md/system UUID=${colons}\n`;
  const devices = [vda, vdb, vdc, vdd, vde, array, data];
  const listed = await boot(root, devices, lists);
  isSwitched(listed);
  assert.equal(leadsTo(listed, "/dev/md/system"), "/dev/md127");
  assert.ok(!listed.ran.some((words) => /vd[cde]/.test(words)));
  const ignored = await boot(`${root} rd.md.conf=0`, devices, lists);
  isSwitched(ignored);
  assert.equal(leadsTo(ignored, "/dev/md/root"), "/dev/md127");
  assert.ok(ignored.ran.some((words) => /vdc/.test(words)));
  const named = await boot(`${root} rd.md.uuid=${uuid} rd.md.uuid=${otherUuid}`, devices, lists);
  isSwitched(named);
  assert.ok(named.files.has("/dev/md/system") && named.files.has("/dev/md/data"));
});

test("an array that mdadm.conf says to ignore is left alone, others are not", async () => {
  const ended = await boot(root, [vda, vdb, vdc, vdd, vde, array, data], `ARRAY <ignore> UUID=${otherUuid}\n`);
  isSwitched(ended);
  assert.ok(!ended.ran.some((words) => /vd[cde]/.test(words)));
});

test("an array whose other member does not come is started without it at the timeout, with a warning", async () => {
  for (const named of ["", `rd.md.uuid=${uuid}`, "rd.timeout=0"]) {
    const ended = await boot(`${root} ${named}`, [vda, array]);
    isSwitched(ended);
    assert.match(
      ended.shown,
      /array box:root \([\w:]+\) is started without all of its members: 1 of its 2 members \(raid1\) is there: vda/,
    );
    assert.equal(leadsTo(ended, "/dev/md/root"), "/dev/md127");
  }
});

/** mdadm, for which it takes so many milliseconds more to start what is incomplete. */
const slow = (time: number): Readonly<Record<string, ProgramModel>> => ({
  ...knownPrograms,
  *mdadm(request, running) {
    if (request.argv[1] === "--run") yield { sleep: time };
    const end = knownPrograms.mdadm?.(request, running) ?? {};
    return "next" in end ? yield* end : end;
  },
});

test("what is being started at the timeout is waited for, by who waits for it, and before the switch by all", async () => {
  isSwitched(await boot(root, [vda, array], undefined, slow(4000)));
  const late = { name: "vdf", number: "254:80", after: 4500, tags: { ...array.tags, UUID: "late" } };
  const disk = { ...late, files: array.files ?? {} };
  const other = await boot(root.replace("r0", "late"), [disk, vdc, vdd, data], undefined, slow(2000));
  isSwitched(other);
  assert.match(other.shown, /array other:data \([\w:]+\) is started without all of its members/);
});

test("members that come after that join the array", async () => {
  const [vde, vdf] = ["vde", "vdf"].map((name, index) =>
    member(name, 4 + index, otherUuid, "other:data", { after: 4500 + 300 * index }),
  );
  assert.ok(vde && vdf);
  const raid6 = { ...data, layer: { ...data.layer, level: "raid6", members: ["vdc", "vdd", "vde", "vdf"] } };
  const ended = await boot(`${root} rd.md.uuid=${otherUuid}`, [vdc, vdd, vde, vdf, raid6 as SimulatedDevice]);
  const shown = stopped(ended);
  assert.ok(ended.ran.includes("--run /dev/md127"), shown);
  for (const name of ["vde", "vdf"]) assert.ok(ended.files.has(`/sys/class/block/${name}/holders/md127`), shown);
  assert.doesNotMatch(shown, /not adding/);
});

test("an array of which nothing has come at the timeout is started whole when its members come together, and without the rest when that does not come", async () => {
  const [first, second] = [vda, vdb].map((device, index) => ({ ...device, after: 4500 + 100 * index }));
  assert.ok(first && second);
  const whole = await boot(root, [first, second, array]);
  isSwitched(whole);
  assert.doesNotMatch(whole.shown, /without all of its members/);
  // In the last moment, too, before which nobody gives up.
  for (const after of [4500, 5900]) {
    const part = await boot(root, [{ ...first, after }, array]);
    isSwitched(part);
    assert.match(part.shown, /started without all of its members: 1 of its 2 members \(raid1\) is there: vda/);
  }
});

test("what could not be started at the timeout is tried again when another member has come, and only then; the report names it once", async () => {
  const [late, other] = [vdd, member("vdf", 5, "0", "foreign")].map((device) => ({ ...device, after: 5000 }));
  assert.ok(late && other);
  const started = await boot(root, [vdc, late, data]);
  assert.match(started.shown, /array other:data .* cannot be started: 1 of its 3 members \(raid5\) is there: vdc/);
  assert.match(started.shown, /array other:data .* is started without all of its members: 2 of its 3 members/);
  const { shown } = await boot(root, [vdc, { ...other, tags: {} }, data]);
  assert.equal(shown.match(/array other:data .* cannot be started/g)?.length, 1, shown);
  assert.equal(shown.match(/^Waiting: array /gm)?.length, 1, shown);
});

test("too few members: the report names them, and how many there should be", async () => {
  const named = stopped(await boot(`${root} rd.md.uuid=${otherUuid}`, [vda, vdb, vdc, array, data]));
  assert.match(named, new RegExp(`array ${otherColons}, wanted for rd.md.uuid, has not come`));
  assert.match(named, /1 of its 3 members \(raid5\) is there: vdc/);
  assert.match(
    named,
    new RegExp(`Array: .*there is /dev/vdc: rd.md.uuid=${otherColons} is on the kernel command line`),
  );
  const raid0 = { ...array, layer: { ...array.layer, level: "raid0", least: 2 } } as SimulatedDevice;
  const unnamed = stopped(await boot(root, [vda, raid0]));
  assert.match(unnamed, /array box:root \([\w:]+\) cannot be started: 1 of its 2 members \(raid0\) is there: vda/);
  const none = stopped(await boot(`${root} rd.md.uuid=${otherUuid}`, [vda, vdb, array]));
  assert.match(none, /none of its members is there/);
});

test("an optional array is not waited for: where it is missing there is a warning", async () => {
  const ended = await boot(`${root} rd.md.uuid=${uuid} rd.md.uuid=${otherUuid}:/dev/md/d:optional`, [
    vda,
    vdb,
    vdc,
    array,
    data,
  ]);
  isSwitched(ended);
  assert.match(
    ended.shown,
    /array [\w:]+ \(\/dev\/md\/d\), optional by rd\.md\.uuid=, is not there: of its members vdc is there/,
  );
  const whole = await boot(`${root} rd.md.uuid=${otherUuid}:optional rd.md.uuid=${uuid}`, [
    vda,
    vdb,
    vdc,
    vdd,
    vde,
    array,
    data,
  ]);
  isSwitched(whole);
  assert.ok(!whole.shown.includes("optional by"), whole.shown);
});

test("a member is never mounted, nor a partition that the kernel finds on it", async () => {
  const asked = stopped(await boot("root=/dev/vda rootfstype=ext4 rd.shell=0 rd.retry=6", [vda, vdb, array]));
  assert.match(asked, /\/dev\/vda is part of an array or group, and is not mounted by itself/);
  const inside = {
    ...vda,
    name: "vda1",
    number: "254:1",
    tags: { TYPE: "ext4", UUID: "r0", PART_ENTRY_NUMBER: "1", PART_ENTRY_UUID: "p0" },
  };
  const files = { "sbin/init": program };
  for (const wanted of ["UUID=r0", "PARTUUID=p0", "/dev/disk/by-uuid/r0"]) {
    const shown = stopped(await boot(`root=${wanted} rd.md=0 rd.shell=0 rd.retry=6`, [vda, { ...inside, files }]));
    assert.match(shown, /has not come/, wanted);
    assert.match(shown, /vda1 part of an array/, wanted);
  }
  const direct = await boot("root=/dev/vda1 rootfstype=ext4 rd.md=0 rd.shell=0 rd.retry=6", [
    vda,
    { ...inside, files },
  ]);
  assert.match(stopped(direct), /\/dev\/vda1 is part of an array or group/);
});

test("an array whose names mdadm does not tell has those that are known without", async () => {
  const ended = await boot(`root=/dev/md/root ro rd.retry=6 rd.md.uuid=${uuid}`, [vda, vdb, array], undefined, {
    ...knownPrograms,
    mdadm: failing("/dev/md127"),
  });
  isSwitched(ended);
  assert.equal(leadsTo(ended, `/dev/disk/by-id/md-uuid-${colons}`), "/dev/md127");
  assert.match(ended.shown, /\/dev\/md127 may lack some of its names: mdadm: \/dev\/md127 is broken/);
});

test("what mdadm cannot do is a warning where the root does not need it", async () => {
  const broken = { ...knownPrograms, mdadm: failing("/dev/vdc") };
  const ended = await boot(root, [vda, vdb, vdc, vdd, vde, array, data], undefined, broken);
  isSwitched(ended);
  assert.match(ended.shown, /md-raid: \/dev\/vdc: mdadm: \/dev\/vdc is broken/);
});
