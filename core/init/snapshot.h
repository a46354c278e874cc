/* The engine as the build left it after evaluating the bundle (core/abi/snapshot.ts). */
#ifndef FIRSTLIGHT_SNAPSHOT_H
#define FIRSTLIGHT_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Puts the image's snapshot into the memory of an instance that has run nothing yet. False: the memory is as it was, and `problem` says what is
 * wrong with the snapshot, unless there is none.
 */
bool snapshot_restore(uint32_t *runtime, uint32_t *context, const char **problem);

#endif
