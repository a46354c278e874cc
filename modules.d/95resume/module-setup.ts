import { moduleSetup } from "firstlight/hooks";

export default moduleSetup({
  check({ hostOnly, resume, readFile }) {
    const hasSwap = /^\s*[^#\s]\S*\s+\S+\s+swap\s/m.test(readFile("/etc/fstab") ?? "");
    return hostOnly && (resume || hasSwap) ? "include" : "on-request";
  },
  depends: () => ["base"],
  parameters: {
    // The kernel's own: what it accepts is its matter.
    resume: { schema: { type: "string" }, form: "UUID=…|LABEL=…|PARTUUID=…|PARTLABEL=…|/dev/…|MAJOR:MINOR" },
    resume_offset: { schema: { type: "integer", minimum: 0 }, form: "PAGES" },
    noresume: { schema: { type: "boolean" }, form: "0|1" },
  },
  cmdline({ resume }) {
    if (!resume) return [];
    const { device, offset } = resume;
    return [`resume=${device}`, ...(offset === undefined ? [] : [`resume_offset=${offset}`])];
  },
});
