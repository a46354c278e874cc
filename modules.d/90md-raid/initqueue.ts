import { hook } from "firstlight/hooks";
import { assemblyOf, describeArray } from "./assembly.js";

const remedy =
  "Connect the missing members, or start it in the shell: mdadm --assemble --run /dev/md0 MEMBER… (--force where it was not stopped cleanly). With :optional behind its UUID in rd.md.uuid= the boot goes on without it.";

export default hook({
  async run(boot) {
    const { selection, take, has, seen } = assemblyOf(boot);
    if (selection.kind === "none") return;
    boot.devices.watch(take);
    if (selection.kind !== "named") return;
    const required = selection.arrays.filter(({ optional }) => !optional);
    await Promise.all(
      required.map(async (array) => {
        await boot.wants.until(
          describeArray(array),
          { for: selection.plan?.source ?? "rd.md.uuid", nearest: () => seen(array.uuid), remedy },
          () => has(array.uuid) || undefined,
        );
        selection.plan?.came(array.uuid);
      }),
    );
  },
});
