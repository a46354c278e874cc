/** What the engine's C library asks its host, answered as core/init/host.c does, but for a clock that stands still: equal input, equal memory. */

/** Letters of these imports in the engine's WebAssembly, by their names in core/init/glue.ts. */
export const importLetters = {
  HOST_ENVIRON_GET: "e",
  HOST_ENVIRON_SIZES_GET: "f",
  HOST_LOCALTIME: "m",
  HOST_TZSET: "n",
  HOST_DATE_NOW: "p",
  HOST_CLOCK_TIME_GET: "q",
} as const;

/** The imports by their letters: no environment, UTC, 1970. `memory` is the engine's. */
export function engineHost(memory: { readonly buffer: ArrayBuffer }): Record<string, (...args: never[]) => unknown> {
  const put32 = (pointer: number, value: number) => new DataView(memory.buffer).setInt32(pointer, value, true);
  return {
    [importLetters.HOST_ENVIRON_SIZES_GET]: (count: number, size: number) => {
      put32(count, 0);
      put32(size, 0);
      return 0;
    },
    [importLetters.HOST_ENVIRON_GET]: () => 0,
    // `result` is musl's struct tm.
    [importLetters.HOST_LOCALTIME]: (seconds: bigint, result: number) => {
      const time = new Date(Number(seconds) * 1000);
      const [year, month, day] = [time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()];
      const dayOfYear = (Date.UTC(year, month, day) - Date.UTC(year, 0, 1)) / 86_400_000;
      const clock = [time.getUTCSeconds(), time.getUTCMinutes(), time.getUTCHours()];
      const fields = [...clock, day, month, year - 1900, time.getUTCDay(), dayOfYear, 0, 0];
      for (const [index, value] of fields.entries()) put32(result + 4 * index, value);
    },
    [importLetters.HOST_TZSET]: (timezone: number, daylight: number, standardName: number, daylightName: number) => {
      const utc = 0x43_54_55; // "UTC" and its NUL
      for (const [pointer, value] of [
        [timezone, 0],
        [daylight, 0],
        [standardName, utc],
        [daylightName, utc],
      ] as const)
        put32(pointer, value);
    },
    [importLetters.HOST_DATE_NOW]: () => 0,
    [importLetters.HOST_CLOCK_TIME_GET]: (_clock: number, _precision: bigint, result: number) => {
      new DataView(memory.buffer).setBigUint64(result, 0n, true);
      return 0;
    },
  };
}
