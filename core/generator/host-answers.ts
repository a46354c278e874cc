import { posix } from "node:path";
import type { HostFiles } from "./host-files.js";
import { findProgram } from "./install.js";
import type { HostFacts, HostQuestion } from "./setup-guest.js";

/** Answers a module-setup's questions; undefined becomes null. Throws Error where a module asks for what it may not see. */
export type AnswerHost = (question: HostQuestion | "facts", argument: string) => unknown;

/** What a module may read. The others lead into /usr where it is merged. */
const readable = ["/etc", "/usr", "/lib", "/var/lib", "/bin", "/sbin", "/lib32", "/lib64"];
/** Bytes. */
const mostText = 4 << 20;

export function createHostAnswers(
  host: HostFiles,
  facts: HostFacts,
  driverExists: (name: string) => boolean,
  kernelConfig: () => string | undefined = () => undefined,
): AnswerHost {
  /** The path itself if a module may look there; links are judged by where they lead. */
  function permitted(path: string): string {
    const real = host.resolve(path)?.path ?? posix.resolve(path);
    for (const place of [path, real])
      if (!readable.some((folder) => place === folder || posix.normalize(place).startsWith(`${folder}/`)))
        throw new Error(
          `${place} is out of bounds: a module-setup sees /etc, /usr, /lib and /var/lib only: a file that is only to go into the image is asked for by image.file`,
        );
    return path;
  }

  function readFile(path: string): string | undefined {
    const stats = host.resolve(permitted(path))?.stats;
    if (stats && stats.size > mostText) throw new Error(`${path} is larger than ${mostText} bytes`);
    return stats?.isFile() ? host.readText(path) : undefined;
  }

  const answers: Record<HostQuestion | "facts", (argument: string) => unknown> = {
    facts: () => facts,
    findProgram: (name) => {
      if (name.includes("/"))
        throw new Error(`findProgram takes a program's name, not the path ${name}: ask host.exists`);
      return findProgram(host, name);
    },
    exists: (path) => host.resolve(permitted(path)) !== undefined,
    readFile,
    list: (path) => host.list(permitted(path)),
    driverExists,
    kernelConfig,
  };
  return (question, argument) => answers[question](argument);
}
