/** What no machine file can mean: each is refused with the place in it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BuildError } from "../../../core/generator/problems.js";
import { parseMachine } from "../../../core/scenario/machine-json.js";

const disk = (files: object) => ({ disks: [{ name: "vda", files }] });
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
