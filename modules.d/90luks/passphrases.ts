import { type Boot, BootError, errnoOf, type SecretId } from "firstlight/hooks";

/** Whom a person is asked for, and how long. */
interface Question {
  /** "/dev/vda2 (luks-…)" */
  what: string;
  tries: number;
  /** Milliseconds for each try. Left out: all the time there is. */
  timeout?: number | undefined;
}

/** Those that have unlocked something, the last one first: they are tried with whatever else is locked. Until `forgetPassphrases`. */
const known: SecretId[] = [];
/** Who comes next is asked when this has settled. */
let asking: Promise<unknown> = Promise.resolve();
let over = false;

/** Resolves once a passphrase fits: one that somebody has typed for another device, or types now. Throws a BootError. */
export async function withPassphrase(
  boot: Boot,
  question: Question,
  fits: (secret: SecretId) => Promise<boolean>,
): Promise<void> {
  const tried = new Set<SecretId>();
  const knownFits = async () => {
    for (const secret of [...known]) {
      if (tried.has(secret)) continue;
      tried.add(secret);
      if (await fits(secret)) return true;
    }
    return false;
  };
  if (await knownFits()) return;
  const asked = asking.then(async () => {
    if (!(await knownFits())) await askUntil(boot, question, fits);
  });
  asking = asked.catch(() => {});
  await asked;
}

async function askUntil(boot: Boot, question: Question, fits: (secret: SecretId) => Promise<boolean>): Promise<void> {
  const { what, tries } = question;
  for (let number = 1; number <= tries; number++) {
    const secret = await ask(boot, question, number);
    let right = false;
    try {
      right = await fits(secret);
    } finally {
      if (right && !over) known.unshift(secret);
      else forget(boot, secret);
    }
    if (right) return;
  }
  throw new BootError(
    `none of ${tries} passphrases unlocks ${what}`,
    "exit asks again. Mind the keyboard: it has the kernel's layout, which is US English. tries= of rd.luks.options= says how often is asked.",
  );
}

async function ask(boot: Boot, { what, tries, timeout }: Question, number: number): Promise<SecretId> {
  if (over)
    throw new BootError(`${what} has come too late to be unlocked`, "Name it by rd.luks.uuid=, which waits for it.");
  const of = Number.isFinite(tries) ? ` of ${tries}` : "";
  const again = number > 1 ? `This passphrase does not unlock it, try ${number}${of}.\r\n` : "";
  try {
    const answer = await boot.job("prompt", {
      ...{ text: `\r\n${again}Passphrase for ${what}: `, secret: true },
      ...(timeout === undefined ? {} : { timeLimit: timeout }),
    });
    if ("secret" in answer) return answer.secret;
  } catch (error) {
    throw new BootError(`${what} stays locked: ${reasons[errnoOf(error) ?? ""] ?? error}`, remedy);
  }
  throw new Error("a prompt for a secret has answered with a line");
}

const reasons: Readonly<Record<string, string>> = {
  ETIMEDOUT: "nobody has typed its passphrase in time (ETIMEDOUT)",
  ECANCELED: "Ctrl-C or Ctrl-D was pressed in place of its passphrase (ECANCELED)",
  EINTR: "all that the boot waits for is there, and nobody had typed its passphrase (EINTR)",
  EIO: "nobody can be asked for its passphrase, no console can be read (EIO)",
};
const remedy =
  "exit asks again. timeout= of rd.luks.options= is the time to type it in; rd.luks.key= names a file that does without; console= the terminals that are asked.";

/** From now on there is nobody to ask. */
export function forgetPassphrases(boot: Boot): void {
  over = true;
  for (const secret of known.splice(0)) forget(boot, secret);
}

function forget({ forgetSecret, log }: Boot, secret: SecretId): void {
  try {
    forgetSecret(secret);
  } catch (error) {
    log.warning(`a passphrase stays in memory until the new root's init runs: ${error}`);
  }
}
