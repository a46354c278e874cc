import type { Parameters } from "../../hooks/index.js";

/** What has a name of its own in rd.break: dracut's udev is our own, and without a value it is the last moment. */
const otherNames: Record<string, string> = { "pre-udev": "pre-trigger", "1": "switch" };

/** The phases before which rd.break= opens a shell. It may be repeated, or hold several names with commas. */
export function breakpoints(parameters: Parameters): ReadonlySet<string> {
  const names = parameters.all("rd.break").flatMap((value) => value.split(","));
  return new Set(names.map((name) => otherNames[name] ?? name));
}
