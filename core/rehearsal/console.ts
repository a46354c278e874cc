import type { JobId, JobOps, SecretId } from "../abi/index.js";
import { toBytes } from "./bytes.js";
import type { World } from "./world.js";

/** The person at the console, and the secrets that were typed. */
export interface Console {
  ask(job: JobId, request: JobOps["prompt"][0]): void;
  /** True: it was a prompt. */
  signal(job: JobId, signal: string): boolean;
  secret(id: SecretId): string | undefined;
  forget(id: SecretId): boolean;
  /** The engine has ended: another one's secrets are numbered from 1. */
  forgetAll(): void;
}

/** How long a person takes to answer, in milliseconds. */
const usualPatience = 1000;

export function createConsole(world: World): Console {
  const { schedule, description } = world;
  const secrets = new Map<SecretId, string>();
  const asking = new Map<JobId, (errno: string, detail?: string) => void>();
  let answered = 0;
  let lastSecret = 0;

  function ask(job: JobId, { text, secret, timeLimit }: JobOps["prompt"][0]): void {
    const { console: people = [] } = description;
    const cancels: (() => void)[] = [];
    const end = (outcome: Parameters<typeof schedule.end>[1]) => {
      asking.delete(job);
      for (const cancel of cancels) cancel();
      schedule.end(job, outcome);
    };
    const fail = (errno: string, detail?: string) =>
      end({ error: detail === undefined ? { errno } : { errno, detail } });
    asking.set(job, fail);
    if (people === "none") {
      cancels.push(schedule.after(1, () => fail("EIO")));
      return;
    }
    world.show(text);
    if (timeLimit !== undefined) cancels.push(schedule.after(timeLimit, () => fail("ETIMEDOUT")));
    const answer = people[answered++];
    if (!answer) {
      if (timeLimit === undefined) world.leaveOpen(`what a person answers to ${JSON.stringify(text)}`);
      return;
    }
    const reply = () => {
      if ("cancel" in answer) return fail("ECANCELED");
      const line = toBytes(answer.line);
      world.show(secret ? "\n" : `${line}\n`);
      if (!secret) return end({ value: { line } });
      secrets.set(++lastSecret, line);
      end({ value: { secret: lastSecret } });
    };
    cancels.push(schedule.after(answer.after ?? usualPatience, reply));
  }

  return {
    ask,
    signal(job, signal) {
      const fail = asking.get(job);
      if (signal === "SIGKILL") fail?.("ECHILD", signal);
      else fail?.("ECANCELED");
      return fail !== undefined;
    },
    secret: (id) => secrets.get(id),
    forget: (id) => secrets.delete(id),
    forgetAll() {
      secrets.clear();
      lastSecret = 0;
    },
  };
}
