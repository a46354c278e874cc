#include "secrets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct secret {
  int id, fd;
  struct secret *next;
};

static struct secret *secrets;
static int last_id;

int secret_new(int *fd) {
  struct secret *secret = malloc(sizeof *secret);
  if (!secret)
    return 0;
  secret->fd = memfd_create("secret", MFD_CLOEXEC);
  if (secret->fd < 0) {
    free(secret);
    return 0;
  }
  secret->id = ++last_id;
  secret->next = secrets;
  secrets = secret;
  *fd = secret->fd;
  return secret->id;
}

static void overwrite(int fd) {
  static const char zeros[4096];
  off_t size = lseek(fd, 0, SEEK_END);
  for (off_t at = 0; at < size; at += sizeof zeros)
    if (pwrite(fd, zeros, sizeof zeros, at) < 0)
      return;
}

bool secret_forget(int id) {
  for (struct secret **link = &secrets; *link; link = &(*link)->next) {
    struct secret *secret = *link;
    if (secret->id != id)
      continue;
    *link = secret->next;
    overwrite(secret->fd);
    close(secret->fd);
    free(secret);
    return true;
  }
  return false;
}

/* A copy, because a duplicate would share its position with all others. */
static int copy_of(int fd) {
  char buffer[4096];
  int copy = memfd_create("secret", MFD_CLOEXEC);
  ssize_t length = 0;
  for (off_t at = 0; copy >= 0 && (length = pread(fd, buffer, sizeof buffer, at)) > 0; at += length)
    if (write(copy, buffer, length) != length)
      break;
  explicit_bzero(buffer, sizeof buffer);
  if (copy >= 0)
    lseek(copy, 0, SEEK_SET);
  return copy;
}

int secret_open(int id) {
  for (struct secret *secret = secrets; secret; secret = secret->next)
    if (secret->id == id)
      return copy_of(secret->fd);
  errno = EBADF;
  return -1;
}
