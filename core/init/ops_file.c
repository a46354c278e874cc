/* read, write, list, stat, readLink, makeDir, symlink, makeNode, rename, remove, chmod, chown: instant, so on virtual file systems only */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "files.h"

enum { read_limit = 1 << 20 };

/* File systems that live in the kernel's memory: no device or peer can hold up an access. devtmpfs is a tmpfs or ramfs. */
static bool is_virtual(const struct statfs *system) {
  static const unsigned long types[] = {
      RAMFS_MAGIC, TMPFS_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC, DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
      EFIVARFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, BPF_FS_MAGIC, HUGETLBFS_MAGIC, PSTOREFS_MAGIC,
      SELINUX_MAGIC, SMACK_MAGIC, 0x62656570 /* configfs */, 0x19800202 /* mqueue */,
  };
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if ((unsigned long)system->f_type == types[i])
      return true;
  return false;
}

/* Fails the call if the open file `fd` does not lie on a virtual file system. */
static bool require_virtual(struct call *call, int fd) {
  struct statfs system;
  if (fstatfs(fd, &system) < 0)
    fail(call, errno, NULL);
  else if (!is_virtual(&system))
    fail(call, EXDEV, NULL);
  return !call_failed(call);
}

/* A file's place: its directory, open, and its name in there. */
struct place {
  int directory;
  const char *name;
};

/* The call fails if the directory is not there, or not on a virtual file system. */
static bool find_place(struct call *call, const char *path, struct place *place) {
  static char folder[PATH_MAX];
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/')
    end--;
  size_t start = end;
  while (start && path[start - 1] != '/')
    start--;
  if (end >= sizeof folder || end - start > NAME_MAX) {
    fail(call, ENAMETOOLONG, NULL);
    return false;
  }
  snprintf(folder, sizeof folder, "%.*s", start ? (int)start : 1, start ? path : ".");
  place->name = start == end ? "." : path + start;
  place->directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (place->directory < 0)
    fail(call, errno, NULL);
  else if (!require_virtual(call, place->directory))
    close(place->directory);
  return !call_failed(call);
}

/* Ends an op that worked in a place: `result` is a system call's. */
static void leave_place(struct call *call, const struct place *place, int result) {
  if (result < 0)
    fail(call, errno, NULL);
  close(place->directory);
}

OP_DEFINITION(read) {
  const char *path = arg_path(call, "path");
  size_t limit = arg_integer_or(call, "limit", 0, INT_MAX, read_limit);
  if (call_failed(call))
    return;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return fail(call, errno, NULL);
  struct text data = {0};
  if (require_virtual(call, fd)) {
    int error = read_bytes(fd, limit, &data);
    if (error)
      fail(call, error == EAGAIN ? EIO : error, NULL);
    else {
      struct text *json = answer(call);
      json_open(json, '{');
      json_key(json, "data");
      json_bytes(json, data.bytes, data.length);
      json_close(json, '}');
    }
  }
  text_free(&data);
  close(fd);
}

/* Opened without O_TRUNC: on a file system that is not ours nothing may happen. */
int open_for_writing(struct call *call, const char *path, int mode, bool append) {
  int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (append ? O_APPEND : 0);
  if (mode >= 0) {
    struct place place;
    if (!find_place(call, path, &place))
      return -1;
    close(place.directory);
    flags |= O_CREAT;
  }
  int fd = open(path, flags, mode < 0 ? 0 : mode);
  if (fd < 0)
    fail(call, errno, NULL);
  else if (!require_virtual(call, fd)) {
    close(fd);
    return -1;
  }
  return fd;
}

