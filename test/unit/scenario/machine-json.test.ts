/** What no machine file can mean: each is refused with the place in it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BuildError } from "../../../core/generator/problems.js";
import { parseMachine } from "../../../core/scenario/machine-json.js";

const disk = (files: object) => ({ disks: [{ name: "vda", files }] });
const uuid = "0d55b9a8-5b6e-4e0c-9d3c-0b7a1c2d3e4f";
const place = (key: string) => `disks[0].files[${JSON.stringify(key)}]: `;

const wrong: [what: string, machine: unknown, problems: string[]][] = [
  [
    "a file below a file, a link and an archive",
    disk({ etc: "x", "etc/a/b": "y", l: { link: "/" }, "l/x": "", "r.tar": { archive: { f: "", "f/g": "" } } }),
    [
      `${place("etc/a/b")}cannot be there: etc is no folder`,
      `${place("l/x")}cannot be there: l is no folder`,
      `${place("r.tar")}`.replace(": ", '.archive["f/g"]: cannot be there: f is no folder'),
    ],
  ],
  [
    "a file below one that is copied",
    disk({ p: { from: "/etc/passwd" }, "p/x": "" }),
    [`${place("p/x")}cannot be there: p is no folder`],
  ],
  [
    "one place twice",
    disk({ "a/b": "x", "/a//b": "y", "a/b/": "" }),
    [
      `${place("/a//b")}is the same place as a/b: name it once`,
      `${place("a/b/")}is the same place as a/b: name it once`,
    ],
  ],
  [
    "paths that are none",
    disk({ "a/../b": "", "./c": "", "": "x" }),
    [
      `${place("a/../b")}has to be a path without "." and ".."`,
      `${place("./c")}has to be a path without "." and ".."`,
      `${place("")}has to be the path of a file`,
    ],
  ],
  [
    "folders with what only files have",
    disk({ "a/": "text", "b/": { content: "x", size: 7 } }),
    [
      `${place("a/")}is a folder, because it ends in "/": it has no content`,
      `${place("b/")}is a folder, because it ends in "/": it has no content, size`,
    ],
  ],
  [
    "files that are two things at once",
    disk({
      a: { from: "/x", mode: "0755" },
      b: { link: "x", content: "" },
      c: { content: "x", archive: {} },
      damaged: { content: "x", damage: "corrupt" },
      d: { content: "four", size: "3" },
    }),
    [
      "disks[0].files.a: is copied whole by from: leave out everything else",
      "disks[0].files.b: is a symbolic link: leave out everything but link",
      "disks[0].files.c: has content and archive: give one",
      "disks[0].files.damaged: has content and damage, which is an archive's: give one",
      "disks[0].files.d: has a size that is smaller than its content",
    ],
  ],
  [
    "two block devices of one name, partitions and those of programs too",
    {
      disks: [{ name: "vda", partitions: [{}] }, { name: "vda1" }],
      programs: [{ argv: ["x"], disks: [{ name: "vda" }] }],
    },
    [
      "disks[1]: two block devices are named vda1: give each a name of its own",
      "programs[0].disks[0]: two block devices are named vda: give each a name of its own",
    ],
  ],
  [
    "programs",
    {
      programs: [
        { argv: [""], status: 1, signal: "SIGKILL", files: { "run/x": "" } },
        { argv: ["x"], signal: "SIGNO" },
      ],
    },
    [
      "programs[0].argv: has to begin with a program's name",
      "programs[0]: has a status and a signal: a program ends with one of them",
      'programs[0].files["run/x"]: has to be an absolute path, which begins with "/"',
      "programs[1].signal: there is no SIGNO: name one as SIGKILL",
    ],
  ],
  [
    "answers that are both or none",
    { console: [{ line: "x", cancel: true }, { after: 1 }] },
    ["console[0]: has to have either line or cancel", "console[1]: has to have either line or cancel"],
  ],
  [
    "an errno that is none",
    { drivers: { x: { fails: "ENOPE" } } },
    ["drivers.x.fails: there is no errno ENOPE: name one as ENODEV"],
  ],
  [
    "half a character, and NUL",
    { disks: [{ name: "vda", tags: { LABEL: "\ud800" }, files: { "a\0": "" } }] },
    [
      "disks[0].tags.LABEL: holds half a character (\\ud8…)",
      'disks[0].files: the key "a\\u0000" holds half a character',
    ],
  ],
  [
    "modaliases without a bus, releases that are paths, sizes and times without end",
    { modaliases: ["x"], kernel: { release: "../6.1" }, memory: "9999999T", disks: [{ name: "a", after: 1e300 }] },
    [
      'modaliases[0]: has to be a modalias, with the name of its bus in front: pci:v00001AF4d00001001sv…, not "x"',
      'kernel.release: has to be a word without blanks and slashes, not "../6.1"',
      'memory: has to be a number of bytes, or text with a unit, as "512M", not "9999999T"',
      "disks[0].after: has to be a number of seconds, not 1e+300",
    ],
  ],
  [
    "devices that are made of what is not there, of what is no member, of themselves, or of what is another's",
    {
      disks: [
        { name: "vda", tags: { TYPE: "ext4" }, partitions: [{ tags: { TYPE: "linux_raid_member", UUID: "0-0" } }] },
        { name: "r", raid: { uuid, level: "raid1", members: ["vda", "vda1", "vdc"], least: 4 }, after: 1 },
        { name: "l", tags: { TYPE: "LVM2_member" }, lvm: { group: "g", volume: "v", members: ["l"] } },
        { name: "m", lvm: { group: "h", volume: "v", members: ["l"] }, luks: { member: "l", uuid } },
      ],
      programs: [{ argv: ["x"], disks: [{ name: "o", luks: { member: "l", uuid } }] }],
    },
    [
      "disks[1].after: a device that is made of others comes when these have come: give this to its members",
      "disks[1].raid.least: is more than the 3 members that there are",
      "disks[1].raid.members[0]: vda has the TYPE ext4 among its tags: such a member has linux_raid_member",
      `disks[1].raid.members[1]: vda1 has the UUID 0-0 among its tags, and not ${uuid}: give both the same`,
      "disks[1].raid.members[2]: there is no disk or partition vdc: did you mean vda?",
      "disks[2]: l lies on itself: name other members",
      "disks[3]: has lvm and luks: give one, and describe the other as a disk of its own",
      "disks[3]: l is a member of the group g already: it can be one of one only",
      "programs[0].disks[0]: is made by this program: leave raid, lvm and luks out, or move it to the machine's disks, where mdadm, lvm and cryptsetup find it",
    ],
  ],
  [
    "layers as their programs do not know them",
    {
      disks: [
        { name: "a", raid: { uuid: "0", level: "raid7", metadata: "2", members: [] } },
        { name: "b", lvm: { group: "a/b", volume: "-v", uuid: "x", members: ["a", "a"] } },
        { name: "c", luks: { uuid: "x", version: 3 } },
      ],
    },
    [
      'disks[0].raid.uuid: has to be 32 hexadecimal digits, with dashes as blkid writes them or colons as mdadm does, not "0"',
      'disks[0].raid.level: has to be one of linear, raid0, raid1, raid4, raid5, raid6, raid10, not "raid7"',
      'disks[0].raid.metadata: has to be a version of the metadata, as text: "1.2", not "2"',
      "disks[0].raid.members: has to be a list of different names of disks and partitions",
      'disks[1].lvm.group: has to be a name as LVM allows it: letters, digits and any of + _ . -, not "a/b"',
      'disks[1].lvm.volume: has to be a name as LVM allows it: letters, digits and any of + _ . -, not "-v"',
      'disks[1].lvm.uuid: has to be "LVM-" and 64 letters and digits, not "x"',
      "disks[1].lvm.members: has to be a list of different names of disks and partitions",
      "disks[2].luks: must have required property 'member'",
      'disks[2].luks.uuid: has to be a UUID as blkid writes it, not "x"',
      "disks[2].luks.version: has to be 1 or 2, not 3",
    ],
  ],
  [
    "lists without anything in them",
    { disks: [{ name: "a", behind: [] }], programs: [{ argv: [] }] },
    [
      "disks[0].behind: has to be a list of modaliases, or left out",
      "programs[0].argv: has to be a program and the first of its words",
    ],
  ],
];
for (const [what, machine, problems] of wrong)
  test(`no machine: ${what}`, () =>
    assert.throws(
      () => parseMachine(JSON.stringify(machine), "/m/machine.json"),
      (error) => {
        assert.ok(error instanceof BuildError);
        const expected = problems.map((problem) => `/m/machine.json: ${problem}`);
        assert.deepEqual([...error.problems].sort(), expected.sort());
        return true;
      },
    ));

test("a key twice is told by its place; keys of other objects and texts are none", () => {
  const parse = (text: string) => parseMachine(text, "m");
  assert.throws(
    () => parse('{ "memory": 1,\n  "memory": 2 }'),
    /^BuildError: m:2:3: a second "memory": give each key once/,
  );
  assert.throws(() => parse('{"disks":[{"name":"a","files":{"x":"","\\u0078":""}}]}'), /m:1:39: a second "\\u0078"/);
  parse('{"disks":[{"name":"a"},{"name":"b","files":{"name":"name,\\"name","n":{"content":"{"}}}]}');
});
