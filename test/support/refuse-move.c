/* A library for ld.so.preload: the kernel refuses PID 1 to move a mount point to "/", and nobody else, as no real one does on demand. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
  if (getpid() != 1 || !(flags & MS_MOVE) || strcmp(target, "/") != 0)
    return syscall(SYS_mount, source, target, type, flags, data);
  errno = EBUSY;
  return -1;
}
