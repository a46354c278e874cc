/** Lists of initramfs files, beside the kernel's own usr/gen_init_cpio: what ours makes of them, and what the kernel's makes of mkinitrd's. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createCpioReader, type Member } from "../../../core/image/cpio-reader.js";
import { mkinitrdCommand } from "../../support/firstlight.js";
import { kernelGenInitCpio } from "../../support/kernel-tools.js";
import { debianKernel } from "../../support/kernels.js";
import { projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { everyKindList, gentooList } from "./cpio-lists.js";
import { scratchFolder } from "./scratch.js";

const kernelTool = await kernelGenInitCpio();
const ourTool = join(projectFolder, "tools/gen-init-cpio");

/** All that a kernel sees of an archive's entries, by name. Of a file with several names the last one has the content. */
function entriesOf(file: string): Map<string, string> {
  const bytes = readFileSync(file);
  const found: { member: Member; content: ReturnType<typeof createHash> }[] = [];
  for (const event of createCpioReader(file).push(bytes)) {
    if (event.kind === "member") found.push({ member: event.member, content: createHash("sha256") });
    else if (event.kind === "data") found.at(-1)?.content.update(event.chunk);
  }
  return new Map(found.map(({ member, content }) => [member.name, describe(member, content.digest("hex"))]));
}

function describe({ mode, uid, gid, links, modified, size, node, target }: Member, content: string): string {
  const isFile = (mode & 0o170000) === 0o100000;
  const words = [mode.toString(8), `${uid}:${gid}`, node.join(":"), `at ${modified}`];
  return [...words, ...(isFile ? [`x${links}`, size, content] : [target?.replace(/\0$/, "") ?? ""])].join(" ");
}

/** What the kernel's tool makes of a list. Files have their own time: that of -t, which Linux 6.12's gives them and 6.1's does not, is not asked for. */
async function theirEntries(list: string, options: { cwd: string; env?: Record<string, string> }) {
  const [own, stamped] = [join(options.cwd, "theirs-own"), join(options.cwd, "theirs")];
  await run(
    ["sh", "-c", `'${kernelTool}' '${list}' > '${own}' && '${kernelTool}' -t 1600000000 '${list}' > '${stamped}'`],
    options,
  );
  const files = [...entriesOf(own)].filter(([, text]) => /^10\d{4} /.test(text));
  return new Map([...entriesOf(stamped), ...files]);
}

/** Directories that the kernel's tool does not make by itself, and what else it leaves out. */
const without = (entries: Map<string, string>, names: readonly string[]) =>
  new Map([...entries].filter(([name]) => !names.includes(name)));

const sorted = (entries: Map<string, string>) => [...entries].sort(([one], [other]) => (one < other ? -1 : 1));

test("our gen-init-cpio makes of every kind of line, and of Gentoo's list, what the kernel's makes of them", async (context) => {
  const files = gentooList.flatMap((line) => /\$\{BINS\}(\S+)/.exec(line)?.[1] ?? []);
  const folder = scratchFolder(context, {
    every: everyKindList,
    gentoo: `${gentooList.join("\n")}\n`,
    ...{ "files/busybox": "1234567890", odd: "odd" },
    ...Object.fromEntries(files.map((path) => [`bins${path}`, path])),
  });
  const options = { cwd: folder, env: { FILES: "files", BINS: "bins" } };
  for (const [list, made] of [
    // Before blanks the kernel's tool sees no "pipe"; it says so, and goes on.
    ["every", ["usr", "usr/bin", "lib64", "dev/initctl"]],
    ["gentoo", []],
  ] as const) {
    await run([ourTool, "-t", "1600000000", "-o", "ours", list], options);
    const theirs = await theirEntries(list, options);
    assert.ok(theirs.size > 9);
    assert.deepEqual(sorted(without(entriesOf(join(folder, "ours")), made)), sorted(theirs), list);
  }
});

test("mkinitrd --list-out: the kernel's tool makes the same archive, a later list replaces it, and what only the old one named goes", async (context) => {
  const kernel = await debianKernel("cloud");
  const folder = scratchFolder(context, { "odd name": "of the host", plain: "plain" });
  const [image, list] = [join(folder, "x.img"), join(folder, "x.list")];
  utimesSync(join(folder, "plain"), 1_500_000_000, 1_500_000_000);
  const build = async (words: readonly string[]) => {
    const all = ["-N", "--no-compress", "--list-out", list, "-i", join(folder, "plain"), "/etc/plain", ...words];
    await run(mkinitrdCommand(all, image, kernel), { env: { SOURCE_DATE_EPOCH: "1600000000" } });
    assert.deepEqual(sorted(await theirEntries(list, { cwd: folder })), sorted(entriesOf(image)));
    return { text: readFileSync(list, "utf8"), files: readdirSync(`${list}.files`) };
  };
  // Files with one content become hard links, in one line.
  const twice = ["-i", "/bin/cat", "/opt/one", "-i", "/bin/cat", "/srv/two"];
  const first = await build([...twice, "-i", join(folder, "odd name"), "/etc/odd"]);
  assert.match(
    first.text,
    /^# An image of firstlight \S+: usr\/gen_init_cpio -t 1600000000, or CONFIG_INITRAMFS_SOURCE\n/,
  );
  assert.match(first.text, /^nod \/dev\/console 0600 0 0 c 5 1$/m);
  assert.match(first.text, /^file \/opt\/one \S+ 0755 0 0 \/srv\/two$/m);
  assert.match(first.text, new RegExp(`^file /etc/plain ${join(folder, "plain")} `, "m"));
  for (const path of [list, join(`${list}.files`, first.files[0] ?? "")])
    assert.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(join(`${list}.files`, "README"), "somebody's");
  const second = await build([]);
  assert.doesNotMatch(second.text, /odd/);
  assert.ok(second.files.includes("README"));
  const named = new Set(second.text.match(/(?<=x\.list\.files\/)[0-9a-f]+/g));
  assert.deepEqual(new Set(second.files), new Set([...named, "README"]));
  assert.ok(first.files.some((name) => !second.files.includes(name)));
});

test("a list that cannot be written is an error, and the image that was there stays", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old", "in/two words": "x", "taken.files": "a file", dir: "" });
  const image = join(folder, "x.img");
  const failures: [words: string[], message: RegExp][] = [
    [
      ["--list-out", join(folder, "l"), "-i", join(folder, "in"), "/etc/in"],
      /--list-out: no list can name "etc\/in\/two words"/,
    ],
    [["--list-out", image], /--list-out \S+ is the image's own name: name another file/],
    [["--list-out", join(folder, "a b")], /the kernel's tool cannot read names with blanks/],
    [["--list-out", join(folder, "none/l")], /none cannot be written to: no such file or directory/],
    [["--list-out", `${folder}/`], /is no name of a file: name one for the list/],
    [["--list-out", join(folder, "taken")], /--list-out: \S+taken\.files is no directory: remove it/],
  ];
  for (const [words, message] of failures) {
    const { status, stderr } = await tryRun([
      join(projectFolder, "tools/mkinitrd"),
      "-f",
      "-N",
      "--no-kernel",
      ...words,
      image,
    ]);
    assert.equal(status, 1, words.join(" "));
    assert.match(stderr, message);
    assert.equal(readFileSync(image, "utf8"), "old", words.join(" "));
    assert.ok(!existsSync(join(folder, "l")) && !existsSync(join(folder, "l.files")));
  }
});
