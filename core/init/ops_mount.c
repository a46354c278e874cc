/* mount, mountVirtual, unmount, move, loopAttach, loopDetach */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "jobs.h"

static const struct mount_flag {
  const char *name;
  unsigned long flag;
} mount_flags[] = {
    {"ro", MS_RDONLY},
    {"nosuid", MS_NOSUID},
    {"nodev", MS_NODEV},
    {"noexec", MS_NOEXEC},
    {"noatime", MS_NOATIME},
    {"nodiratime", MS_NODIRATIME},
    {"relatime", MS_RELATIME},
    {"strictatime", MS_STRICTATIME},
    {"lazytime", MS_LAZYTIME},
    {"sync", MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC},
    {"mand", MS_MANDLOCK},
    {"silent", MS_SILENT},
    {"remount", MS_REMOUNT},
    {"bind", MS_BIND},
    {"rbind", MS_BIND | MS_REC},
    {"private", MS_PRIVATE},
    {"rprivate", MS_PRIVATE | MS_REC},
    {"slave", MS_SLAVE},
    {"rslave", MS_SLAVE | MS_REC},
    {"shared", MS_SHARED},
    {"rshared", MS_SHARED | MS_REC},
};

enum {
  propagation = MS_PRIVATE | MS_SLAVE | MS_SHARED,
  of_mount_point = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME,
};

/* What the kernel takes in separate mount(2) calls, as mount(8) does: what to mount, and then the propagation type. */
struct mount_request {
  unsigned long flags, propagation;
};

static struct mount_request arg_mount_flags(struct call *call, const char *argument) {
  struct mount_request request = {0};
  for (const struct json *name = arg_list(call, argument)->first; name; name = name->next) {
    const char *text = json_plain(name);
    size_t i = 0, count = sizeof mount_flags / sizeof *mount_flags;
    while (i < count && !(text && strcmp(text, mount_flags[i].name) == 0))
      i++;
    if (i == count) {
      misfit(call, argument, "names of mount flags");
      return request;
    }
    unsigned long *flags = mount_flags[i].flag & propagation ? &request.propagation : &request.flags;
    *flags |= mount_flags[i].flag;
  }
  return request;
}

static void do_mount(struct call *call, const char *source, const char *target, const char *type, const char *data, struct mount_request request) {
  bool mounts = request.flags || !request.propagation;
  if (mounts && mount(source, target, type, request.flags, data) < 0)
    return fail(call, errno, NULL);
  /* A new bind mount ignores these flags. */
  bool later = (request.flags & MS_BIND) && !(request.flags & MS_REMOUNT) && (request.flags & of_mount_point);
  if ((later && mount(NULL, target, NULL, (request.flags & ~MS_REC) | MS_REMOUNT, NULL) < 0) ||
      (request.propagation && mount(NULL, target, NULL, request.propagation, NULL) < 0)) {
    fail(call, errno, "flags of the mount point");
    if (mounts && !(request.flags & MS_REMOUNT))
      umount2(target, MNT_DETACH);
  }
}

OP_DEFINITION(mount) {
  const char *source = arg_text(call, "source"), *target = arg_path(call, "target");
  const char *type = arg_text(call, "type"), *data = arg_text(call, "data");
  struct mount_request request = arg_mount_flags(call, "flags");
  if (in_job(call))
    do_mount(call, source, target, type, data, request);
}

/* Types that live in memory alone: mounting one waits for nothing. */
static bool is_virtual_type(const char *type) {
  static const char *const types[] = {"proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "cgroup2"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(type, types[i]) == 0)
      return true;
  return false;
}

OP_DEFINITION(mountVirtual) {
  const char *type = arg_text(call, "type"), *target = arg_path(call, "target"), *data = arg_text(call, "data");
  struct mount_request request = arg_mount_flags(call, "flags");
  if (!call_failed(call) && !is_virtual_type(type))
    fail(call, EXDEV, NULL);
  if (!call_failed(call))
    do_mount(call, type, target, type, data, request);
}

OP_DEFINITION(unmount) {
  const char *target = arg_path(call, "target");
  int flags = (arg_flag_or(call, "lazy", false) ? MNT_DETACH : 0) | (arg_flag_or(call, "force", false) ? MNT_FORCE : 0);
  if (in_job(call) && umount2(target, flags) < 0)
    fail(call, errno, NULL);
}

OP_DEFINITION(move) {
  const char *from = arg_path(call, "from"), *to = arg_path(call, "to");
  if (in_job(call) && mount(from, to, NULL, MS_MOVE, NULL) < 0)
    fail(call, errno, NULL);
}

/* Binds `file` to a free loop device, whose name goes to `device`. The errno, or 0. */
static int attach(int control, int file, bool read_only, uint64_t offset, char *device, size_t size) {
  int number = ioctl(control, LOOP_CTL_GET_FREE);
  if (number < 0)
    return errno;
  snprintf(device, size, "/dev/loop%d", number);
  int loop = open(device, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
  if (loop < 0)
    return errno;
  struct loop_config config = {.fd = file, .info = {.lo_offset = offset, .lo_flags = read_only ? LO_FLAGS_READ_ONLY : 0}};
  int error = ioctl(loop, LOOP_CONFIGURE, &config) < 0 ? errno : 0;
  if (error == EINVAL || error == ENOTTY) {
    /* Before Linux 5.8 in two steps. */
    error = ioctl(loop, LOOP_SET_FD, file) < 0 ? errno : 0;
    if (!error && ioctl(loop, LOOP_SET_STATUS64, &config.info) < 0) {
      error = errno;
      ioctl(loop, LOOP_CLR_FD);
    }
  }
  close(loop);
  return error;
}

OP_DEFINITION(loopAttach) {
  enum { attempts = 16 };
  const char *path = arg_path(call, "file");
  bool read_only = arg_flag(call, "readOnly");
  uint64_t offset = arg_integer_or(call, "offset", 0, 1LL << 53, 0);
  if (!in_job(call))
    return;
  int file = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
  if (file < 0)
    return fail(call, errno, path);
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0)
    return fail(call, errno == ENOENT ? ENODEV : errno, "/dev/loop-control");
  char device[32];
  /* Another process may take the free device first. */
  int error = EBUSY;
  for (int i = 0; error == EBUSY && i < attempts; i++)
    error = attach(control, file, read_only, offset, device, sizeof device);
  if (error)
    return fail(call, error, path);
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "device");
  json_string(json, device);
  json_close(json, '}');
}

OP_DEFINITION(loopDetach) {
  const char *device = arg_path(call, "device");
  if (!in_job(call))
    return;
  int loop = open(device, O_RDONLY | O_CLOEXEC);
  if (loop < 0 || ioctl(loop, LOOP_CLR_FD) < 0)
    fail(call, errno == ENOTTY ? ENXIO : errno, NULL);
}
