import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, HostLayer, Image } from "../../../hooks/index.js";
import {
  ignoresArray,
  meansArray,
  readConfiguration,
  writeConfiguration,
} from "../../../modules.d/90md-raid/configuration.js";
import setup from "../../../modules.d/90md-raid/module-setup.js";
import { arrayLinks, arrayOfPartition, readFacts } from "../../../modules.d/90md-raid/names.js";
import { namedArrayPattern, uuidKey } from "../../../modules.d/90md-raid/selection.js";

const first = "74eccaee:dba860b3:07511529:321befce";
const second = "6ab9d76b:aa421b47:a046e67c:2a0e6ec6";
const key = uuidKey(first);

test("mdadm.conf is read as mdadm.conf(5) has it: quotes, comments, lines that go on, abbreviations", () => {
  const text = `# comment
DEV /dev/sd* "partitions"
array /dev/md/root UUID=${first} # behind it
   name='my array' spares=1
MAILADDR root
MAILFROM mdadm@box
PROGRAM /usr/sbin/handle-mdadm-events
MONITORDELAY 60
ARRAYS /dev/md9
Homehost "<system>"
AR /dev/md8

policy action="re-add #1"
`;
  assert.deepEqual(readConfiguration(text), [
    { keyword: "device", words: ["/dev/sd*", "partitions"] },
    { keyword: "array", words: ["/dev/md/root", `UUID=${first}`] },
    { keyword: "homehost", words: ["<system>"] },
    { keyword: "policy", words: ["action=re-add #1"] },
  ]);
});

test("a line means the array of its UUID, else of its name; one without both may mean each", () => {
  const lines = readConfiguration(`ARRAY /dev/md0 uuid=${first.replaceAll(":", "-").toUpperCase()}\n`);
  assert.ok(meansArray(lines, key) && !meansArray(lines, uuidKey(second)));
  const byName = readConfiguration("ARRAY /dev/md0 name=0");
  assert.ok(meansArray(byName, key, "box:0") && !meansArray(byName, key, "box:10") && !meansArray(byName, key));
  assert.ok(meansArray(readConfiguration("ARRAY /dev/md0 super-minor=0"), key));
  const ignored = readConfiguration(`ARRAY <ignore> UUID=${first}`);
  assert.ok(!meansArray(ignored, key) && ignoresArray(ignored, key) && !ignoresArray(ignored, uuidKey(second)));
});

const written = (text: string, ...[selection, containers]: [Parameters<typeof writeConfiguration>[1], Set<string>?]) =>
  writeConfiguration(readConfiguration(text), selection, containers).trimEnd().split("\n");

test("mdadm reads of it what counts in an initramfs: no users, no monitor, and the host's name only where one is given", () => {
  const text = `CREATE owner=root group=disk mode=0660 auto=yes\nHOMEHOST <system>\nAUTO +1.x -all\nPOLICY path="a b"\nMAILADDR root\n`;
  assert.deepEqual(written(text, { kind: "all" }), [
    "HOMEHOST <ignore>",
    "CREATE mode=0660 auto=yes",
    "AUTO +1.x -all",
    'POLICY "path=a b"',
  ]);
  assert.deepEqual(written("HOMEHOST box\n", { kind: "all" }), ["HOMEHOST box"]);
});

test("what is listed is assembled alone", () => {
  const text = `AUTO +all\nARRAY /dev/md/root UUID=${first}\nARRAY <ignore> UUID=${second}\n`;
  assert.deepEqual(written(text, { kind: "configured" }), [
    "HOMEHOST <ignore>",
    `ARRAY /dev/md/root UUID=${first}`,
    `ARRAY <ignore> UUID=${second}`,
    "AUTO -all",
  ]);
});

test("what is named is assembled alone, by the name of the command line, or that of mdadm.conf, and with its container", () => {
  const text = `DEVICE partitions\nARRAY /dev/md/root UUID=${first}\nARRAY /dev/md/data UUID=${second}\n`;
  const [one, two] = [first, second].map((uuid) => ({ uuid: uuidKey(uuid), optional: false }));
  assert.ok(one && two);
  const container = "a5a3f0d7:b84ade04:0248ec15:a435d3d1";
  assert.deepEqual(
    written(text, { kind: "named", arrays: [one, { ...two, name: "/dev/md1" }] }, new Set([uuidKey(container), key])),
    [
      "HOMEHOST <ignore>",
      "DEVICE partitions",
      `ARRAY /dev/md/root UUID=${first}`,
      `ARRAY /dev/md1 UUID=${second}`,
      `ARRAY UUID=${container}`,
      "AUTO -all",
    ],
  );
  assert.ok(written("", { kind: "named", arrays: [one] }).includes(`ARRAY UUID=${first}`), "mdadm names it");
});

