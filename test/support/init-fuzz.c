/*
 * Feeds PID 1's parsers with what the test made, under ASan and UBSan. Usage:
 *   json FILE: FILE holds texts, each after its length in 4 bytes (little-endian). Prints a line for each: "-" if it is no JSON, "+" if it is.
 *   bytes COUNT SEED: random bytes as JSON strings and back.
 *   index FILE COUNT SEED: looks aliases up in COUNT damaged copies of the driver index FILE.
 *   find FILE PATH SEED: prints a file of the cpio archive FILE.
 *   archive FILE COUNT SEED: looks for a file in COUNT damaged copies of the cpio archive FILE.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver_index.h"
#include "image.h"
#include "json.h"
#include "last_word.h"
#include "text.h"

static uint64_t state;

/* splitmix64 (Sebastiano Vigna, public domain) */
static uint64_t next(void) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static _Noreturn void stop(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) < 0)
    stop("cannot read the file");
  *size = ftell(file);
  rewind(file);
  char *bytes = malloc(*size);
  if (fread(bytes, 1, *size, file) != *size)
    stop("cannot read the file");
  fclose(file);
  return bytes;
}

/* A copy of exactly that size, so that ASan sees every byte too far; the parser asks for the NUL. */
static bool is_json(const char *text, size_t length) {
  struct last_word word = {0};
  struct rescue_policy policy;
  char *copy = malloc(length + 1);
  memcpy(copy, text, length);
  copy[length] = 0;
  struct json *json = json_read(copy, length);
  if (json) {
    last_word_read(json, &word);
    last_word_free(&word);
    rescue_policy_read(json, &policy);
  }
  bool good = json != NULL;
  free(json);
  free(copy);
  return good;
}

static void check_texts(const char *path) {
  size_t size;
  char *bytes = read_file(path, &size);
  for (size_t at = 0; at + 4 <= size;) {
    uint32_t length;
    memcpy(&length, bytes + at, 4);
    if (length > size - at - 4)
      stop("the file is cut");
    puts(is_json(bytes + at + 4, length) ? "+" : "-");
    at += 4 + length;
  }
  free(bytes);
}

static void check_bytes(long count) {
  for (long i = 0; i < count; i++) {
    char bytes[64];
    struct text text = {0};
    size_t length = next() % sizeof bytes;
    for (size_t at = 0; at < length; at++)
      bytes[at] = next() % 2 ? 0x80 | next() : next();
    json_bytes(&text, bytes, length);
    struct json *json = json_read(text.bytes, text.length);
    if (!json || json->type != JSON_STRING || json->length != length || memcmp(json->bytes, bytes, length) != 0)
      stop("bytes do not come back");
    free(json);
    text_free(&text);
  }
}

static void look_at(void *data, uint32_t number) {
  const struct driver_index *index = data;
  struct driver driver, file;
  if (driver_get(index, number, &driver))
    for (uint32_t i = 0; i < driver.length && driver_chain_entry(index, &driver, i, &file); i++)
      if (strlen(file.name) + strlen(file.path) + strlen(file.parameters) > index->size * 3)
        stop("a string is longer than the index");
}

static void check_index(const char *path, long count) {
  static const char *const aliases[] = {"virtio:d00000002v00001AF4", "pci:v00008086d00001234sv1sd2bc01sc06i01", "ext4", "usb:v1d6bp1", ""};
  size_t size;
  char *good = read_file(path, &size);
  for (long i = 0; i < count; i++) {
    size_t length = next() % 4 ? size : next() % size;
    char *bytes = malloc(length ? length : 1);
    struct driver_index index;
    memcpy(bytes, good, length);
    if (length >= 12 && next() % 2)
      memcpy(bytes + 8, &(uint32_t){length}, 4);
    /* Mostly in the header and the words, which lead elsewhere. */
    for (int changes = next() % 4; length >= 4 && changes; changes--) {
      uint32_t value = next() % 2 ? next() : next() % (2 * size);
      memcpy(bytes + next() % (length / 4) * 4, &value, 4);
    }
    if (length && next() % 8 == 0)
      bytes[length - 1] = 'x';
    if (driver_index_use(&index, bytes, length) == 0)
      for (size_t n = 0; n < sizeof aliases / sizeof *aliases; n++)
        driver_find(&index, aliases[n], look_at, &index);
    free(bytes);
  }
  free(good);
}

static void print_member(const char *path, const char *member) {
  struct image_file file;
  size_t size;
  char *bytes = read_file(path, &size);
  int error = image_find(bytes, size, member, &file);
  if (error)
    stop(strerror(error));
  fwrite(file.bytes, 1, file.size, stdout);
  free(bytes);
}

static void check_archive(const char *path, long count) {
  size_t size;
  char *good = read_file(path, &size);
  for (long i = 0; i < count; i++) {
    size_t length = next() % 2 ? size : next() % size;
    char *bytes = malloc(length ? length : 1);
    struct image_file file;
    memcpy(bytes, good, length);
    for (int changes = next() % 4; length && changes; changes--)
      bytes[next() % length] = next() % 4 ? "0123456789abcdefABCDEF"[next() % 22] : (char)next();
    if (image_find(bytes, length, "/usr/lib/three", &file) == 0 &&
        (file.bytes < bytes || file.size > length || file.bytes + file.size > bytes + length))
      stop("a file lies outside of its archive");
    free(bytes);
  }
  free(good);
}

int main(int argc, char **argv) {
  if (argc < 3)
    stop("usage: see the source");
  state = strtoul(argv[argc - 1], NULL, 10);
  if (strcmp(argv[1], "json") == 0)
    check_texts(argv[2]);
  else if (strcmp(argv[1], "bytes") == 0)
    check_bytes(atol(argv[2]));
  else if (strcmp(argv[1], "find") == 0)
    print_member(argv[2], argv[3]);
  else if (strcmp(argv[1], "archive") == 0)
    check_archive(argv[2], atol(argv[3]));
  else
    check_index(argv[2], atol(argv[3]));
  return 0;
}
