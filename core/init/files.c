#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

const char *file_type(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "file";
  case S_IFDIR:
    return "dir";
  case S_IFLNK:
    return "symlink";
  case S_IFCHR:
    return "char";
  case S_IFBLK:
    return "block";
  case S_IFIFO:
    return "fifo";
  case S_IFSOCK:
    return "socket";
  default:
    return "unknown";
  }
}

static void json_device(struct text *json, const char *name, dev_t device) {
  char number[32];
  snprintf(number, sizeof number, "%u:%u", major(device), minor(device));
  json_key(json, name);
  json_string(json, number);
}

static void json_count(struct text *json, const char *name, long long count) {
  json_key(json, name);
  json_integer(json, count);
}

void json_file_status(struct text *json, const struct stat *status) {
  json_key(json, "type");
  json_string(json, file_type(status->st_mode));
  json_count(json, "mode", status->st_mode & 07777);
  json_count(json, "uid", status->st_uid);
  json_count(json, "gid", status->st_gid);
  json_count(json, "size", status->st_size);
  json_device(json, "device", status->st_dev);
  json_count(json, "inode", status->st_ino);
  json_count(json, "links", status->st_nlink);
  json_count(json, "modified", status->st_mtim.tv_sec * 1000LL + status->st_mtim.tv_nsec / 1000000);
  if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode))
    json_device(json, "node", status->st_rdev);
}

int read_bytes(int fd, size_t limit, struct text *data) {
  char buffer[16384];
  ssize_t length;
  while ((length = read(fd, buffer, sizeof buffer)) > 0) {
    text_add(data, buffer, length);
    if (data->length > limit)
      return EFBIG;
    if (data->failed)
      return ENOMEM;
  }
  return length < 0 ? errno : 0;
}

/* Of an open directory: the file system, and whether another is mounted on it. A kernel before 5.8 tells of other file systems only. */
static bool is_mounted_elsewhere(int fd, const struct statx *parent) {
  struct statx status;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &status) < 0)
    return true;
  return status.stx_dev_major != parent->stx_dev_major || status.stx_dev_minor != parent->stx_dev_minor ||
         (status.stx_attributes & status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
}

static int remove_entry(int directory, const struct statx *parent, const char *name, uint64_t *removed) {
  if (unlinkat(directory, name, 0) == 0) {
    ++*removed;
    return 0;
  }
  if (errno != EISDIR)
    return errno;
  int below = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (below < 0)
    return errno;
  int error = EBUSY;
  if (is_mounted_elsewhere(below, parent))
    close(below);
  else
    error = remove_contents(below, removed);
  if (error || unlinkat(directory, name, AT_REMOVEDIR) < 0)
    return error ? error : errno;
  ++*removed;
  return 0;
}

int remove_contents(int directory, uint64_t *removed) {
  struct statx status;
  DIR *entries = fdopendir(directory);
  if (!entries || statx(directory, "", AT_EMPTY_PATH, STATX_TYPE, &status) < 0) {
    int error = errno;
    if (entries)
      closedir(entries);
    else
      close(directory);
    return error;
  }
  int first_error = 0;
  for (struct dirent *entry; (entry = readdir(entries));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    int error = remove_entry(directory, &status, entry->d_name, removed);
    if (error && !first_error)
      first_error = error;
  }
  closedir(entries);
  return first_error;
}
