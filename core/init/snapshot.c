#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "engine.h"
#include "host.h"

enum { wasm_page = 65536, engine_memory = ENGINE_FIRST_PAGES * wasm_page };

struct run {
  uint32_t address, length;
};

struct header {
  char magic[sizeof SNAPSHOT_MAGIC - 1];
  uint32_t version, runs;
  char engine[sizeof ENGINE_HASH - 1];
  uint64_t bundle;
  uint32_t pages, runtime, context;
  struct run run[SNAPSHOT_MOST_RUNS];
};
_Static_assert(offsetof(struct header, run) == 100 && sizeof(struct header) <= SNAPSHOT_PAGE, "no padding, and at most a page");

/* FNV-1a of bundle.js. False: it cannot be read; that is told when it is evaluated. */
static bool hash_bundle(uint64_t *hash) {
  int file = open(BUNDLE_PATH, O_RDONLY | O_CLOEXEC);
  struct stat status;
  const unsigned char *bytes = MAP_FAILED;
  if (file >= 0 && fstat(file, &status) == 0)
    bytes = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  if (file >= 0)
    close(file);
  if (bytes == MAP_FAILED)
    return false;
  *hash = 0xcbf29ce484222325;
  for (off_t i = 0; i < status.st_size; i++)
    *hash = (*hash ^ bytes[i]) * 0x100000001b3;
  munmap((void *)bytes, status.st_size);
  return true;
}

static bool is_object(uint32_t pointer) {
  return pointer > 0 && pointer % 8 == 0 && pointer < engine_memory - SNAPSHOT_PAGE;
}

/* The runs lie in the memory, in order, and make up the file. */
static bool runs_fit(const struct header *header, off_t size) {
  uint64_t end = 0, total = SNAPSHOT_PAGE;
  for (uint32_t i = 0; i < header->runs; i++) {
    const struct run *run = &header->run[i];
    if (run->address % SNAPSHOT_PAGE || run->length % SNAPSHOT_PAGE || run->address < end || !run->length)
      return false;
    end = (uint64_t)run->address + run->length;
    total += run->length;
  }
  return end <= engine_memory && total == (uint64_t)size;
}

/* What is wrong, or NULL. */
static const char *check(int file, struct header *header) {
  struct stat status;
  uint64_t bundle;
  if (fstat(file, &status) < 0 || read(file, header, sizeof *header) != sizeof *header)
    return "it is cut";
  if (memcmp(header->magic, SNAPSHOT_MAGIC, sizeof header->magic) != 0)
    return "it is not a snapshot";
  if (header->version != SNAPSHOT_VERSION || memcmp(header->engine, ENGINE_HASH, sizeof header->engine) != 0)
    return "it is of another engine";
  if (!hash_bundle(&bundle) || header->bundle != bundle)
    return "it is of another bundle";
  if (header->pages != ENGINE_FIRST_PAGES || header->runs > SNAPSHOT_MOST_RUNS || !is_object(header->runtime) || !is_object(header->context))
    return "its header makes no sense";
  if (!runs_fit(header, status.st_size))
    return "it is cut";
  if (sysconf(_SC_PAGESIZE) > SNAPSHOT_PAGE || (uintptr_t)host_bytes(0, 1) % SNAPSHOT_PAGE)
    return "it does not fit the pages of this machine";
  return NULL;
}

static void map_runs(int file, const struct header *header) {
  off_t offset = SNAPSHOT_PAGE;
  for (uint32_t i = 0; i < header->runs; i++) {
    const struct run *run = &header->run[i];
    int error = host_map(file, offset, run->address, run->length);
    if (error)
      engine_fail("cannot map %s: %s", SNAPSHOT_PATH, errno_name(error));
    offset += run->length;
  }
}

bool snapshot_restore(uint32_t *runtime, uint32_t *context, const char **problem) {
  struct header header;
  int file = open(SNAPSHOT_PATH, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    *problem = errno == ENOENT ? NULL : "it cannot be opened";
    return false;
  }
  *problem = check(file, &header);
  if (!*problem) {
    map_runs(file, &header);
    *runtime = header.runtime;
    *context = header.context;
  }
  close(file);
  return !*problem;
}
