#include "switch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "console.h"
#include "files.h"
#include "process.h"

/* Whether the kernel puts this directory of the new root where the mount can go: a directory, no link out of the new root. */
static bool is_plain_directory(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void move_mount_point(const char *root, const char *path, bool quiet) {
  char target[4096];
  bool fits = (size_t)snprintf(target, sizeof target, "%s%s", root, path) < sizeof target;
  if (fits && is_plain_directory(target) && mount(path, target, NULL, MS_MOVE, NULL) == 0)
    return;
  if (!quiet)
    report("%s does not move into the new root (%s): unmounted", path, is_plain_directory(target) ? errno_name(errno) : "no such directory there");
  if (umount2(path, MNT_DETACH) < 0 && !quiet)
    report("cannot unmount %s: %s", path, errno_name(errno));
}

/* Makes the new root this process's root. The errno, or 0. `gone`: the kernel has taken the old root away. */
static int take_root(const struct last_word *word, bool quiet, bool *gone) {
  /* EINVAL: "/" is no mount point, as in a plain chroot. */
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL)
    return errno;
  for (char **path = word->moves; *path; path++)
    move_mount_point(word->root, *path, quiet);
  if (chdir(word->root) < 0)
    return errno;
  /* The initial rootfs cannot be pivoted (EINVAL): then the new root goes on top of it. */
  *gone = syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0;
  if (!*gone && mount(".", "/", NULL, MS_MOVE, NULL) < 0)
    return errno;
  return chroot(".") < 0 || chdir("/") < 0 ? errno : 0;
}

/* In a mount namespace of its own, so that nothing comes of it: switches, and looks whether init is there. NULL if it is, else what is wrong. */
static const char *objection(const struct last_word *word) {
  bool gone;
  struct stat status;
  if (unshare(CLONE_NEWNS) < 0)
    return "no mount namespace to try the switch in";
  int error = take_root(word, true, &gone);
  if (error == EINVAL)
    return "the new root is no mount point";
  if (error)
    return errno_name(error);
  if (stat(word->init, &status) < 0)
    return errno == ENOENT ? "its init is not there" : errno_name(errno);
  if (!S_ISREG(status.st_mode))
    return "its init is no file";
  return access(word->init, X_OK) < 0 ? "its init cannot be executed" : NULL;
}

/* The same in a child. False: the reason is written. */
static bool will_work(const struct last_word *word, char *reason, size_t size) {
  int ends[2];
  char why[100];
  pid_t child = pipe2(ends, O_CLOEXEC) < 0 ? -1 : fork();
  if (child < 0) {
    snprintf(reason, size, "cannot check the new root: %s", errno_name(errno));
    return false;
  }
  if (child == 0) {
    const char *text = objection(word);
    _exit(text && write(ends[1], text, strlen(text)) < 0);
  }
  int status;
  close(ends[1]);
  ssize_t length = read(ends[0], why, sizeof why - 1);
  close(ends[0]);
  waitpid(child, &status, 0);
  bool good = length == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  why[length > 0 ? length : 0] = 0;
  if (!good)
    snprintf(reason, size, "cannot switch to %s, init %s: %s", word->root, word->init, *why ? why : "the check of it failed");
  return good;
}

/* The old root's files are memory that nobody could free later. Only what certainly is memory, and certainly is not the new root. */
static void delete_old_root(int old_root) {
  struct statfs system;
  struct stat old, new;
  uint64_t removed = 0;
  if (getpid() != 1 || fstatfs(old_root, &system) < 0 || fstat(old_root, &old) < 0 || stat("/", &new) < 0 || old.st_dev == new.st_dev ||
      ((unsigned long)system.f_type != RAMFS_MAGIC && (unsigned long)system.f_type != TMPFS_MAGIC)) {
    close(old_root);
    return;
  }
  int error = remove_contents(old_root, &removed);
  if (error)
    report("not all of the initramfs could be deleted: %s", errno_name(error));
}

void switch_root(const struct last_word *word, char *reason, size_t size) {
  if (!will_work(word, reason, size))
    return;
  bool gone;
  int old_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = take_root(word, false, &gone);
  if (error) {
    snprintf(reason, size, "cannot make %s the root: %s", word->root, errno_name(error));
    close(old_root);
    return;
  }
  if (gone)
    close(old_root);
  else if (old_root >= 0)
    delete_old_root(old_root);
  execv(word->init, word->init_argv);
  snprintf(reason, size, "cannot execute %s in the new root: %s", word->init, errno_name(errno));
}
