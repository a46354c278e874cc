/** rehearse --faults and --fault as people run them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { buildImage } from "../support/firstlight.js";
import { projectFolder } from "../support/paths.js";
import { tryRun } from "../support/run.js";

const { file: image } = await buildImage("faults-tool", ["-N", "--compress", "zstd -1"]);
const line = ["--cmdline", "root=LABEL=x ro"];

async function rehearse(...words: string[]) {
  const { status, stdout, stderr } = await tryRun([join(projectFolder, "tools/rehearse"), image, ...words]);
  assert.doesNotMatch(stderr, /^ +at /m, "no stack trace");
  return { status, text: stdout, problems: stderr };
}

const { status, text } = await rehearse(...line, "--faults", "-v");

test("--faults: a table, each run with -v, and the sum; --json has the same", async () => {
  assert.equal(status, 0, text);
  assert.match(text, /^\(no machine is described/);
  assert.match(text, /^op +asked by +same root +report +open +bad$/m);
  assert.match(text, /^probe +inspect < probe < probeNext +· +\d+ +· +·$/m);
  assert.match(
    text,
    /^--fault \d+:EUCLEAN: mount \/dev\/vda on \/sysroot .*\n {4}stopped: \/dev\/vda cannot be mounted/m,
  );
  const [, sum = ""] =
    /^(\d+) faults: \d+ reach the same root, \d+ stop with a report; all is well\.$/m.exec(text) ?? [];
  const told = JSON.parse((await rehearse(...line, "--faults", "--json")).text);
  assert.deepEqual([told.schema_version, told.status, told.runs.length], [1, 0, Number(sum)]);
  const { fault, op, end, violations } = told.runs.find(({ op }: { op: string }) => op === "mount");
  assert.match(fault, /^\d+:\w+$/);
  assert.deepEqual([op, violations], ["mount", []]);
  assert.ok(["switch", "stopped"].includes(end));
  const one = await rehearse(...line, "--fault", fault);
  assert.equal(one.status, 0, one.text);
  assert.match(one.text, /\n(switch|stopped): .*\n$/);
});

test("--fault: the timeline with one, or with a second that comes after it", async () => {
  const [, probe = ""] = /^--fault (\d+:EIO): probe/m.exec(text) ?? [];
  const one = await rehearse(...line, "--fault", probe);
  assert.match(one.text, /probe \/dev\/vda: EIO/);
  assert.match(one.text, /\nstopped: LABEL=x, wanted for root, has not come\n$/);
  const wrong = await rehearse(...line, "--fault", `${probe},1:EIO`);
  assert.deepEqual([wrong.status, wrong.text], [3, ""]);
  assert.match(wrong.problems, /1:EIO is no fault of this boot: --faults --verbose shows them all/);
});

test("a boot that does not reach its root has nothing to explore", async () => {
  const { status, text } = await rehearse("-c", "ro", "--faults");
  assert.equal(status, 1);
  assert.match(text, /^Nothing to explore\. Without any fault: would stop: there is no root=/);
  const one = await rehearse("-c", "ro", "--fault", "1:EIO");
  assert.deepEqual(one, { status, text, problems: "" });
  const unknown = await rehearse("-c", "root=/dev/mapper/x ro", "--faults");
  assert.equal(unknown.status, 2, "as without --faults");
  assert.match(unknown.text, /^Nothing to explore\. Without any fault: left open: on which machine it boots/);
});

test("command lines that cannot be meant", async () => {
  for (const [words, says] of [
    [["--fault", "x"], /--fault x: x is no fault of this boot/],
    [["--fault", "1:EIO", "--faults"], /--faults and --fault cannot go together/],
    [["--fault", "1:EIO", "--json"], /--json and --fault cannot go together/],
    [["--faults", "--svg", "x.svg"], /--faults and --svg cannot go together/],
    [["--faults", "--replay", "x"], /--faults cannot go with --replay/],
  ] as const) {
    const { status, problems } = await rehearse(...line, ...words);
    assert.equal(status, 3);
    assert.match(problems, says);
  }
});
