/*
 * A library for ld.so.preload: PID 1, and nobody else, is refused what $REFUSE names, as no real kernel does on demand. "move": a mount point to
 * "/"; "exec": any program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_refused(const char *what) {
  const char *refused = getenv("REFUSE");
  return getpid() == 1 && refused && strcmp(refused, what) == 0;
}

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
  if (!(flags & MS_MOVE) || strcmp(target, "/") != 0 || !is_refused("move"))
    return syscall(SYS_mount, source, target, type, flags, data);
  errno = EBUSY;
  return -1;
}

int execv(const char *path, char *const argv[]) {
  if (!is_refused("exec"))
    return execve(path, argv, environ);
  errno = EIO;
  return -1;
}
