#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"

/* In assembly: a compiler that saw that there is no archive would leave out what reads one. */
__asm__(".pushsection " OWN_FILES_SECTION ", \"a\", %progbits\n"
        ".balign 8\n"
        ".globl own_files\n"
        "own_files: .ascii \"" OWN_FILES_MAGIC "\"\n"
        ".quad 0\n"
        ".popsection");
extern const struct {
  char magic[8];
  uint64_t size;
  char archive[];
} own_files;

/* cpio(5), "New ASCII Format": a magic of 6 characters, then 13 numbers of 8 hexadecimal digits. */
enum { cpio_header = 110, file_size_at = 6 + 6 * 8, name_size_at = 6 + 11 * 8 };

static size_t number_at(const char *header, size_t at) {
  size_t number = 0;
  for (size_t i = at; i < at + 8; i++)
    number = number * 16 + (header[i] <= '9' ? header[i] - '0' : (header[i] & 7) + 9);
  return number;
}

static size_t padded(size_t length) {
  return (length + 3) & ~(size_t)3;
}

int image_find(const char *archive, size_t size, const char *path, struct image_file *file) {
  for (size_t at = 0; at + cpio_header <= size;) {
    const char *header = archive + at, *name = header + cpio_header;
    uint32_t name_size = number_at(header, name_size_at), file_size = number_at(header, file_size_at);
    size_t content = at + padded(cpio_header + (size_t)name_size), end = content + file_size;
    if (!name_size || end > size || name[name_size - 1])
      return EBADMSG;
    if (strcmp(name, path + 1) == 0) {
      *file = (struct image_file){.bytes = archive + content, .size = file_size};
      return 0;
    }
    at = padded(end);
  }
  return ENOENT;
}

static int map_file(const char *path, struct image_file *file) {
  struct stat status;
  int number = open(path, O_RDONLY | O_CLOEXEC);
  if (number < 0)
    return errno;
  int error = fstat(number, &status) < 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
  *file = (struct image_file){.bytes = ""};
  if (!error && status.st_size) {
    void *bytes = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, number, 0);
    if (bytes == MAP_FAILED)
      error = errno;
    else
      *file = (struct image_file){.bytes = bytes, .size = status.st_size, .mapped = true};
  }
  close(number);
  return error;
}

static struct held {
  const char *path;
  struct image_file file;
} held[2];

void image_hold(const char *path) {
  struct image_file file;
  for (size_t i = 0; i < sizeof held / sizeof *held && !own_files.size; i++)
    if (!held[i].path && map_file(path, &file) == 0) {
      /* Nobody who opens it is to unmap it. */
      file.mapped = false;
      held[i] = (struct held){.path = path, .file = file};
      return;
    }
}

int image_open(const char *path, struct image_file *file) {
  for (size_t i = 0; i < sizeof held / sizeof *held; i++)
    if (held[i].path && strcmp(held[i].path, path) == 0) {
      *file = held[i].file;
      return 0;
    }
  return own_files.size ? image_find(own_files.archive, own_files.size, path, file) : map_file(path, file);
}

void image_close(struct image_file *file) {
  if (file->mapped)
    munmap((void *)file->bytes, file->size);
}
