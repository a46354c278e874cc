/** Who has the console: one prompt at a time, or a shell. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Loop } from "../../../core/sequencer/loop.js";
import { createPrompts } from "../../../core/sequencer/prompts.js";

/** Prompts that end when they are told to. */
function makeConsole() {
  const open = new Map<string, { answer(line: string): void; end(signal: string): void }>();
  const log: string[] = [];
  const start = (_name: string, { text }: { text: string }) => {
    log.push(`asks ${text}`);
    const done = new Promise((resolve, reject) => {
      open.set(text, {
        answer: (line) => resolve({ line }),
        end(signal) {
          log.push(`${signal} to ${text}`);
          reject(new Error("ECANCELED"));
        },
      });
    });
    return { done, signal: (name: string) => open.get(text)?.end(name), inputPosition: () => undefined };
  };
  const loop = { start, within: (_: number, work: Promise<unknown>) => work.then(() => true) } as unknown as Loop;
  let paused = 0;
  const pause = () => {
    paused++;
    return () => void paused--;
  };
  const prompts = createPrompts(loop, { keyboards: async () => void log.push("keyboards"), pause });
  return { prompts, open, log, paused: () => paused };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const question = (text: string) => ({ text, secret: false });

test("who is second is asked once the first has answered, and time runs when nobody is asked", async () => {
  const { prompts, open, log, paused } = makeConsole();
  const answers = ["one", "two"].map((text) => prompts.ask(question(text)));
  await turn();
  assert.deepEqual([log, paused()], [["keyboards", "asks one"], 1]);
  open.get("one")?.answer("1");
  await turn();
  assert.deepEqual([log.slice(2), paused()], [["keyboards", "asks two"], 1]);
  open.get("two")?.answer("2");
  assert.deepEqual(await Promise.all(answers), [{ line: "1" }, { line: "2" }]);
  assert.equal(paused(), 0);
});

test("a shell ends what is asked, which is asked again when it is left; nothing is asked before", async () => {
  const { prompts, open, log, paused } = makeConsole();
  const first = prompts.ask(question("one"));
  await turn();
  const left = await prompts.giveWay();
  const second = prompts.ask(question("two"));
  await turn();
  assert.deepEqual([log, paused()], [["keyboards", "asks one", "SIGTERM to one"], 0]);
  left();
  await turn();
  open.get("one")?.answer("1");
  await turn();
  open.get("two")?.answer("2");
  assert.deepEqual(await Promise.all([first, second]), [{ line: "1" }, { line: "2" }]);
});

test("a prompt that a person ends has failed, and the next one is asked", async () => {
  const { prompts, open } = makeConsole();
  const [first, second] = ["one", "two"].map((text) => prompts.ask(question(text)));
  await turn();
  open.get("one")?.end("Ctrl-C");
  await assert.rejects(first ?? turn(), /ECANCELED/);
  await turn();
  open.get("two")?.answer("2");
  assert.deepEqual(await second, { line: "2" });
});

test("what nobody waits for is not asked any more, until somebody may wait again", async () => {
  const { prompts, open, log } = makeConsole();
  const asked = ["one", "two"].map((text) => prompts.ask(question(text)));
  const failures = asked.map((answer) => assert.rejects(answer, { errno: "EINTR" }));
  await turn();
  const askAgain = prompts.withdraw();
  await Promise.all([...failures, assert.rejects(prompts.ask(question("three")), { errno: "EINTR" })]);
  askAgain();
  const last = prompts.ask(question("four"));
  await turn();
  open.get("four")?.answer("4");
  assert.deepEqual(await last, { line: "4" });
  assert.deepEqual(log, ["keyboards", "asks one", "SIGTERM to one", "keyboards", "asks four"]);
});
