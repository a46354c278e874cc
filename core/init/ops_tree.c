/* sync, removeTree, readFile, writeFile, statFile: jobs, on any file system */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "files.h"
#include "jobs.h"

enum { whole_file_limit = 1 << 20 };

OP_DEFINITION(sync) {
  if (in_job(call))
    sync();
}

OP_DEFINITION(removeTree) {
  const char *path = arg_path(call, "path");
  if (!in_job(call))
    return;
  uint64_t removed = 0;
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int error = directory < 0 ? errno : remove_contents(directory, &removed);
  /* A file, or a link, is a tree of its own. O_NOFOLLOW says ELOOP of a link, with O_DIRECTORY ENOTDIR. */
  if (!error || error == ENOTDIR || error == ELOOP)
    error = (directory < 0 ? unlink(path) : rmdir(path)) < 0 ? errno : 0;
  if (error)
    return fail(call, error, NULL);
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "removed");
  json_integer(json, removed + 1);
  json_close(json, '}');
}

/* Looks paths up as a process chrooted to `root` would, from here on. */
static bool enter_root(struct call *call, const char *root) {
  if (root && (chroot(root) < 0 || chdir("/") < 0))
    fail(call, errno, root);
  return !call_failed(call);
}

/* The part of the open file that is asked for. */
static void answer_part(struct call *call, int fd, int64_t offset, int64_t length) {
  struct stat status;
  struct text data = {0};
  int error = fstat(fd, &status) < 0 || (offset && lseek(fd, offset, SEEK_SET) < 0) ? errno : 0;
  if (!error && length < 0)
    error = read_bytes(fd, whole_file_limit, &data);
  while (!error && (int64_t)data.length < length) {
    char buffer[16384];
    int64_t left = length - (int64_t)data.length;
    ssize_t got = read(fd, buffer, left < (int64_t)sizeof buffer ? (size_t)left : sizeof buffer);
    if (got <= 0) {
      error = got < 0 ? errno : 0;
      break;
    }
    text_add(&data, buffer, got);
  }
  if (error)
    return fail(call, error, NULL);
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "data");
  json_bytes(json, data.bytes, data.length);
  json_key(json, "size");
  json_integer(json, status.st_size);
  json_close(json, '}');
}

OP_DEFINITION(readFile) {
  const char *path = arg_path(call, "path"), *root = arg_path_or(call, "root", NULL);
  int64_t offset = arg_integer_or(call, "offset", 0, 1LL << 53, 0);
  int64_t length = arg_integer_or(call, "length", 0, INT_MAX, -1);
  if (!in_job(call) || !enter_root(call, root))
    return;
  int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return fail(call, errno, NULL);
  answer_part(call, fd, offset, length);
}

OP_DEFINITION(writeFile) {
  const char *path = arg_path(call, "path");
  const struct json *data = arg_bytes(call, "data");
  if (!in_job(call))
    return;
  int fd = open_for_writing(call, path, -1, false);
  if (fd < 0)
    return;
  ssize_t written = write(fd, data->bytes, data->length);
  if (written < (ssize_t)data->length)
    fail(call, written < 0 ? errno : EIO, NULL);
}

OP_DEFINITION(statFile) {
  const char *path = arg_path(call, "path"), *root = arg_path_or(call, "root", NULL);
  bool follow = arg_flag_or(call, "follow", true);
  if (!in_job(call) || !enter_root(call, root))
    return;
  struct stat status;
  if (fstatat(AT_FDCWD, path, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
    return fail(call, errno, NULL);
  struct text *json = answer(call);
  json_open(json, '{');
  json_file_status(json, &status);
  json_key(json, "executable");
  json_boolean(json, !S_ISLNK(status.st_mode) && access(path, X_OK) == 0);
  json_close(json, '}');
}
