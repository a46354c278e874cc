/* Reads the driver index (core/abi/driver-index.ts) in place. Whatever the file holds, it is never read outside of it. */
#ifndef FIRSTLIGHT_DRIVER_INDEX_H
#define FIRSTLIGHT_DRIVER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct driver_index {
  const unsigned char *bytes;
  size_t size;
  uint32_t drivers, chain_entries, buckets, patterns;
  uint32_t drivers_at, chains_at, buckets_at, patterns_at, strings_at;
};

struct driver {
  const char *name, *path, *parameters; /* an empty path: built into the kernel */
  bool blacklisted;
  uint32_t first, length; /* its chain */
  uint32_t size;          /* bytes of the file */
};

/* Of an image's file, which stays mapped. The errno, or 0; EBADMSG: it is no driver index, or cut, or corrupt. */
int driver_index_open(struct driver_index *index, const char *path);
/* The same for bytes that are there already. */
int driver_index_use(struct driver_index *index, const void *bytes, size_t size);

/* Each false return: the index is corrupt (EBADMSG). */
bool driver_get(const struct driver_index *index, uint32_t number, struct driver *driver);
bool driver_chain_entry(const struct driver_index *index, const struct driver *driver, uint32_t entry, struct driver *found);

/* Calls `found` with the number of each driver that answers the alias, each once. The errno, or 0. */
int driver_find(const struct driver_index *index, const char *alias, void (*found)(void *data, uint32_t number), void *data);

/* An alias or driver name as the index has it: - is written _ outside of brackets. False: it is too long to be one. */
enum { longest_alias = 4096 };
bool driver_normalize(const char *alias, char normalized[longest_alias]);

/* finit_module(2); the errno, or 0. EEXIST: it is there already. */
int driver_insert(const char *path, const char *parameters);

#endif
