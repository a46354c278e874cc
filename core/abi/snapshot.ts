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
 * | 8 | hash of bundle.js |
 * | 4 | pages of 64 KiB of the engine's memory |
 * | 4, 4 | where JSRuntime and JSContext are |
 * | 8 each | runs: address, and length in bytes |
 *
 * The content of the runs follows, one after the other: all that is not as WebAssembly makes it before any code has run. Of the rest of an instance, its stack pointer is back at its start between calls, and its table of functions never changes.
 *
 * The hash is FNV-1a, 64 bits, over the bundle's 64-bit words in place of its bytes, the last one (which may have none of them) filled up with zeros, and
 * each step's result is XORed with its own upper half: the product of a word's last byte would stay in the hash's.
 *
 * Whatever the engine took from the clock is frozen in it: the seed of the engine's own Math.random and the origin of performance.now. Boot code
 * sees neither, core/sequencer/determinism.ts puts ops in their place.
 */

/** In ASCII. */
export const snapshotMagic = "1st-snap";
/** Of the layout, and of what engine.c does before it evaluates the bundle. */
export const snapshotVersion = 3;
