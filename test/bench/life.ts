import { longLife } from "../support/long-life.js";
import { judged } from "./limits.js";

const [stages, orphansOfEach] = [10_000, 10];
/** Milliseconds: then it is ended, with an error. */
const longest = 3_600_000;

/** Prints what PID 1 holds at first and after 10,000 stages with 100,000 orphans, and the memory that came to it. */
export async function reportLife(): Promise<void> {
  const { first, last } = await longLife(stages, orphansOfEach, longest);
  const line = (when: string, { anonymous, addresses, descriptors }: typeof first) =>
    `${when.padEnd(50)}${`${anonymous} KiB`.padStart(11)}${`${addresses} KiB`.padStart(14)}${String(descriptors).padStart(13)}`;
  console.log(
    "A whole system's life (module pid1): what PID 1 holds of its own, its address space, and its open files",
  );
  console.log(line("at first", first));
  console.log(line(`after ${stages} stages, ${stages * orphansOfEach} orphans`, last));
  console.log(judged("memory that came to it", last.anonymous - first.anonymous, 0, "KiB"));
}
