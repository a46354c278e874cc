#include "snapshot.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "abi.h"
#include "engine.h"
#include "host.h"
#include "image.h"

enum { wasm_page = 65536, engine_memory = ENGINE_FIRST_PAGES * wasm_page, largest_object = 4096 };

struct run {
  uint32_t address, length;
};

struct header {
  char magic[sizeof SNAPSHOT_MAGIC - 1];
  uint32_t version, runs;
  char engine[sizeof ENGINE_HASH - 1];
  uint64_t bundle;
  uint32_t pages, runtime, context;
};
enum { header_size = 100 };
_Static_assert(offsetof(struct header, context) == header_size - 4, "no padding");

static uint64_t hash_step(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x100000001b3;
  return hash ^ hash >> 32;
}

/* Of bundle.js, as core/abi/snapshot.ts says. False: it cannot be read; that is told when it is evaluated. */
static bool hash_bundle(uint64_t *hash) {
  struct image_file bundle;
  if (image_open(BUNDLE_PATH, &bundle))
    return false;
  *hash = 0xcbf29ce484222325;
  uint64_t word;
  size_t at = 0;
  for (; bundle.size - at >= sizeof word; at += sizeof word) {
    memcpy(&word, bundle.bytes + at, sizeof word);
    *hash = hash_step(*hash, word);
  }
  word = 0;
  memcpy(&word, bundle.bytes + at, bundle.size - at);
  *hash = hash_step(*hash, word);
  image_close(&bundle);
  return true;
}

static bool is_object(uint32_t pointer) {
  return pointer > 0 && pointer % 8 == 0 && pointer < engine_memory - largest_object;
}

static struct run run_at(const struct image_file *file, uint32_t number) {
  struct run run;
  memcpy(&run, file->bytes + header_size + (size_t)number * sizeof run, sizeof run);
  return run;
}

/* The runs lie in the memory, in order, and make up the file. */
static bool runs_fit(const struct image_file *file, uint32_t runs) {
  uint64_t end = 0, total = header_size + (uint64_t)runs * sizeof(struct run);
  if (!runs || total > file->size)
    return false;
  for (uint32_t i = 0; i < runs; i++) {
    struct run run = run_at(file, i);
    if (run.address < end || !run.length)
      return false;
    end = (uint64_t)run.address + run.length;
    total += run.length;
  }
  return end <= engine_memory && total == file->size;
}

/* What is wrong, or NULL. */
static const char *check(const struct image_file *file, struct header *header) {
  uint64_t bundle;
  if (file->size < header_size)
    return "it is cut";
  memcpy(header, file->bytes, header_size);
  if (memcmp(header->magic, SNAPSHOT_MAGIC, sizeof header->magic) != 0)
    return "it is not a snapshot";
  if (header->version != SNAPSHOT_VERSION || memcmp(header->engine, ENGINE_HASH, sizeof header->engine) != 0)
    return "it is of another engine";
  if (!hash_bundle(&bundle) || header->bundle != bundle)
    return "it is of another bundle";
  if (header->pages != ENGINE_FIRST_PAGES || !is_object(header->runtime) || !is_object(header->context))
    return "its header makes no sense";
  if (!runs_fit(file, header->runs))
    return "it is cut";
  return NULL;
}

static void copy_runs(const struct image_file *file, uint32_t runs) {
  const char *content = file->bytes + header_size + (size_t)runs * sizeof(struct run);
  for (uint32_t i = 0; i < runs; i++) {
    struct run run = run_at(file, i);
    /* Not memcpy: with -Os that is one instruction of x86, which takes as long as one for each byte in an emulated machine. */
    memmove(host_bytes(run.address, run.length), content, run.length);
    content += run.length;
  }
}

bool snapshot_restore(uint32_t *runtime, uint32_t *context, const char **problem) {
  struct header header;
  struct image_file file;
  int error = image_open(SNAPSHOT_PATH, &file);
  if (error) {
    *problem = error == ENOENT ? NULL : "it cannot be read";
    return false;
  }
  *problem = check(&file, &header);
  if (!*problem) {
    copy_runs(&file, header.runs);
    *runtime = header.runtime;
    *context = header.context;
  }
  image_close(&file);
  return !*problem;
}
