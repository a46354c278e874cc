/** What the programs do that the cases run: for the simulated machine, which has no processes, but models of them. */
import type { Pause, ProgramEnd, ProgramModel, RunningProgram } from "../../../core/rehearsal/programs.js";

type Steps = Generator<Pause, ProgramEnd, undefined>;

function* copy(program: RunningProgram, change = (data: string) => data): Steps {
  for (;;) {
    const { data, ended } = program.read();
    if (data) program.write(change(data));
    if (ended) return {};
    yield "input";
  }
}

function touch({ world }: RunningProgram, path: string): void {
  const { folder, name } = world.files.locate(path);
  const inode = { type: "file", mode: 0o644, uid: 0, gid: 0, number: 1, links: 1, modified: 0, covered: 0 } as const;
  folder.inode.children?.set(name, { ...inode });
}

/** Reads 30 bytes of a hundred, and waits until somebody takes the file away that says so. */
function* readThirty(program: RunningProgram): Steps {
  yield { sleep: 1, reads: 30 };
  touch(program, "/tmp/read");
  while (program.world.files.has("/tmp/read")) yield { sleep: 10 };
  return {};
}

function* trapUser(program: RunningProgram): Steps {
  program.trap("SIGUSR1");
  touch(program, "/tmp/ready");
  yield "signal";
  return { status: 5, stdout: "got\n" };
}

function* endless(program: RunningProgram): Steps {
  for (;;) {
    program.write("y\n");
    yield { sleep: 1 };
  }
}

function* head(program: RunningProgram): Steps {
  for (;;) {
    const { data, ended } = program.read();
    if (data || ended) return {};
    yield "input";
  }
}

const digits = (count: number) => `first${"0123456789".repeat(2000)}last!`.repeat(count);
const loop = "printf 'first'; i=0; while [ $i -lt 2000 ]; do printf 0123456789; i=$((i+1)); done; printf 'last!'";

/** By the script of `sh -c`. */
const scripts: Readonly<Record<string, (program: RunningProgram) => ReturnType<ProgramModel>>> = {
  "echo out; echo err >&2; exit 7": () => ({ status: 7, stdout: "out\n", stderr: "err\n" }),
  "kill -TERM $$": () => ({ signal: "SIGTERM" }),
  "printf 'a\\377\\303\\244\\000b'": () => ({ stdout: "a\xff\xc3\xa4\0b" }),
  "exit 3": () => ({ status: 3 }),
  cat: copy,
  "echo one; echo two >&2; echo three": function* (program) {
    yield { sleep: 1 };
    program.write("one\n");
    program.write("two\n", "stderr");
    program.write("three\n");
    return {};
  },
  "echo 4": () => ({ stdout: "4\n" }),
  [loop]: () => ({ stdout: digits(1) }),
  [`j=0; while [ $j -lt 5 ]; do ${loop}; j=$((j+1)); done`]: () => ({ stdout: digits(5) }),
  "cat; echo end": function* (program) {
    yield* copy(program);
    return { stdout: "end\n" };
  },
  "echo one; echo two >&2": () => ({ stdout: "one\n", stderr: "two\n" }),
  'while read line; do echo "<$line>"; done': (program) => copy(program, (data) => data.replace(/(.*)\n/g, "<$1>\n")),
  "while :; do echo y; done": endless,
  "sleep 1000": () => ({ lasts: 1e6 }),
  "trap 'echo got; exit 5' USR1; touch /tmp/ready; while :; do sleep 0.01; done": trapUser,
  "head -c 30 >/dev/null; touch /tmp/read; while [ -e /tmp/read ]; do sleep 0.01; done": readThirty,
};

/** By name. */
export const programModels: Readonly<Record<string, ProgramModel>> = {
  sh: ({ argv }, program) => {
    const script = scripts[argv[2] ?? ""];
    if (!script) throw new Error(`no model of the script ${argv[2]}`);
    return script(program);
  },
  true: () => ({}),
  false: () => ({ status: 1 }),
  echo: ({ argv }) => ({ stdout: `${argv.slice(1).join(" ")}\n` }),
  sleep: ({ argv }) => ({ lasts: Number(argv[1]) * 1000 }),
  cat: (_request, program) => copy(program),
  head: (_request, program) => head(program),
};
