/**
 * sha256 of the one emscripten-module.wasm that all of firstlight runs, in PID 1 and on the host. Known of it by heart are a place in its memory
 * (core/init/engine.c) and some letters of its imports (core/rehearsal/engine-host.ts).
 */
export const engineHash = "b56fe5094b8751c47b8c32fb5ed4d75afe2dbb43412d3d983ac5d1156af456da";
/** Its memory at the start, in pages of 64 KiB. */
export const engineFirstPages = 256;
