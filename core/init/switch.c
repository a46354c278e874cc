#include "switch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
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

/* Where it is in the new root; empty: no path can be that long. */
static void path_in_root(const struct last_word *word, const char *path, char target[PATH_MAX]) {
  if (snprintf(target, PATH_MAX, "%s%s", word->root, path) >= PATH_MAX)
    *target = 0;
}

static void move_mount_point(const struct last_word *word, const char *path, bool quiet) {
  char target[PATH_MAX];
  path_in_root(word, path, target);
  if (is_plain_directory(target) && mount(path, target, NULL, MS_MOVE, NULL) == 0)
    return;
  if (!quiet)
    report("%s does not move into the new root (%s): unmounted", path, is_plain_directory(target) ? errno_name(errno) : "no such directory there");
  if (umount2(path, MNT_DETACH) < 0 && !quiet)
    report("cannot unmount %s: %s", path, errno_name(errno));
}

/* What the emergency path needs is where it was. What has not moved gives an error that says nothing. */
static void move_back(const struct last_word *word) {
  char target[PATH_MAX];
  for (char **path = word->moves; *path; path++) {
    path_in_root(word, *path, target);
    (void)mount(target, *path, NULL, MS_MOVE, NULL);
  }
}

/* Makes the new root this process's root. The errno, or 0. */
static int take_root(const struct last_word *word, bool quiet) {
  /* EINVAL: "/" is no mount point, as in a plain chroot. */
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL)
    return errno;
  for (char **path = word->moves; *path; path++)
    move_mount_point(word, *path, quiet);
  if (chdir(word->root) < 0)
    return errno;
  /* The initial rootfs cannot be pivoted (EINVAL): then the new root goes on top of it. */
  bool gone = syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0;
  if (!gone && mount(".", "/", NULL, MS_MOVE, NULL) < 0) {
    int error = errno;
    chdir("/");
    move_back(word);
    return error;
  }
  return chroot(".") < 0 || chdir("/") < 0 ? errno : 0;
}

/*
 * Has the kernel load init, its interpreter included, and kills it before its first instruction: a traced process stops there. The errno, or 0,
 * also where nothing can be traced.
 */
static int try_execute(const struct last_word *word) {
  int status;
  /* vfork(2) copies no page tables: those of the engine, where this is a job of it, cost more than all the rest. */
  pid_t child = vfork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
      _exit(0);
    execv(word->init, word->init_argv);
    _exit(errno);
  }
  if (child < 0 || waitpid(child, &status, 0) < 0)
    return errno;
  if (WIFEXITED(status))
    return WEXITSTATUS(status);
  if (!WIFSTOPPED(status))
    return ENOEXEC;
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return 0;
}

/* Of a file that is there, and what came of the attempt to execute it. */
static const char *execution_failure(int error, mode_t mode) {
  if (S_ISDIR(mode))
    return "is a directory";
  if (!S_ISREG(mode))
    return "is no file";
  if (!(mode & 0111))
    return "is not executable";
  switch (error) {
  case ENOENT:
    return "needs a program to run it (the one after #!, or a loader) that is not there";
  case ENOEXEC:
    return "is no program for this machine, nor a script that starts with #!";
  case EACCES:
    return "may not be executed: it, or the program that runs it, is on a file system mounted noexec, or that program is not executable";
  default:
    return errno_name(error);
  }
}

void switch_try(const struct last_word *word, char *objection, size_t size) {
  struct stat status;
  *objection = 0;
  int error = unshare(CLONE_NEWNS) < 0 ? errno : take_root(word, true);
  if (error)
    snprintf(objection, size, "%s %s", word->root, error == EINVAL ? "is no mount point" : errno_name(error));
  else if (stat(word->init, &status) < 0)
    snprintf(objection, size, "%s %s", word->init, errno == ENOENT ? "is not there, or a link to nothing" : errno_name(errno));
  else if ((error = try_execute(word)))
    snprintf(objection, size, "%s %s", word->init, execution_failure(error, status.st_mode));
}

/* The same in a child. False: the reason is written. */
static bool will_work(const struct last_word *word, char *reason, size_t size) {
  int ends[2];
  char objection[longest_objection];
  pid_t child = pipe2(ends, O_CLOEXEC) < 0 ? -1 : fork();
  if (child < 0) {
    snprintf(reason, size, "cannot check the new root: %s", errno_name(errno));
    return false;
  }
  if (child == 0) {
    /* A trap stops the init that is tried. */
    signals_unblock();
    switch_try(word, objection, sizeof objection);
    _exit(write(ends[1], objection, strlen(objection)) < 0);
  }
  int status;
  close(ends[1]);
  ssize_t length = read(ends[0], objection, sizeof objection - 1);
  close(ends[0]);
  waitpid(child, &status, 0);
  bool good = length == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  objection[length > 0 ? length : 0] = 0;
  if (!good)
    snprintf(reason, size, "cannot switch to %s: %s", word->root, *objection ? objection : "the check of it failed");
  return good;
}

/* Only what certainly is memory, and certainly is not the new root. */
static bool is_to_be_deleted(int old_root) {
  struct statfs system;
  struct stat old, new;
  return getpid() == 1 && fstatfs(old_root, &system) == 0 && fstat(old_root, &old) == 0 && stat("/", &new) == 0 && old.st_dev != new.st_dev &&
         ((unsigned long)system.f_type == RAMFS_MAGIC || (unsigned long)system.f_type == TMPFS_MAGIC);
}

/* Waits until `init_runs` says nothing and ends, which is when execve(2) has closed its other end. */
_Noreturn static void delete_when(int init_runs, int old_root) {
  char refused;
  uint64_t removed = 0;
  process_reset();
  /* Not to hold the new root. */
  if (fchdir(old_root) < 0 || chroot(".") < 0 || read(init_runs, &refused, 1) != 0)
    _exit(1);
  int error = remove_contents(old_root, &removed);
  if (error)
    report("not all of the initramfs could be deleted: %s", errno_name(error));
  _exit(0);
}

/*
 * The old root's files are memory that nobody could free later, also where the kernel has let go of it and a process has not. A child deletes them
 * once the new init runs: it need not wait for that, and until then there is something to go back to. Gives what to write to if it does not run.
 */
static int start_deletion(int old_root) {
  int ends[2];
  pid_t child = pipe2(ends, O_CLOEXEC) < 0 ? -1 : fork();
  if (child == 0) {
    close(ends[1]);
    delete_when(ends[0], old_root);
  }
  if (child < 0) {
    report("the initramfs cannot be deleted: %s", errno_name(errno));
    return -1;
  }
  close(ends[0]);
  return ends[1];
}

void switch_root(const struct last_word *word, char *reason, size_t size) {
  if (!will_work(word, reason, size))
    return;
  int old_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = take_root(word, false);
  if (error) {
    snprintf(reason, size, "cannot make %s the root: %s", word->root, errno_name(error));
    close(old_root);
    return;
  }
  int deletion = old_root >= 0 && is_to_be_deleted(old_root) ? start_deletion(old_root) : -1;
  signals_unblock();
  execv(word->init, word->init_argv);
  signals_block();
  snprintf(reason, size, "cannot execute %s in the new root: %s", word->init, errno_name(errno));
  /* What follows happens in the initramfs, which has to stay as it is. */
  bool kept = deletion < 0 || write(deletion, "", 1) == 1;
  if (!kept || fchdir(old_root) < 0 || chroot(".") < 0)
    report("cannot go back into the initramfs: %s", errno_name(errno));
  close(deletion);
  close(old_root);
}