OP_DEFINITION(write) {
  const char *path = arg_path(call, "path");
  const struct json *data = arg_bytes(call, "data");
  int mode = has_arg(call, "mode") ? (int)arg_mode_or(call, "mode", 0) : -1;
  bool append = arg_flag_or(call, "append", false);
  if (call_failed(call))
    return;
  int fd = open_for_writing(call, path, mode, append);
  if (fd < 0)
    return;
  struct stat status;
  if (mode >= 0 && !append && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size && ftruncate(fd, 0) < 0)
    fail(call, errno, NULL);
  else {
    /* One write(2): sysfs takes each for a value. Only what a full file system cut off is tried again, to learn the errno. */
    size_t done = 0;
    do {
      ssize_t written = write(fd, data->bytes + done, data->length - done);
      if (written < 0 || (written == 0 && data->length)) {
        fail(call, written == 0 || errno == EAGAIN ? EIO : errno, NULL);
        break;
      }
      done += written;
    } while (done < data->length);
  }
  close(fd);
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_entry(const struct dirent *entry) {
  return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

OP_DEFINITION(list) {
  const char *path = arg_path(call, "path");
  if (call_failed(call))
    return;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return fail(call, errno, NULL);
  struct dirent **entries = NULL;
  if (require_virtual(call, fd)) {
    int count = scandirat(fd, ".", &entries, is_entry, compare_names);
    if (count < 0)
      fail(call, errno, NULL);
    else {
      struct text *json = answer(call);
      json_open(json, '{');
      json_key(json, "entries");
      json_open(json, '[');
      for (int i = 0; i < count; i++) {
        json_open(json, '{');
        json_key(json, "name");
        json_string(json, entries[i]->d_name);
        json_key(json, "type");
        json_string(json, file_type(DTTOIF(entries[i]->d_type)));
        json_close(json, '}');
        free(entries[i]);
      }
      json_close(json, ']');
      json_close(json, '}');
    }
  }
  free(entries);
  close(fd);
}

OP_DEFINITION(stat) {
  const char *path = arg_path(call, "path");
  bool follow = arg_flag_or(call, "follow", true);
  if (call_failed(call))
    return;
  int fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  if (fd < 0)
    return fail(call, errno, NULL);
  struct stat status;
  if (require_virtual(call, fd)) {
    if (fstat(fd, &status) < 0)
      fail(call, errno, NULL);
    else {
      struct text *json = answer(call);
      json_open(json, '{');
      json_file_status(json, &status);
      json_close(json, '}');
    }
  }
  close(fd);
}

OP_DEFINITION(readLink) {
  const char *path = arg_path(call, "path");
  struct place place;
  char target[PATH_MAX];
  if (call_failed(call) || !find_place(call, path, &place))
    return;
  ssize_t length = readlinkat(place.directory, place.name, target, sizeof target);
  leave_place(call, &place, length);
  if (call_failed(call))
    return;
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "target");
  json_bytes(json, target, length);
  json_close(json, '}');
}

/* Every directory on the way, as far as it is missing, with 0755. */
static void make_parents(struct call *call, const char *path) {
  char folder[PATH_MAX];
  if (strlen(path) >= sizeof folder)
    return fail(call, ENAMETOOLONG, NULL);
  strcpy(folder, path);
  for (size_t end = strlen(folder); end > 1 && folder[end - 1] == '/'; end--)
    folder[end - 1] = 0;
  for (char *slash = folder + 1; !call_failed(call) && (slash = strchr(slash, '/')); slash++) {
    *slash = 0;
    struct place place;
    struct stat status;
    if (stat(folder, &status) < 0 && find_place(call, folder, &place))
      leave_place(call, &place, mkdirat(place.directory, place.name, 0755));
    *slash = '/';
  }
}

static bool is_directory(const struct place *place) {
  struct stat status;
  return fstatat(place->directory, place->name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

OP_DEFINITION(makeDir) {
  const char *path = arg_path(call, "path");
  mode_t mode = arg_mode_or(call, "mode", 0755);
  bool parents = arg_flag_or(call, "parents", false);
  if (!call_failed(call) && parents)
    make_parents(call, path);
  struct place place;
  if (call_failed(call) || !find_place(call, path, &place))
    return;
  int result = mkdirat(place.directory, place.name, mode);
  if (result < 0 && errno == EEXIST && parents)
    result = is_directory(&place) ? 0 : (errno = EEXIST, -1);
  leave_place(call, &place, result);
}

/* Makes the link beside its place and moves it there: at no time is there none. */
static int replace_symlink(const struct place *place, const char *target) {
  char temporary[40];
  snprintf(temporary, sizeof temporary, ".link-%d", getpid());
  unlinkat(place->directory, temporary, 0);
  if (symlinkat(target, place->directory, temporary) < 0)
    return -1;
  if (renameat(place->directory, temporary, place->directory, place->name) == 0)
    return 0;
  int error = errno;
  unlinkat(place->directory, temporary, 0);
  /* An empty or full directory does not give way: rename(2) has two names for that. */
  errno = error == EISDIR || error == ENOTEMPTY ? EEXIST : error;
  return -1;
}

OP_DEFINITION(symlink) {
  const char *path = arg_path(call, "path"), *target = arg_path(call, "target");
  bool replace = arg_flag_or(call, "replace", false);
  struct place place;
  if (call_failed(call) || !find_place(call, path, &place))
    return;
  int result = symlinkat(target, place.directory, place.name);
  if (result < 0 && errno == EEXIST && replace)
    result = replace_symlink(&place, target);
  leave_place(call, &place, result);
}

OP_DEFINITION(makeNode) {
  const char *path = arg_path(call, "path"), *type = arg_text(call, "type");
  mode_t mode = arg_integer(call, "mode", 0, 07777);
  mode_t format = strcmp(type, "char") == 0 ? S_IFCHR : strcmp(type, "block") == 0 ? S_IFBLK : strcmp(type, "fifo") == 0 ? S_IFIFO : 0;
  unsigned major = arg_integer_or(call, "major", 0, UINT_MAX, 0), minor = arg_integer_or(call, "minor", 0, UINT_MAX, 0);
  if (!format)
    misfit(call, "type", "char, block or fifo");
  if (format && format != S_IFIFO && !(has_arg(call, "major") && has_arg(call, "minor")))
    misfit(call, "major", "the device's number, and minor");
  struct place place;
  if (call_failed(call) || !find_place(call, path, &place))
    return;
  leave_place(call, &place, mknodat(place.directory, place.name, format | mode, makedev(major, minor)));
}

OP_DEFINITION(rename) {
  const char *from = arg_path(call, "from"), *to = arg_path(call, "to");
  struct place old, new;
  if (call_failed(call) || !find_place(call, from, &old))
    return;
  if (find_place(call, to, &new))
    leave_place(call, &new, renameat(old.directory, old.name, new.directory, new.name));
  close(old.directory);
}

OP_DEFINITION(remove) {
  const char *path = arg_path(call, "path");
  struct place place;
  if (call_failed(call) || !find_place(call, path, &place))
    return;
  int result = unlinkat(place.directory, place.name, 0);
  if (result < 0 && errno == EISDIR)
    result = unlinkat(place.directory, place.name, AT_REMOVEDIR);
  leave_place(call, &place, result);
}

OP_DEFINITION(chmod) {
  const char *path = arg_path(call, "path");
  mode_t mode = arg_integer(call, "mode", 0, 07777);
  if (call_failed(call))
    return;
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0)
    return fail(call, errno, NULL);
  if (require_virtual(call, fd) && fchmodat(AT_FDCWD, path, mode, 0) < 0)
    fail(call, errno, NULL);
  close(fd);
}

OP_DEFINITION(chown) {
  const char *path = arg_path(call, "path");
  uid_t uid = arg_integer(call, "uid", 0, UINT_MAX - 1);
  gid_t gid = arg_integer(call, "gid", 0, UINT_MAX - 1);
  struct place place;
  if (call_failed(call) || !find_place(call, path, &place))
    return;
  leave_place(call, &place, fchownat(place.directory, place.name, uid, gid, AT_SYMLINK_NOFOLLOW));
}
