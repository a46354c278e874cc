import { spawn } from "node:child_process";
import { consoleParameters } from "./qemu.js";

/** Milliseconds within which a kernel says its first words, even on a busy machine. */
const longestStart = 5000;

/**
 * Why QEMU cannot use KVM here; undefined: it can. That /dev/kvm opens proves nothing: a virtual machine may have one with which no kernel gets past its
 * first instructions. So this kernel is started, and has to say which it is.
 */
export function whyNoKvm(qemu: string, kernel: string): Promise<string | undefined> {
  const child = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", qemu, "-accel", "kvm", "-machine", "q35", "-cpu", "host", "-m", "512"],
      ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
      ...["-kernel", kernel, "-append", `${consoleParameters} earlyprintk=ttyS0`],
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  return new Promise((resolve) => {
    let said = "";
    let complaints = "";
    let why: string | undefined = `a kernel says nothing within ${longestStart / 1000} s`;
    const timer = setTimeout(() => child.kill("SIGKILL"), longestStart);
    child.stdout.setEncoding("latin1").on("data", (piece: string) => {
      said += piece;
      if (!said.includes("Linux version")) return;
      why = undefined;
      child.kill("SIGKILL");
    });
    child.stderr.setEncoding("utf8").on("data", (piece: string) => {
      complaints += piece;
    });
    child.on("error", (error) => resolve(error.message));
    child.on("close", () => {
      clearTimeout(timer);
      const [complaint = ""] = complaints.split("\n");
      resolve(why && (complaint.replace(/^qemu-system-x86_64: /, "") || why));
    });
  });
}
