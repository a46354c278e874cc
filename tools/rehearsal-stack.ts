/** Of the thread that a rehearsal runs in: deep recursion in the engine takes several times the stack that QuickJS counts. */
export const stackSizeMb = 64;