test("rd.md.uuid= takes UUIDs in every form, with a name in /dev and :optional", () => {
  const pattern = new RegExp(namedArrayPattern, "u");
  const accepted = [
    first,
    key,
    "74eccaee-dba8-60b3-0751-1529321befce",
    "74:ec:ca:ee:db:a8:60:b3:07:51:15:29:32:1b:ef:ce",
  ];
  for (const uuid of accepted)
    for (const end of ["", ":/dev/md1", ":/dev/md/box:root", ":optional", ":/dev/md/root:optional"])
      assert.match(uuid + end, pattern);
  for (const wrong of [
    "",
    "1",
    `${first}0`,
    `${first}:md1`,
    `${first}:/dev/sda`,
    `${first}:/dev/md1:opt`,
    `${first}:/dev/md`,
  ])
    assert.doesNotMatch(wrong, pattern);
});

test("an array and its partitions have the names that mdadm's udev rules give them", () => {
  const facts = readFacts(`MD_LEVEL=raid1\nMD_UUID=${first}\nMD_DEVNAME=root\nMD_NAME=box:my root\nno line\n`);
  assert.deepEqual(arrayLinks(facts), [
    "/dev/disk/by-id/md-name-box:my_root",
    `/dev/disk/by-id/md-uuid-${first}`,
    "/dev/md/root",
  ]);
  assert.deepEqual(arrayLinks(facts, "2"), [
    "/dev/disk/by-id/md-name-box:my_root-part2",
    `/dev/disk/by-id/md-uuid-${first}-part2`,
    "/dev/md/root2",
  ]);
  assert.deepEqual(arrayLinks({ MD_DEVNAME: "0" }, "1"), ["/dev/md/0p1"]);
  assert.deepEqual(arrayLinks({}), []);
  assert.equal(arrayOfPartition("md127p1", "1"), "md127");
  assert.equal(arrayOfPartition("md_home12", "12"), "md_home");
});

/** A host with mdadm, these files, and what its root lies on. */
function hostWith(files: Readonly<Record<string, string>>, layers: readonly HostLayer[], hostOnly = true): Host {
  return {
    hostOnly,
    layers,
    findProgram: (name: string) => `/sbin/${name}`,
    exists: (path: string) => path in files,
    readFile: (path: string) => files[path],
    list: (folder: string) =>
      Object.keys(files).flatMap((path) => (path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1)] : [])),
  } as Partial<Host> as Host;
}

/** /etc/mdadm.conf of the image; undefined: it has none. */
function installed(host: Host): string | undefined {
  const texts = new Map<string, string>();
  const image = { program() {}, text: (path: string, content: string) => void texts.set(path, content) };
  setup.install?.(image as Partial<Image> as Image, host);
  return texts.get("/etc/mdadm.conf");
}

const rootArray: HostLayer = { kind: "raid", device: "md127", points: ["/"], uuid: first };
const swapArray: HostLayer = { kind: "raid", device: "md1", points: ["swap"], uuid: second };

test("a host-only image has the host's arrays: its root's are required, others optional", () => {
  const host = hostWith({}, [rootArray, swapArray, { kind: "raid", device: "md3", points: ["/usr"] }]);
  assert.equal(setup.check?.(host), "include");
  assert.equal(setup.check?.(hostWith({}, [])), "on-request");
  assert.deepEqual(setup.cmdline?.(host), [`rd.md.uuid=${first}`, `rd.md.uuid=${second}:optional`]);
});

test("a host-only image carries mdadm.conf, with its folder, and the root's arrays where it does not list them", () => {
  const files = {
    "/etc/mdadm/mdadm.conf": `ARRAY /dev/md1 UUID=${second}`,
    "/etc/mdadm/mdadm.conf.d/more.conf": "HOMEHOST box\n",
    "/etc/mdadm/mdadm.conf.d/README": "no configuration",
  };
  const text = `ARRAY /dev/md1 UUID=${second}\nHOMEHOST box\n`;
  assert.equal(installed(hostWith(files, [swapArray])), text);
  assert.equal(installed(hostWith(files, [rootArray, swapArray])), `${text}ARRAY UUID=${first}\n`);
  assert.equal(installed(hostWith({ "/etc/mdadm.conf": "HOMEHOST box\n" }, [rootArray])), "HOMEHOST box\n");
  assert.equal(installed(hostWith({}, [rootArray])), undefined);
  assert.equal(installed(hostWith(files, [], false)), undefined, "a generic image");
});
