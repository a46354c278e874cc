import type { Layer } from "firstlight/hooks";

/** Does the machine need it to boot? It does not for swap, and what --add-device names. What else waits for a device waits for it in any case. */
export const isRequired = ({ points }: Layer): boolean => points.some((point) => point === "/" || point === "/usr");
