/** Random choices that are the same in every run. */
export interface Random {
  /** An integer of 0..limit-1. */
  below(limit: number): number;
  of<Item>(items: readonly [Item, ...Item[]] | readonly Item[]): Item;
}

/** A linear congruential generator (Numerical Recipes' constants); its high bits are good enough to choose test inputs. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  return { below, of: (items) => items[below(items.length)] as (typeof items)[number] };
}
