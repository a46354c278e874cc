/** Programs. Expects busybox under the names of what is run here, and /proc mounted. */
import type { JobOps, ProgramResult } from "../../../core/abi/index.js";
import { type Case, equal, errnoOf, type OpsUnderTest, ok } from "./suite.js";

type Request = JobOps["run"][0];

function shell(script: string, more: Partial<Request> = {}): Request {
  return { argv: ["sh", "-c", script], stdout: "keep", stderr: "keep", ...more };
}

function output(ops: OpsUnderTest, script: string, more: Partial<Request> = {}): string {
  const { status, stdout, stderr } = ops.done("run", shell(script, more));
  equal([status, stderr], [0, more.stderr === undefined ? "" : stderr], `${script} (stdout ${stdout})`);
  return stdout ?? "";
}

function expectRun(ops: OpsUnderTest, expected: string, request: unknown): void {
  const outcome = ops.job("run", request as Request);
  equal(errnoOf(outcome), expected, `run ${JSON.stringify(request)}: ${JSON.stringify(outcome)}`);
}

/** Waits, by the clock, until something is so. */
function until(ops: OpsUnderTest, what: string, condition: () => boolean): void {
  const limit = ops.value("now", {}).monotonic + 20_000;
  while (!condition()) {
    ok(ops.value("now", {}).monotonic < limit, `never: ${what}`);
    ops.wait(2);
  }
}

const results: Case = {
  name: "status, signal, kept output",
  run(ops) {
    const run = (script: string) => ops.done("run", shell(script));
    equal(
      run("echo out; echo err >&2; exit 7"),
      { status: 7, signal: null, stdout: "out\n", stderr: "err\n" },
      "status",
    );
    equal(run("kill -TERM $$"), { status: null, signal: "SIGTERM", stdout: "", stderr: "" }, "signal");
    equal(ops.done("run", { argv: ["true"] }), { status: 0, signal: null }, "nothing kept");
    equal(ops.done("run", { argv: ["/bin/false"], stdout: "keep" }), { status: 1, signal: null, stdout: "" }, "false");
    equal(output(ops, "printf 'a\\377\\303\\244\\000b'"), "a\udcff\u00e4\0b", "bytes");
  },
};

