#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "abi.h"
#include "call.h"
#include "console.h"
#include "engine.h"

enum {
  page_size = 65536,
  /* 48 MiB: in a guest of 128 MiB the engine runs out of memory before the kernel does (1536 pages woke its OOM killer). */
  most_pages = 768,
};

ENGINE_INSTANCE engine_instance;
static wasm_rt_memory_t memory;

wasm_rt_memory_t *HOST_MEMORY(struct ENGINE_HOST *host) {
  (void)host;
  return &memory;
}

static void advise(void *start, size_t length) {
  /* A kernel without huge pages refuses this. With them, the first touch of a page would clear 2 MiB, and few are touched. */
  madvise(start, length, MADV_NOHUGEPAGE);
  /* Jobs are children by fork(2) that never look into this memory: they need no copies of its pages, nor page faults afterwards. */
  madvise(start, length, MADV_DONTFORK);
}

/*
 * At the one address that the translated module knows. What it can reach beyond the memory's end, an address of 32 bits and an offset of 32 bits, is kept
 * from everybody else, so that a wild access is a trap.
 */
static void allocate_memory(void) {
#ifdef __SANITIZE_ADDRESS__
  const size_t reach = 0x7fff7000 - ENGINE_MEMORY; /* what is above is its own */
#else
  const size_t reach = 1ul << 33;
#endif
  const size_t first = (size_t)ENGINE_FIRST_PAGES * page_size;
  void *start = (void *)ENGINE_MEMORY;
  if (mmap(start, reach, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != start ||
      mprotect(start, first, PROT_READ | PROT_WRITE) != 0)
    engine_fail("no memory for the engine: %s", errno_name(errno));
  memory = (wasm_rt_memory_t){.data = start, .size = first, .pages = ENGINE_FIRST_PAGES, .max_pages = most_pages};
}

void host_start(void) {
  allocate_memory();
  advise(memory.data, memory.size);
  engine_instantiate(&engine_instance, NULL);
}

char *host_bytes(uint32_t pointer, uint32_t length) {
  if ((uint64_t)pointer + length > memory.size)
    wasm_rt_trap(WASM_RT_TRAP_OOB);
  return (char *)memory.data + pointer;
}

static void put32(uint32_t pointer, uint32_t value) {
  memcpy(host_bytes(pointer, sizeof value), &value, sizeof value);
}

uint32_t HOST_RESIZE_HEAP(struct ENGINE_HOST *host, uint32_t size) {
  (void)host;
  uint64_t pages = ((uint64_t)size + page_size - 1) / page_size, old = memory.pages;
  if (pages <= old)
    return 1;
  engine_memory_short();
  if ((uint32_t)wasm_rt_grow_memory(&memory, pages - old) == UINT32_MAX)
    return 0;
  advise(memory.data + old * page_size, (pages - old) * page_size);
  return 1;
}

uint32_t HOST_CALL_FUNCTION(struct ENGINE_HOST *host, uint32_t context, uint32_t this, uint32_t argc, uint32_t argv, uint32_t id) {
  (void)host, (void)this, (void)id;
  return engine_call_function(context, argc, argv);
}

uint32_t HOST_INTERRUPT_HANDLER(struct ENGINE_HOST *host, uint32_t runtime) {
  (void)host, (void)runtime;
  return engine_interrupted();
}

static double milliseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1000000;
}

double HOST_DATE_NOW(struct ENGINE_HOST *host) {
  (void)host;
  return milliseconds(CLOCK_REALTIME);
}

uint32_t HOST_CLOCK_TIME_GET(struct ENGINE_HOST *host, uint32_t clock, uint64_t precision, uint32_t result) {
  (void)host, (void)precision;
  uint64_t nanoseconds = (uint64_t)milliseconds(clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC) * 1000000;
  memcpy(host_bytes(result, sizeof nanoseconds), &nanoseconds, sizeof nanoseconds);
  return 0;
}

