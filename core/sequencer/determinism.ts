import { instant } from "./door.js";

/** sfc32 by Chris Doty-Humphrey (public domain): numbers in [0, 1) from a seed of 128 bits in hexadecimal. */
function generator(seed: string): () => number {
  let [a = 0, b = 0, c = 0, counter = 0] = (seed.match(/.{8}/g) ?? []).map((word) => Number.parseInt(word, 16));
  return () => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
}

/** Makes time and chance ops like all others, so that a boot can be replayed: `Date` asks `now`, Math.random is seeded by `randomSeed`. */
export function makeDeterministic(): void {
  const Native = Date;
  const now = () => instant("now", {}).realtime;
  globalThis.Date = new Proxy(Native, {
    construct: (_target, given) => Reflect.construct(Native, given.length ? given : [now()]),
    apply: () => String(new Native(now())),
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
  });
  let random: (() => number) | undefined;
  Math.random = () => {
    random ??= generator(instant("randomSeed", {}).seed);
    return random();
  };
}
