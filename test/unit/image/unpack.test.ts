/** What images that were made to do harm can do: nothing, to nobody but themselves. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BuildError } from "../../../core/generator/problems.js";
import { readContents } from "../../../core/image/contents.js";
import { unpackImage } from "../../../core/image/unpack.js";
import { projectFolder } from "../../support/paths.js";
import { createRandom, type Random } from "../../support/random.js";
import { tryRun } from "../../support/run.js";
import { keepReport, scratchFolder } from "../generator/scratch.js";
import { archive, folder, link, type TestMember } from "./archives.js";

/** All names below a folder, with what files hold and what they may. */
function stateOf(top: string): string[] {
  return readdirSync(top, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const stats = lstatSync(join(top, name));
      const content = stats.isFile() ? readFileSync(join(top, name), "utf8") : "";
      return [name, stats.mode, stats.uid, stats.nlink, stats.mtimeMs, content].join(" ");
    });
}

/** A member that tries to get out, out of few names, so that they meet. */
function evil(random: Random, outside: string): TestMember {
  const part = () => random.of(["a", "b", "c", "d", ".", ""]);
  const path = () => Array.from({ length: 1 + random.below(3) }, part).join("/");
  const name = random.below(12)
    ? path()
    : random.of([`${outside}/victim`, "../../../outside/victim", "a/../../../../outside/new"]);
  const fields = { uid: 12345, inode: random.below(3), links: 1 + random.below(3), modified: 1 };
  switch (random.below(5)) {
    case 0:
      return { ...folder(name, 0o40000 | random.below(0o10000)), fields };
    case 1:
    case 2: {
      const target = random.of([
        outside,
        `${outside}/victim`,
        "..",
        "../..",
        "/",
        ".",
        path(),
        `../../outside/${path()}`,
      ]);
      return { ...link(name, target), fields };
    }
    default:
      return { name, content: random.of(["", "evil"]), mode: 0o104777, fields };
  }
}

test("2,000 images that try to get out of their folder by links, hard links and odd paths: none does", async (context) => {
  const scratch = scratchFolder(context, { "outside/victim": "victim", "outside/a/b": "b", "t/sibling": "" });
  const outside = join(scratch, "outside");
  const [image, target] = [join(scratch, "x.img"), join(scratch, "t/target")];
  const before = [stateOf(outside), readdirSync(scratch).concat("x.img").sort(), ["sibling"]];
  const random = createRandom(11);
  let unpacked = 0;
  for (let round = 0; round < 2000; round++) {
    writeFileSync(image, archive(Array.from({ length: 1 + random.below(8) }, () => evil(random, outside))));
    const options = { early: false, paths: [], signal: new AbortController().signal, ...keepReport() };
    try {
      await unpackImage(image, await readContents(image), target, options);
      unpacked++;
    } catch (error) {
      assert.ok(error instanceof BuildError, `round ${round}: ${error}`);
    }
    rmSync(target, { recursive: true, force: true });
    assert.deepEqual(
      [stateOf(outside), readdirSync(scratch).sort(), readdirSync(join(scratch, "t"))],
      before,
      `round ${round}`,
    );
  }
  assert.ok(unpacked > 500 && unpacked < 1900, `${unpacked} were unpacked`);
});

test("a signal in the middle of a file: nothing stays, nor stays open", async (context) => {
  const scratch = scratchFolder(context, { "x.img": archive([{ name: "file", content: "x" }]) });
  const [image, target] = [join(scratch, "x.img"), join(scratch, "target")];
  const controller = new AbortController();
  // Told of before the file is opened.
  const note = () => controller.abort("SIGINT");
  const options = { early: false, paths: [], signal: controller.signal, ...keepReport(), note };
  const contents = await readContents(image);
  await assert.rejects(unpackImage(image, contents, target, options), (error) => error === "SIGINT");
  assert.deepEqual(readdirSync(scratch), ["x.img"]);
  const open = readdirSync("/proc/self/fd").flatMap((name) => {
    const path = join("/proc/self/fd", name);
    return lstatSync(path, { throwIfNoEntry: false }) ? [readlinkSync(path)] : [];
  });
  assert.deepEqual(
    open.filter((path) => path.startsWith(target)),
    [],
  );
});

test("without being root: all but owners and device nodes, which a warning tells of", async (context) => {
  const members: TestMember[] = [
    folder("read-only", 0o40555),
    { name: "read-only/f", mode: 0o100000, content: "x" },
    folder("closed", 0o40000),
    { name: "closed/g", mode: 0o100400, content: "y" },
    { name: "null", mode: 0o020666 },
    { name: "owned", content: "z", fields: { uid: 77 } },
    link("read-only/l", "../closed"),
  ];
  const scratch = scratchFolder(context, { "x.img": archive(members) });
  const [nobody, target] = [65534, join(scratch, "own/target")];
  chmodSync(scratch, 0o755);
  mkdirSync(join(scratch, "own"));
  chownSync(join(scratch, "own"), nobody, nobody);
  const asNobody = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  const program = ["node", join(projectFolder, "dist/tools/lsinitrd.mjs")];
  const { status, stderr } = await tryRun([...asNobody, ...program, `--unpack=${target}`, join(scratch, "x.img")]);
  assert.deepEqual([status, stderr], [0, "lsinitrd: warning: null is left out: only root can make device nodes\n"]);
  assert.deepEqual(readdirSync(target), ["closed", "owned", "read-only"]);
  const facts = (name: string) => {
    const { mode, uid, mtimeMs } = lstatSync(join(target, name));
    return [(mode & 0o7777).toString(8), uid, mtimeMs];
  };
  assert.deepEqual(facts("closed"), ["0", nobody, 1_600_000_000_000]);
  assert.deepEqual(facts("read-only"), ["555", nobody, 1_600_000_000_000]);
  assert.deepEqual(facts("owned"), ["644", nobody, 1_600_000_000_000]);
  assert.deepEqual(facts("read-only/l"), ["777", nobody, 1_600_000_000_000]);
  const elsewhere = await tryRun([...asNobody, ...program, `--unpack=${join(scratch, "no")}`, join(scratch, "x.img")]);
  assert.deepEqual(
    [elsewhere.status, elsewhere.stderr],
    [1, `lsinitrd: error: ${scratch}/no cannot be made: permission denied\n`],
  );
});
