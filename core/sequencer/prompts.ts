import { OpError, type Running } from "../../hooks/index.js";
import type { JobOps } from "../abi/index.js";
import type { Loop } from "./loop.js";

type Question = JobOps["prompt"][0];
type Answer = JobOps["prompt"][1];

/** What a person at the console is asked. */
export interface Prompts {
  /** The job prompt, once no other one and no shell has the console. Rejects with OpError. */
  ask(question: Question): Promise<Answer>;
  /** A shell is to have the console: what is being asked is asked again once the returned function has been called. Resolves when nobody is asked any more. */
  giveWay(): Promise<() => void>;
  /** What is being asked, and is asked until the returned function is called, fails with EINTR: nobody waits for the answer. */
  withdraw(): () => void;
}

/** Milliseconds that a prompt may take to end: the shell is more urgent. */
const longestEnd = 1000;

/** `keyboards` resolves once their drivers are loaded; `pause`: a person takes all the time there is, so that nobody's time runs until the returned function is called. */
export function createPrompts(
  loop: Pick<Loop, "start" | "within">,
  { keyboards, pause }: { keyboards(): Promise<void>; pause(): () => void },
): Prompts {
  let last: Promise<unknown> = Promise.resolve();
  let shell: Promise<void> | undefined;
  let open: Running<Answer> | undefined;
  let interrupted = false;
  let withdrawn = false;

  async function askNow(question: Question): Promise<Answer> {
    if (!withdrawn) await keyboards();
    for (;;) {
      while (shell) await shell;
      if (withdrawn) throw new OpError("prompt", "", "EINTR", "nobody waits for the answer");
      interrupted = false;
      open = loop.start("prompt", question);
      const goOn = pause();
      try {
        return await open.done;
      } catch (error) {
        if (!interrupted) throw error;
      } finally {
        open = undefined;
        goOn();
      }
    }
  }

  return {
    ask(question) {
      const answer = last.then(() => askNow(question));
      last = answer.catch(() => {});
      return answer;
    },
    async giveWay() {
      let left = () => {};
      shell = new Promise<void>((resolve) => {
        left = () => {
          shell = undefined;
          resolve();
        };
      });
      interrupted = open !== undefined;
      open?.signal("SIGTERM");
      // It gives the terminal its modes back.
      if (open)
        await loop.within(
          longestEnd,
          open.done.catch(() => {}),
        );
      return left;
    },
    withdraw() {
      withdrawn = true;
      interrupted = open !== undefined;
      open?.signal("SIGTERM");
      return () => {
        withdrawn = false;
      };
    },
  };
}
