import { type Boot, BootError, type SecretId } from "firstlight/hooks";

/** What unlocks a device: a file, or what somebody has typed. */
export type Secret = { file: string; arguments: readonly string[] } | { typed: SecretId };

/** How a device is opened. */
export interface Opening {
  device: string;
  /** Of the mapping. */
  name: string;
  /** Of cryptsetup(8). */
  arguments: readonly string[];
}

/** No udev is there to be waited for: libdevmapper makes the nodes by itself. */
const env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DM_DISABLE_UDEV=1"];

/**
 * `cryptsetup open`: false where the secret does not fit. Throws a BootError: nothing that is typed would help. (Status 2 of cryptsetup(8); nothing at all on
 * standard input it takes for a mistake.)
 */
export async function open(
  boot: Boot,
  { device, name, arguments: options }: Opening,
  secret: Secret,
): Promise<boolean> {
  const isFile = "file" in secret;
  const [key, keyOptions] = isFile ? [secret.file, secret.arguments] : ["-", []];
  const argv = ["cryptsetup", "open", "--type", "luks", ...options, ...keyOptions, "--key-file", key, device, name];
  const {
    status,
    signal,
    stderr = "",
  } = await boot.programs.run({
    ...{ argv, env, stderr: "keep" },
    ...(isFile ? {} : { stdin: { secret: secret.typed } }),
  });
  if (status === 0) return true;
  if (status === 2 || (!isFile && /^Nothing to read on input/m.test(stderr))) return false;
  const why = stderr.trim().split("\n").join("; ") || (signal ?? `status ${status}`);
  throw new BootError(`${device} cannot be unlocked: cryptsetup: ${why}`, remedyOf(status, stderr));
}

function remedyOf(status: number | null, stderr: string): string {
  // Status 3, or a kill where the kernel runs out of it: Argon2 takes as much memory as it was told when the passphrase was set.
  if (status === 3 || status === null || /memory/i.test(stderr))
    return "Give the machine more memory, or give the device a key that takes less of it (cryptsetup luksChangeKey --pbkdf-memory).";
  return "See the kernel's messages above; the options are those of rd.luks.options= and of crypttab. In the shell, cryptsetup luksDump shows the header.";
}

/** Locks a device. Resolves to what is wrong. */
export async function close({ programs }: Boot, name: string): Promise<string | undefined> {
  const { status, stderr = "" } = await programs.run({ argv: ["cryptsetup", "close", name], env, stderr: "keep" });
  return status === 0 ? undefined : stderr.trim() || `status ${status}`;
}
