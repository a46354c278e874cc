import { moduleSetup } from "firstlight/hooks";

const tags = ["UUID", "LABEL", "PARTUUID", "PARTLABEL"];

export default moduleSetup({
  depends: (host) => ["base", "fs-lib", ...(host.kernel === undefined ? [] : ["kernel-modules"])],
  cmdline({ root }) {
    if (!root) return [];
    const flags = root.flags === undefined ? [] : [`rootflags=${root.flags}`];
    return [`root=${root.device}`, `rootfstype=${root.type}`, ...flags];
  },
  root: [
    ...tags.map((tag) => ({ form: `${tag}=…`, matches: `^(block:)?${tag}=.+` })),
    { form: "/dev/…", matches: "^(block:)?/dev/.+" },
  ],
});
