import { BootError, hook, type Parameters } from "firstlight/hooks";
import { planGroups } from "../90lvm/selection.js";
import { planArrays } from "../90md-raid/selection.js";
import { type PlannedPart, planPath, readPlan } from "./plan.js";

/**
 * Arrays and groups of the file in place of all that come, unless the command line names some. Arrays are assembled as their members come; a group is
 * activated once all required lines above it are there.
 */
export default hook({
  // Before the modules that set them up ask what to.
  priority: 40,
  run({ files, parameters }) {
    if (!files.stat(planPath)) return;
    const parts = readParts(files.read(planPath)).filter((part) => !isOverruled(part, parameters));
    const arrays = parts.filter((part) => part.kind === "array");
    const groups = parts.filter((part) => part.kind === "group");
    const { turn, came } = createOrder(parts);
    if (arrays.length) planArrays({ arrays, source: planPath, came });
    if (!groups.length) return;
    planGroups({
      groups: groups.map(({ name }) => name),
      optional: groups.filter(({ optional }) => optional).map(({ name }) => name),
      source: planPath,
      turn,
      came,
    });
  },
});

function readParts(text: string): PlannedPart[] {
  try {
    return readPlan(text);
  } catch (error) {
    throw new BootError((error as Error).message, "Mend the file, and build the image again with mkinitrd.");
  }
}

/** Does the command line say what is set up of this kind? */
const isOverruled = ({ kind }: PlannedPart, parameters: Parameters): boolean =>
  (kind === "array" ? ["rd.md.uuid"] : ["rd.lvm.lv", "rd.lvm.vg"]).some(parameters.has) ||
  !parameters.flag(kind === "array" ? "rd.md" : "rd.lvm", true);

/** Who waits for whom; by the UUID of an array and the name of a group. */
function createOrder(parts: readonly PlannedPart[]) {
  const keyOf = (part: PlannedPart) => (part.kind === "array" ? part.uuid : part.name);
  const arrivals = new Map(
    parts
      .filter(({ optional }) => !optional)
      .map((part) => {
        let came = () => {};
        const arrival = new Promise<void>((resolve) => {
          came = resolve;
        });
        return [keyOf(part), { arrival, came }];
      }),
  );
  return {
    /** Resolves once all required parts above it are there. */
    async turn(key: string): Promise<void> {
      const above = parts.slice(
        0,
        parts.findIndex((part) => keyOf(part) === key),
      );
      await Promise.all(above.map((part) => arrivals.get(keyOf(part))?.arrival));
    },
    came: (key: string) => arrivals.get(key)?.came(),
  };
}
