/* The files that the build has made for PID 1 and the engine (core/abi/image.ts). */
#ifndef FIRSTLIGHT_IMAGE_H
#define FIRSTLIGHT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

struct image_file {
  const char *bytes;
  size_t size;
  bool mapped;
};

/* The content of a file: where files lie in this program (core/abi/static-init.ts) one of those, else of the initramfs. The errno, or 0. */
int image_open(const char *path, struct image_file *file);
void image_close(struct image_file *file);
/* From now on this process and its children have the file, whatever becomes of its name. Where it is missing, image_open says so. */
void image_hold(const char *path);
/* The file of that name in a cpio archive, which may hold anything; the path begins with a slash, names do not. The errno, or 0. */
int image_find(const char *archive, size_t size, const char *path, struct image_file *file);

#endif
