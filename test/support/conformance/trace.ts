/** The recording of ops. The root needs /run to be a directory of the initramfs, without anything in it. */
import { traceLeastLimit } from "../../../core/abi/index.js";
import { type Case, equal, errnoOf, type OpsUnderTest, ok } from "./suite.js";

const path = "/run/trace";
const head = "the\thead";

const linesOf = (ops: OpsUnderTest, file = path): string[][] =>
  ops
    .value("read", { path: file, limit: 1 << 24 })
    .data.split("\n")
    .slice(0, -1)
    .map((line) => line.split("\t"));

const begin = (ops: OpsUnderTest, limit = 1 << 20): void => {
  ops.value("trace", { path, limit, head });
};

const fromTheStart: Case = {
  name: "trace: before it is asked, ops are kept in memory, and none is lost where it fails",
  run(ops) {
    const first = ops.raw("nothing", "{}");
    equal(errnoOf(ops.outcome("trace", { path: "/run/not/there", limit: 1 << 20, head })), "ENOENT");
    equal(errnoOf(ops.outcome("trace", { path: "/run", limit: 1 << 20, head })), "EISDIR");
    for (const wrong of [
      {},
      { path },
      { path: "", limit: 1, head },
      { path, limit: traceLeastLimit - 1, head },
      { path, limit: 1 },
    ])
      equal(errnoOf(ops.outcome("trace", wrong)), "EINVAL", JSON.stringify(wrong));
    begin(ops);
    const [top, ...lines] = linesOf(ops);
    equal(top, head.split("\t"));
    const at = lines.findIndex(([, name]) => name === "nothing");
    equal(lines[at]?.slice(1), ["nothing", "{}", first]);
    equal(lines[at + 1]?.slice(1, 3), ["trace", JSON.stringify({ path: "/run/not/there", limit: 1 << 20, head })]);
    equal(lines.at(-1)?.slice(1), ["trace", JSON.stringify({ path, limit: 1 << 20, head }), '{"value":{}}']);
    equal(ops.value("stat", { path }).mode, 0o600);
  },
};

const everyOp: Case = {
  name: "trace: each op with the time, what was asked and what came of it; a job's end in the wait that tells of it",
  run(ops) {
    begin(ops);
    const before = ops.value("now", {}).monotonic;
    const bytes = '\udcff ä \u{1f600} \u0001\t\n"\\';
    ops.value("write", { path: "/run/file", data: bytes, mode: 0o600 });
    const answer = ops.raw("read", '{"path":"/run/file"}');
    const job = ops.job("statFile", { path: "/run/file" });
    const after = ops.value("now", {}).monotonic;
    const lines = linesOf(ops);
    const find = (name: string) => lines.find((parts) => parts[1] === name) ?? [];
    equal(find("write").slice(2), [JSON.stringify({ path: "/run/file", data: bytes, mode: 0o600 }), '{"value":{}}']);
    equal(find("read").slice(2), ['{"path":"/run/file"}', answer]);
    equal(JSON.parse(find("wait")[3] ?? "").value.outcome, job, "the outcome of the job");
    const times = lines.slice(1).map(([time]) => Number(time) / 1000);
    ok(
      times.every((time, index) => time >= (times[index - 1] ?? 0)),
      `times go on: ${times}`,
    );
    ok((times[1] ?? 0) >= before - 1000 && (times.at(-1) ?? 0) <= after + 1, `${times} from ${before} to ${after}`);
  },
};

const oneLine: Case = {
  name: "trace: whatever is asked stands on one line, in four parts",
  run(ops) {
    begin(ops);
    const outcomes = [ops.raw("a\tname\n", '{\t"limit":\n"a\nb"}'), ops.raw("", "")];
    const [, first, second] = linesOf(ops).slice(1);
    equal(first?.slice(1), ["a name ", '{ "limit": "a b"}', outcomes[0]]);
    equal(second?.slice(1), ["", "", outcomes[1]]);
  },
};

const longest: Case = {
  name: "trace: a very long result is there as a whole",
  run(ops) {
    begin(ops, 1 << 24);
    ops.value("write", { path: "/run/long", data: "x".repeat(1 << 20), mode: 0o600 });
    const answer = ops.raw("read", '{"path":"/run/long"}');
    equal(linesOf(ops).at(-1)?.[3] === answer, true, "the line of the read");
    ops.value("remove", { path: "/run/long" });
  },
};

const cut: Case = {
  name: "trace: the file never grows beyond the limit, and its last line says so",
  run(ops) {
    begin(ops, traceLeastLimit);
    for (let count = 0; count < 100; count++) ops.value("now", {});
    const { data } = ops.value("read", { path });
    ok(data.length <= traceLeastLimit && data.length > traceLeastLimit - 200, `${data.length} bytes`);
    equal(linesOf(ops).at(-1), ["cut", "EFBIG"]);
    ops.value("trace", { path, limit: traceLeastLimit, head: "x".repeat(traceLeastLimit) });
    equal(linesOf(ops), [["cut", "EFBIG"]], "not even the first line has room");
  },
};

const ended: Case = {
  name: "trace: with path null it ends, and what it has written stays; it can begin anew",
  run(ops) {
    begin(ops);
    ops.value("trace", { path: null });
    const count = linesOf(ops).length;
    ops.value("now", {});
    equal(linesOf(ops).length, count);
    ops.value("trace", { path: null });
    ops.value("trace", { path: "/run/other", limit: 4096, head: "another" });
    equal(
      linesOf(ops, "/run/other").map(([time, name]) => name ?? time),
      ["another", "trace"],
    );
    begin(ops);
    ops.value("now", {});
    equal(linesOf(ops, "/run/other").length, 3, "a file that another one follows");
    equal(linesOf(ops).length, 4, "head, trace, now, read");
  },
};

/** In this order: the first one sees the recording that began with the engine. */
export const cases = [fromTheStart, everyOp, oneLine, longest, cut, ended];
