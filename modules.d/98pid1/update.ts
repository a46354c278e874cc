import { errnoOf, type RebootWord, type System } from "firstlight/hooks";
import { limited } from "./limit.js";

const kernelPath = "/kernel";
const commandLinePath = "/kernel.cmdline";
const initrdPath = "/kernel.initrd";
const rebootPath = "/reboot";

/** The last word for another kernel. undefined: there is none, or an error that is logged. */
export async function kexec(system: System): Promise<RebootWord | undefined> {
  const { log, job } = system;
  try {
    if (!(await isThere(system, kernelPath))) return undefined;
    const cmdline = await commandLine(system);
    const initrd = (await isThere(system, initrdPath)) ? { initrd: initrdPath } : {};
    await limited(system, `load ${kernelPath}`, job("kexecLoad", { kernel: kernelPath, ...initrd, cmdline }));
    log.info(`/init: ${kernelPath} follows, with the command line: ${cmdline}`);
  } catch (error) {
    log.error(`/init: ${kernelPath} cannot be loaded: ${error}${hintOf(error)}`);
    return undefined;
  }
  await sync(system);
  return { word: "reboot", action: "kexec", state: "kexec" };
}

/** That of its file or, where there is none, the running kernel's, as kexec --reuse-cmdline has it. Throws OpError. */
async function commandLine(system: System): Promise<string> {
  const { files, job } = system;
  if (await isThere(system, commandLinePath)) {
    const { data } = await limited(system, `read ${commandLinePath}`, job("readFile", { path: commandLinePath }));
    return data.trim().replaceAll("\n", " ");
  }
  const words = files.read("/proc/cmdline").trim().split(" ");
  return words.filter((word) => !word.startsWith("BOOT_IMAGE=")).join(" ");
}

function hintOf(error: unknown): string {
  const hints: Readonly<Record<string, string>> = {
    ENOSYS: "; the kernel has no CONFIG_KEXEC_FILE: run kexec of kexec-tools at the end of /etc/reboot",
    EPERM: "; kernel.kexec_load_disabled is set, or the kernel is locked down",
    EKEYREJECTED: "; its signature is not valid",
  };
  return hints[errnoOf(error) ?? ""] ?? "";
}

/** The last word for a restart by the firmware. undefined: nobody wants it. */
export async function hardReboot(system: System): Promise<RebootWord | undefined> {
  const { log } = system;
  try {
    if (!(await isThere(system, rebootPath))) return undefined;
  } catch (error) {
    log.error(`/init: ${error}`);
    return undefined;
  }
  log.info(`/init: ${rebootPath} is there: the machine restarts`);
  await sync(system);
  return { word: "reboot", action: "reboot", state: "restart" };
}

/** Writes all that is kept in memory to its devices. */
export async function sync(system: System): Promise<void> {
  try {
    await limited(system, "sync", system.job("sync", {}));
  } catch (error) {
    system.log.error(`/init: ${error}`);
  }
}

/** A file of any type, be it a link to nothing. Throws OpError. */
async function isThere(system: System, path: string): Promise<boolean> {
  try {
    await limited(system, `stat ${path}`, system.job("statFile", { path, follow: false }));
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
