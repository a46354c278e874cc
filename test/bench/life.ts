import { longLife } from "../support/long-life.js";

const [stages, orphansOfEach] = [10_000, 10];
/** Milliseconds. */
const longest = 3_600_000;

/** What PID 1 holds at first and after 10,000 stages with 100,000 orphans, one line each; the memory that came to it, in KiB. */
export async function measureLife(): Promise<{ lines: string[]; growth: number }> {
  const { first, last } = await longLife(stages, orphansOfEach, longest);
  const line = (when: string, { anonymous, addresses, descriptors }: typeof first) =>
    `${when.padEnd(50)}${`${anonymous} KiB`.padStart(11)}${`${addresses} KiB`.padStart(14)}${String(descriptors).padStart(13)}`;
  return {
    lines: [line("at first", first), line(`after ${stages} stages, ${stages * orphansOfEach} orphans`, last)],
    growth: last.anonymous - first.anonymous,
  };
}
