#ifndef FIRSTLIGHT_SWITCH_H
#define FIRSTLIGHT_SWITCH_H

#include <stddef.h>

#include "last_word.h"

enum { longest_objection = 400 };

/*
 * Does all of a switch in a mount namespace of its own, up to init's first instruction, so that nothing comes of it; the caller can only end after
 * it. Writes what speaks against the switch, empty: nothing.
 */
void switch_try(const struct last_word *word, char *objection, size_t size);

/*
 * Makes the new root the root and its init this process. Returns only if that fails, with the reason: before anything was taken apart where the
 * new root does not do.
 */
void switch_root(const struct last_word *word, char *reason, size_t size);

#endif
