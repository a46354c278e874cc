import type { Boot } from "firstlight/hooks";

/** The device that resume= names; undefined: there is none, or the boot is not to look (noresume, hibernate=no and noresume). */
export function resumeDevice({ parameters }: Pick<Boot, "parameters">): string | undefined {
  const isForbidden = parameters.has("noresume") || /^no(resume)?$/.test(parameters.text("hibernate") ?? "");
  const spec = parameters.text("resume");
  return isForbidden || spec === "" || spec === "none" ? undefined : spec;
}

/** Whoever looks for a hibernated system waits for its device no longer. */
export const patience = { isOver: false };

/** It is there once file systems may have been checked or mounted: what has hibernated would not find them as it has left them. */
export const tooLate = "/run/initramfs/resume-too-late";
