#include "driver_index.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi.h"
#include "image.h"

enum { word = 4, lengths_at = 48, longest_prefix = 255, most_matches = 64 };

static uint32_t word_at(const struct driver_index *index, uint64_t at) {
  const unsigned char *b = index->bytes + at;
  return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
}

static bool holds(const struct driver_index *index, uint32_t at, uint64_t count, uint32_t words) {
  return at % word == 0 && at + count * words * word <= index->size;
}

int driver_index_use(struct driver_index *index, const void *bytes, size_t size) {
  *index = (struct driver_index){.bytes = bytes, .size = size};
  if (size < DRIVER_INDEX_HEADER_SIZE || word_at(index, 0) != DRIVER_INDEX_MAGIC || word_at(index, 4) != DRIVER_INDEX_VERSION ||
      word_at(index, 8) != size)
    return EBADMSG;
  uint32_t *const fields[] = {&index->drivers,    &index->chain_entries, &index->buckets,     &index->patterns,   &index->drivers_at,
                              &index->chains_at, &index->buckets_at,    &index->patterns_at, &index->strings_at};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    *fields[i] = word_at(index, 12 + i * word);
  bool power_of_two = index->buckets && !(index->buckets & (index->buckets - 1));
  /* Every string ends within the file if the last one does. */
  bool good = power_of_two && holds(index, index->drivers_at, index->drivers, DRIVER_RECORD_WORDS) &&
              holds(index, index->chains_at, index->chain_entries, 1) && holds(index, index->buckets_at, (uint64_t)index->buckets + 1, 1) &&
              holds(index, index->patterns_at, index->patterns, PATTERN_RECORD_WORDS) && index->strings_at < size &&
              index->bytes[size - 1] == 0;
  return good ? 0 : EBADMSG;
}

int driver_index_open(struct driver_index *index, const char *path) {
  struct image_file file;
  int error = image_open(path, &file);
  if (error)
    return error;
  error = driver_index_use(index, file.bytes, file.size);
  if (error)
    image_close(&file);
  return error;
}

/* A string by its offset from the start of the strings. */
static const char *string_at(const struct driver_index *index, uint32_t offset) {
  uint64_t at = (uint64_t)index->strings_at + offset;
  return at < index->size ? (const char *)index->bytes + at : NULL;
}

bool driver_get(const struct driver_index *index, uint32_t number, struct driver *driver) {
  if (number >= index->drivers)
    return false;
  uint64_t at = index->drivers_at + (uint64_t)number * DRIVER_RECORD_WORDS * word;
  driver->name = string_at(index, word_at(index, at));
  driver->path = string_at(index, word_at(index, at + word));
  driver->parameters = string_at(index, word_at(index, at + 2 * word));
  driver->blacklisted = word_at(index, at + 3 * word) & DRIVER_BLACKLISTED;
  driver->first = word_at(index, at + 4 * word);
  driver->length = word_at(index, at + 5 * word);
  driver->size = word_at(index, at + 6 * word);
  return driver->name && driver->path && driver->parameters && (uint64_t)driver->first + driver->length <= index->chain_entries;
}

bool driver_chain_entry(const struct driver_index *index, const struct driver *driver, uint32_t entry, struct driver *found) {
  return driver_get(index, word_at(index, index->chains_at + ((uint64_t)driver->first + entry) * word), found);
}

bool driver_normalize(const char *alias, char normalized[longest_alias]) {
  size_t length = strlen(alias);
  bool in_brackets = false;
  if (length >= longest_alias)
    return false;
  for (size_t i = 0; i <= length; i++) {
    in_brackets = alias[i] == '[' || (in_brackets && alias[i] != ']');
    normalized[i] = alias[i] == '-' && !in_brackets ? '_' : alias[i];
  }
  return true;
}

struct search {
  const struct driver_index *index;
  const char *alias;
  uint32_t numbers[most_matches];
  size_t count;
};

static void remember(struct search *search, uint32_t number) {
  for (size_t i = 0; i < search->count; i++)
    if (search->numbers[i] == number)
      return;
  if (search->count < most_matches)
    search->numbers[search->count++] = number;
}

/* Matches the alias with the patterns whose literal prefix has this hash and length. */
static bool visit_bucket(struct search *search, uint32_t hash, uint32_t length) {
  const struct driver_index *index = search->index;
  uint64_t bucket = index->buckets_at + (uint64_t)(hash & (index->buckets - 1)) * word;
  uint32_t pattern = word_at(index, bucket), end = word_at(index, bucket + word);
  if (end > index->patterns)
    return false;
  for (; pattern < end; pattern++) {
    uint64_t at = index->patterns_at + (uint64_t)pattern * PATTERN_RECORD_WORDS * word;
    if (word_at(index, at) != hash || word_at(index, at + word) != length)
      continue;
    const char *glob = string_at(index, word_at(index, at + 2 * word));
    if (!glob)
      return false;
    if (fnmatch(glob, search->alias, 0) == 0)
      remember(search, word_at(index, at + 3 * word));
  }
  return true;
}

int driver_find(const struct driver_index *index, const char *alias, void (*found)(void *data, uint32_t number), void *data) {
  char normalized[longest_alias];
  if (!driver_normalize(alias, normalized))
    return 0;
  struct search search = {.index = index, .alias = normalized};
  uint32_t hash = FNV_OFFSET;
  for (uint32_t length = 0; length <= longest_prefix; length++) {
    bool occurs = word_at(index, lengths_at + length / 32 * word) >> length % 32 & 1;
    if (occurs && !visit_bucket(&search, hash, length))
      return EBADMSG;
    if (!normalized[length])
      break;
    hash = (hash ^ (unsigned char)normalized[length]) * FNV_PRIME;
  }
  for (size_t i = 0; i < search.count; i++)
    found(data, search.numbers[i]);
  return 0;
}

int driver_insert(const char *path, const char *parameters) {
  enum { compressed = 4 /* MODULE_INIT_COMPRESSED_FILE, since Linux 5.17 */ };
  size_t length = strlen(path);
  int flags = length > 3 && strcmp(path + length - 3, ".ko") == 0 ? 0 : compressed;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return errno;
  int error = syscall(SYS_finit_module, file, parameters, flags) < 0 ? errno : 0;
  close(file);
  return error;
}
