/** Runs tasks, so many at a time; in the results' order. Rejects with the first failure, after those that run have ended. */
export async function pooled<Result>(atOnce: number, tasks: readonly (() => Promise<Result>)[]): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = [...tasks.entries()];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next && !failures.length; next = waiting.shift())
      try {
        results[next[0]] = await next[1]();
      } catch (error) {
        failures.push(error);
      }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length) throw failures[0];
  return results;
}