/* Local time is UTC: an initramfs has no time zone. `result` is musl's struct tm, eleven ints. */
void HOST_LOCALTIME(struct ENGINE_HOST *host, uint64_t seconds, uint32_t result) {
  (void)host;
  time_t time = (time_t)seconds;
  struct tm tm;
  if (!gmtime_r(&time, &tm))
    tm = (struct tm){.tm_mday = 1};
  const int fields[] = {tm.tm_sec, tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon, tm.tm_year, tm.tm_wday, tm.tm_yday, 0, 0};
  memcpy(host_bytes(result, sizeof fields), fields, sizeof fields);
}

void HOST_TZSET(struct ENGINE_HOST *host, uint32_t timezone, uint32_t daylight, uint32_t standard_name, uint32_t daylight_name) {
  (void)host;
  put32(timezone, 0);
  put32(daylight, 0);
  memcpy(host_bytes(standard_name, 4), "UTC", 4);
  memcpy(host_bytes(daylight_name, 4), "UTC", 4);
}

uint32_t HOST_ENVIRON_SIZES_GET(struct ENGINE_HOST *host, uint32_t count, uint32_t size) {
  (void)host;
  put32(count, 0);
  put32(size, 0);
  return 0;
}

uint32_t HOST_ENVIRON_GET(struct ENGINE_HOST *host, uint32_t list, uint32_t bytes) {
  (void)host, (void)list, (void)bytes;
  return 0;
}

/* The module's C library writes a message here before it aborts. */
uint32_t HOST_FD_WRITE(struct ENGINE_HOST *host, uint32_t file, uint32_t vectors, uint32_t count, uint32_t written) {
  (void)host, (void)file;
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t vector[2];
    memcpy(vector, host_bytes(vectors + i * sizeof vector, sizeof vector), sizeof vector);
    console_write(host_bytes(vector[0], vector[1]), vector[1]);
    total += vector[1];
  }
  put32(written, total);
  return 0;
}

uint32_t HOST_FD_CLOSE(struct ENGINE_HOST *host, uint32_t file) {
  (void)host, (void)file;
  return 52; /* WASI: ENOSYS */
}

uint32_t HOST_FD_SEEK(struct ENGINE_HOST *host, uint32_t file, uint64_t offset, uint32_t whence, uint32_t result) {
  (void)host, (void)file, (void)offset, (void)whence, (void)result;
  return 70; /* WASI: ESPIPE */
}

void HOST_ASSERT_FAIL(struct ENGINE_HOST *host, uint32_t condition, uint32_t file, uint32_t line, uint32_t function) {
  (void)host, (void)file, (void)function;
  engine_fail("the engine's assertion failed in line %u: %.200s", line, host_bytes(condition, 200));
}

void HOST_ABORT(struct ENGINE_HOST *host) {
  (void)host;
  engine_fail("the engine aborted");
}

void HOST_PROC_EXIT(struct ENGINE_HOST *host, uint32_t status) {
  (void)host;
  engine_fail("the engine exited with status %u", status);
}

/* Never asked: timers and modules are not used. */
uint32_t HOST_SETITIMER(struct ENGINE_HOST *host, uint32_t which, double timeout) {
  (void)host, (void)which, (void)timeout;
  return 0;
}

void HOST_KEEPALIVE_CLEAR(struct ENGINE_HOST *host) {
  (void)host;
}

void HOST_REF_FREE(struct ENGINE_HOST *host, uint32_t runtime, uint32_t id) {
  (void)host, (void)runtime, (void)id;
}

uint32_t HOST_NORMALIZE_MODULE(struct ENGINE_HOST *host, uint32_t runtime, uint32_t context, uint32_t base, uint32_t name) {
  (void)host, (void)runtime, (void)context, (void)base, (void)name;
  engine_fail("the engine asked for a module: the bundle has to be one script");
}

uint32_t HOST_LOAD_MODULE_SOURCE(struct ENGINE_HOST *host, uint32_t runtime, uint32_t context, uint32_t name) {
  (void)host, (void)runtime, (void)context, (void)name;
  engine_fail("the engine asked for a module: the bundle has to be one script");
}
