/**
 * The engine's memory after it has evaluated the bundle, which PID 1 restores instead of evaluating it. Made by core/generator/snapshot.ts, read by
 * core/init/snapshot.c. Numbers are little-endian, addresses count from the start of the engine's memory.
 *
 * | bytes | what |
 * |---|---|
 * | 8 | snapshotMagic |
 * | 4 | snapshotVersion |
 * | 4 | count of runs |
 * | 64 | engineHash, in hexadecimal |
 * | 8 | FNV-1a, 64 bits, of bundle.js |
 * | 4 | pages of 64 KiB of the engine's memory |
 * | 4, 4 | where JSRuntime and JSContext are |
 * | 8 each | runs: address, and length in bytes |
 *
 * The content of the runs follows, one after the other: all that is not as WebAssembly makes it before any code has run. Of the rest of an instance, its stack pointer is back at its start between calls, and its table of functions never changes.
 *
 * Whatever the engine took from the clock is frozen in it: the seed of the engine's own Math.random and the origin of performance.now. Boot code
 * sees neither, core/sequencer/determinism.ts puts ops in their place.
 */

/** In ASCII. */
export const snapshotMagic = "1st-snap";
/** Of the layout, and of what engine.c does before it evaluates the bundle. */
export const snapshotVersion = 2;
