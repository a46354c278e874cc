#ifndef FIRSTLIGHT_SWITCH_H
#define FIRSTLIGHT_SWITCH_H

#include <stddef.h>

#include "last_word.h"

/*
 * Makes the new root the root and its init this process. Returns only if that fails, with the reason: before anything was taken apart where the
 * new root does not do.
 */
void switch_root(const struct last_word *word, char *reason, size_t size);

#endif