const environment: Case = {
  name: "environment, folder, descriptors, session, signals",
  run(ops) {
    const printed = (env?: string[]) => output(ops, "", { argv: ["cat", "/proc/self/environ"], ...(env && { env }) });
    equal(printed(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin\0", "environment");
    equal(printed(["PATH=/bin", "A=\udcff"]), "PATH=/bin\0A=\udcff\0", "its own");
    equal(output(ops, "pwd"), "/\n", "folder");
    equal(output(ops, "pwd", { cwd: "/tmp" }), "/tmp\n", "another folder");
    equal(
      output(ops, "ls /proc/self/fd", { argv: ["ls", "/proc/self/fd"] }),
      "0\n1\n2\n3\n",
      "descriptors; 3 is ls's own",
    );
    const [pid, , , , group, session] = output(ops, "", { argv: ["cat", "/proc/self/stat"] }).split(" ");
    ok(pid === group && pid === session, `process ${pid}, its group ${group}, its session ${session}`);
    const status = output(ops, "", { argv: ["cat", "/proc/self/status"] });
    for (const mask of ["SigBlk", "SigIgn", "SigCgt"])
      ok(status.includes(`${mask}:\t0000000000000000\n`), `${mask} in ${status}`);
    equal(output(ops, "umask; ulimit -s"), "0022\n8192\n", "umask and stack");
    equal(output(ops, "cat /proc/self/oom_score_adj"), "0\n", "a program may be killed for want of memory");
    const own = ops.value("read", { path: "/proc/self/oom_score_adj" }).data;
    const refused = errnoOf(ops.outcome("write", { path: "/proc/self/oom_score_adj", data: "-999" })) === "EACCES";
    ok(own === "-999\n" || refused, `the engine is not, where the kernel lets it: ${own}`);
  },
};

const starts: Case = {
  name: "why a program cannot be started",
  run(ops) {
    const file = (path: string, data: string, mode: number) => ops.value("write", { path, data, mode });
    file("/tmp/plain", "no program", 0o644);
    file("/tmp/nonsense", "no program", 0o755);
    file("/tmp/script", "#!/none\n", 0o755);
    expectRun(ops, "ENOENT", { argv: ["no-such-program"] });
    expectRun(ops, "ENOENT", { argv: ["/no/such/program"] });
    expectRun(ops, "EACCES", { argv: ["/tmp/plain"] });
    expectRun(ops, "EACCES", { argv: ["/tmp"] });
    expectRun(ops, "ENOEXEC", { argv: ["/tmp/nonsense"] });
    expectRun(ops, "ENOENT", { argv: ["/tmp/script"] });
    expectRun(ops, "ENOTDIR", { argv: ["/tmp/plain/x"] });
    expectRun(ops, "EACCES", { argv: ["plain"], env: ["PATH=/none:/tmp"] });
    equal(ops.done("run", { argv: ["sh", "-c", "exit 3"], env: ["PATH=/none:/tmp:/bin"] }).status, 3, "found in PATH");
    expectRun(ops, "ENOENT", { argv: ["sh"], env: ["HOME=/"] });
    expectRun(ops, "ENOENT", { argv: ["true"], cwd: "/none" });
    expectRun(ops, "ENOTDIR", { argv: ["true"], root: "/bin/busybox" });
    expectRun(ops, "ENOENT", { argv: ["true"], stdin: { file: "/none" } });
    expectRun(ops, "EISDIR", { argv: ["true"], stdout: { file: "/tmp" } });
    expectRun(ops, "E2BIG", { argv: ["true", "x".repeat(200_000)] });
    expectRun(ops, "EBADF", { argv: ["true"], stdin: { pipe: 12345 } });
    expectRun(ops, "EBADF", { argv: ["true"], stdin: { secret: 12345 } });
    for (const request of [
      {},
      { argv: [] },
      { argv: [""] },
      { argv: ["a\0b"] },
      { argv: "true" },
      { argv: ["true"], env: "A=b" },
      { argv: ["true"], stdin: "keep" },
      { argv: ["true"], stdin: {} },
      { argv: ["true"], stdout: { text: "x" } },
      { argv: ["true"], stdout: { secret: 1 } },
      { argv: ["true"], stdout: "file" },
      { argv: ["true"], uid: -1 },
      { argv: ["true"], timeLimit: 0 },
      { argv: ["true"], keepLimit: 1e12 },
    ])
      equal(errnoOf(ops.outcome("run", request)), "EINVAL", JSON.stringify(request));
  },
};

const streams: Case = {
  name: "standard input and output: text, files, null",
  run(ops) {
    const text = "one\ntwo \udcff \0 end";
    equal(output(ops, "cat", { stdin: { text } }), text, "text");
    equal(output(ops, "cat"), "", "null");
    const long = "0123456789".repeat(30_000);
    equal(output(ops, "cat", { stdin: { text: long }, keepLimit: 1 << 20 }).length, long.length, "long text");
    ops.value("write", { path: "/tmp/in", data: "from a file", mode: 0o600 });
    equal(output(ops, "cat", { stdin: { file: "/tmp/in" } }), "from a file", "file");
    ops.done(
      "run",
      shell("echo one; echo two >&2; echo three", { stdout: { file: "/tmp/out" }, stderr: { file: "/tmp/out" } }),
    );
    equal(ops.value("read", { path: "/tmp/out" }).data, "one\ntwo\nthree\n", "both into one file");
    equal(ops.value("stat", { path: "/tmp/out" }).mode, 0o644, "its mode");
    ops.done("run", shell("echo 4", { stdout: { file: "/tmp/out" } }));
    equal(ops.value("read", { path: "/tmp/out" }).data, "4\n", "written anew");
  },
};

const limits: Case = {
  name: "beyond the limit the middle of the output is lost",
  run(ops) {
    const script = "printf 'first'; i=0; while [ $i -lt 2000 ]; do printf 0123456789; i=$((i+1)); done; printf 'last!'";
    equal(output(ops, script, { keepLimit: 10 }), "firstlast!", "10 bytes");
    equal(output(ops, script, { keepLimit: 11 }), "first9last!", "11 bytes");
    equal(output(ops, script, { keepLimit: 0 }), "", "none");
    equal(output(ops, script, { keepLimit: 20_010 }).length, 20_010, "just enough");
    const kept = output(ops, `j=0; while [ $j -lt 5 ]; do ${script}; j=$((j+1)); done`);
    equal([kept.length, kept.slice(0, 5), kept.slice(-5)], [65536, "first", "last!"], "the usual limit");
  },
};

const pipes: Case = {
  name: "pipes join programs, and end with them",
  run(ops) {
    const first = ops.value("pipe", {}).pipe;
    const second = ops.value("pipe", {}).pipe;
    const reader = ops.start("run", shell("cat; echo end", { stdin: { pipe: second } }));
    // A job in between must not keep the pipes open.
    ops.value("makeNode", { path: "/tmp/nobody-writes", type: "fifo", mode: 0o600 });
    const between = ops.start("readFile", { path: "/tmp/nobody-writes" });
    const writer = ops.start(
      "run",
      shell("echo one; echo two >&2", { stdout: { pipe: first }, stderr: { pipe: first } }),
    );
    const middle = ops.start(
      "run",
      shell('while read line; do echo "<$line>"; done', { stdin: { pipe: first }, stdout: { pipe: second } }),
    );
    equal(
      ops.finished(reader),
      { value: { status: 0, signal: null, stdout: "<one>\n<two>\nend\n", stderr: "" } },
      "reader",
    );
    equal(
      [writer, middle].map((job) => errnoOf(ops.finished(job))),
      ["", ""],
      "the others",
    );
    ops.value("signal", { job: between, signal: "SIGKILL" });
    ops.finished(between);
    // A writer learns that nobody reads any more.
    const third = ops.value("pipe", {}).pipe;
    const endless = ops.start("run", { argv: ["sh", "-c", "while :; do echo y; done"], stdout: { pipe: third } });
    ops.done("run", { argv: ["head", "-n", "1"], stdin: { pipe: third } });
    equal(ops.finished(endless), { value: { status: null, signal: "SIGPIPE" } }, "endless writer");
    expectRun(ops, "EBADF", { argv: ["true"], stdin: { pipe: third } });
  },
};

const timeLimits: Case = {
  name: "a time limit ends a program",
  run(ops) {
    const before = ops.value("now", {}).monotonic;
    expectRun(ops, "ETIMEDOUT", shell("sleep 1000", { timeLimit: 300 }));
    ok(ops.value("now", {}).monotonic - before >= 300, "not before its time");
  },
};

const sessions: Case = {
  name: "a time limit kills the whole session",
  run(ops) {
    const script = "sleep 1000 & setsid sleep 1001 & echo started; wait";
    const job = ops.start("run", shell(script, { timeLimit: 3000 }));
    const isGone = (command: string) =>
      ops
        .value("list", { path: "/proc" })
        .entries.filter(({ name }) => /^\d+$/.test(name))
        .map(({ name }) => ops.outcome("read", { path: `/proc/${name}/cmdline` }))
        .every((outcome) => !("value" in outcome) || (outcome.value as { data: string }).data !== command);
    until(ops, "both are there", () => !isGone("sleep\u00001000\0") && !isGone("sleep\u00001001\0"));
    equal(errnoOf(ops.finished(job)), "ETIMEDOUT", "its time is over");
    until(ops, "the session's other process is gone", () => isGone("sleep\u00001000\0"));
    ok(!isGone("sleep\u00001001\0"), "another session is none of its business");
  },
};

const signals: Case = {
  name: "signal reaches all processes of a running job",
  run(ops) {
    const job = ops.start("run", shell("trap 'echo got; exit 5' USR1; touch /tmp/ready; while :; do sleep 0.01; done"));
    until(ops, "ready", () => errnoOf(ops.outcome("stat", { path: "/tmp/ready" })) === "");
    ops.value("signal", { job, signal: "SIGUSR1" });
    equal((ops.finished(job) as { value: ProgramResult }).value.status, 5, "caught");
    equal(errnoOf(ops.outcome("signal", { job, signal: "SIGKILL" })), "ESRCH", "ended");
    equal(errnoOf(ops.outcome("signal", { job: 99999, signal: "SIGKILL" })), "ESRCH", "never was");
    for (const signal of ["KILL", "SIGNONSENSE", "", 9])
      equal(errnoOf(ops.outcome("signal", { job, signal })), "EINVAL", `${signal}`);
    const killed = ops.start("sync", {});
    ops.finished(killed);
    equal(errnoOf(ops.outcome("signal", { job: killed, signal: "SIGTERM" })), "ESRCH", "a job without a program");
  },
};

const lostChild: Case = {
  name: "a job's child that dies without a result is ECHILD",
  run(ops) {
    ops.value("makeNode", { path: "/tmp/fifo", type: "fifo", mode: 0o600 });
    const job = ops.start("readFile", { path: "/tmp/fifo" });
    ops.value("signal", { job, signal: "SIGKILL" });
    equal(ops.finished(job), { error: { errno: "ECHILD", detail: "SIGKILL" } }, "outcome");
  },
};

const position: Case = {
  name: "inputPosition tells how far a program has read",
  run(ops) {
    ops.value("write", { path: "/tmp/hundred", data: "0123456789".repeat(10), mode: 0o600 });
    const script = "head -c 30 >/dev/null; touch /tmp/read; while [ -e /tmp/read ]; do sleep 0.01; done";
    const job = ops.start("run", { argv: ["sh", "-c", script], stdin: { file: "/tmp/hundred" } });
    until(ops, "read", () => errnoOf(ops.outcome("stat", { path: "/tmp/read" })) === "");
    equal(ops.value("inputPosition", { job }), { position: 30 }, "position");
    ops.value("remove", { path: "/tmp/read" });
    equal(errnoOf(ops.finished(job)), "", "end");
    equal(errnoOf(ops.outcome("inputPosition", { job })), "ESRCH", "ended");
  },
};

const rooted: Case = {
  name: "another root, user and group",
  run(ops) {
    ops.value("makeDir", { path: "/tmp/r/bin", parents: true });
    ops.value("makeDir", { path: "/tmp/r/work" });
    ops.value("write", { path: "/tmp/r/bin/busybox", data: "", mode: 0o755 });
    ops.done("mount", { source: "/bin/busybox", target: "/tmp/r/bin/busybox", type: "", flags: ["bind"], data: "" });
    for (const name of ["sh", "id", "ls", "pwd"])
      ops.value("symlink", { path: `/tmp/r/bin/${name}`, target: "busybox" });
    equal(output(ops, "pwd; ls /", { root: "/tmp/r", cwd: "/work" }), "/work\nbin\nwork\n", "root");
    equal(output(ops, "pwd", { root: "/tmp/r" }), "/\n", "its top");
    equal(output(ops, "id -u; id -g; id -G", { uid: 1000, gid: 100 }), "1000\n100\n100\n", "user and group");
    equal(output(ops, "id -u; id -g", { uid: 1000 }), "1000\n0\n", "user");
    ops.done("unmount", { target: "/tmp/r/bin/busybox" });
  },
};

const orphans: Case = {
  name: "what programs leave behind does not hold their jobs up, and is reaped",
  run(ops) {
    equal(output(ops, "sleep 1000 & echo $! >/tmp/pid; echo done"), "done\n", "output of the program alone");
    const pid = ops.value("read", { path: "/tmp/pid" }).data.trim();
    ok(/\nPPid:\t[1-9]/.test(ops.value("read", { path: `/proc/${pid}/status` }).data), "it has a parent");
    ops.value("kill", { process: Number(pid), signal: "SIGKILL" });
    until(ops, "reaped", () => errnoOf(ops.outcome("stat", { path: `/proc/${pid}` })) === "ENOENT");
  },
};

const noProcesses: Case = {
  name: "kill: what is no process",
  run(ops) {
    const kill = (process: unknown, signal = "SIGKILL") => errnoOf(ops.outcome("kill", { process, signal }));
    equal(kill(2 ** 22 + 1), "ESRCH", "beyond the largest number");
    for (const process of [1, 0, -1, "2", undefined]) equal(kill(process), "EINVAL", `process ${process}`);
    equal(kill(2 ** 22 + 1, "nonsense"), "EINVAL", "no signal");
  },
};

const many: Case = {
  name: "many programs at a time",
  run(ops) {
    const jobs = Array.from({ length: 40 }, (_, n) => ops.start("run", { argv: ["echo", String(n)], stdout: "keep" }));
    for (const [n, job] of jobs.entries())
      equal(ops.finished(job), { value: { status: 0, signal: null, stdout: `${n}\n` } }, `program ${n}`);
    equal(new Set(jobs).size, 40, "numbers of jobs");
  },
};

export const cases: readonly Case[] = [
  results,
  starts,
  streams,
  limits,
  pipes,
  timeLimits,
  signals,
  lostChild,
  position,
  many,
  noProcesses,
];

/** What the kernel does for processes: identities, sessions, what is inherited. The simulated machine has no processes, but models of programs. */
export const nativeCases: readonly Case[] = [environment, sessions, rooted, orphans];
