import type { ChildProcess } from "node:child_process";

/** Resolves when a child has ended well. Rejects with what it wrote to its standard error, or how it ended; spawn(2)'s errors keep their code. */
export function endOfChild(child: ChildProcess, program: string): Promise<void> {
  const complaints: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => complaints.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status === 0) return resolve();
      const words = Buffer.concat(complaints).toString().trim();
      reject(new Error(words || `${program} ended with ${signal ?? `status ${status}`}`));
    });
  });
}
