/** What keeps a value from being a hook; undefined: it is one. */
export function hookMistake(definition: { run?: unknown; priority?: number } | undefined): string | undefined {
  if (typeof definition?.run !== "function")
    return "a hook needs a function run: write export default hook({ run(boot) { … } })";
  const { priority = 50 } = definition;
  return Number.isInteger(priority) && priority >= 0 && priority < 100
    ? undefined
    : "a hook's priority is a whole number, 0 to 99";
}
