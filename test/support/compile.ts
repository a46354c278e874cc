import { run } from "./run.js";

const options = ["-O2", "-Wall", "-Wextra", "-Werror"];

/** Compiles one C file to a program that needs nothing of the system that it runs on. */
export async function compileStatic(source: string, program: string, more: readonly string[] = []): Promise<void> {
  await run(["gcc", ...options, "-static", ...more, "-o", program, source]);
}

/** Compiles one C file to a shared library. */
export async function compileShared(source: string, library: string, more: readonly string[] = []): Promise<void> {
  await run(["gcc", ...options, "-shared", "-fPIC", ...more, "-o", library, source]);
}
