import * as abi from "../abi/index.js";

/** "driverIndexPath" -> "DRIVER_INDEX_PATH" */
function constantName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/**
 * The contract as a C header: every op's name (PID 1 does not link if one has no function), and the paths and numbers of core/abi by their
 * names in capitals.
 */
export function abiHeader(): string {
  // Sorted byte by byte: PID 1 looks them up by halving.
  const names = Object.keys(abi.ops).sort();
  const constants = Object.entries(abi).flatMap(([name, value]) => {
    if (typeof value === "string") return [`#define ${constantName(name)} ${JSON.stringify(value)}`];
    return typeof value === "number" ? [`#define ${constantName(name)} ${value}u`] : [];
  });
  return `/* Generated from core/abi. */
#ifndef FIRSTLIGHT_ABI_H
#define FIRSTLIGHT_ABI_H
#define FIRSTLIGHT_OPS(OP) ${names.map((name) => `OP(${name})`).join(" ")}
${constants.join("\n")}
#endif
`;
}
