/* What several ops, and the switch, do with files. */
#ifndef FIRSTLIGHT_FILES_H
#define FIRSTLIGHT_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "call.h"
#include "text.h"

/* "file", "dir", ... of a st_mode */
const char *file_type(mode_t mode);

/* The members of a FileStatus (core/abi/values.ts). */
void json_file_status(struct text *json, const struct stat *status);

/*
 * Opens a file of a virtual file system, and makes it where `mode` is not negative; what it holds stays. -1: the call has failed.
 */
int open_for_writing(struct call *call, const char *path, int mode, bool append);

/* Reads from where `fd` stands to its end. EFBIG beyond `limit` bytes; or the errno, or 0. */
int read_bytes(int fd, size_t limit, struct text *data);

/*
 * Removes everything in the open directory, which it closes. Never follows links, never crosses into another file system or mount. Goes on after
 * a failure: the first errno, or 0. `removed` counts.
 */
int remove_contents(int directory, uint64_t *removed);

#endif
