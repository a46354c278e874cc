/* probe */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "jobs.h"

enum { nothing_found = 1, ambivalent = -2 }; /* of blkid_do_safeprobe */

static void ask_for(blkid_probe probe, bool superblocks) {
  blkid_probe_enable_superblocks(probe, superblocks);
  blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE | BLKID_SUBLKS_SECTYPE |
                                               BLKID_SUBLKS_USAGE | BLKID_SUBLKS_VERSION);
  blkid_probe_enable_partitions(probe, true);
  blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
}

static void write_tags(struct text *json, blkid_probe probe) {
  const char *name, *value;
  size_t size;
  json_open(json, '{');
  for (int i = 0, count = blkid_probe_numof_values(probe); i < count; i++) {
    if (blkid_probe_get_value(probe, i, &name, &value, &size) < 0)
      continue;
    json_key(json, name);
    json_bytes(json, value, strnlen(value, size));
  }
  json_close(json, '}');
}

static void probe_open_device(struct call *call, int device) {
  blkid_probe probe = blkid_new_probe();
  errno = EIO;
  if (!probe || blkid_probe_set_device(probe, device, 0, 0) < 0)
    return fail(call, errno, NULL);
  ask_for(probe, true);
  errno = 0;
  int result = blkid_do_safeprobe(probe);
  bool unclear = result == ambivalent;
  if (unclear) {
    blkid_reset_probe(probe);
    ask_for(probe, false);
    result = blkid_do_safeprobe(probe);
  }
  if (result < 0)
    return fail(call, errno == ENOMEDIUM || errno == ENXIO || errno == EBUSY ? errno : EIO, NULL);
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "tags");
  if (result == nothing_found)
    json_verbatim(json, "{}", 2);
  else
    write_tags(json, probe);
  json_key(json, "ambivalent");
  json_boolean(json, unclear);
  json_key(json, "size");
  json_integer(json, blkid_probe_get_size(probe));
  json_key(json, "sectorSize");
  json_integer(json, blkid_probe_get_sectorsize(probe));
  json_close(json, '}');
}

OP_DEFINITION(probe) {
  const char *path = arg_path(call, "device");
  if (!in_job(call))
    return;
  /* O_NONBLOCK: a drive without a medium answers ENOMEDIUM instead of closing its tray. */
  int device = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  struct stat status;
  if (device < 0 || fstat(device, &status) < 0)
    return fail(call, errno, NULL);
  if (!S_ISBLK(status.st_mode))
    return fail(call, ENOTBLK, NULL);
  probe_open_device(call, device);
}
