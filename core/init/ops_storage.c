/* removeMapping, stopArray, swapOff */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "jobs.h"

OP_DEFINITION(removeMapping) {
  const char *name = arg_path(call, "name");
  if (!in_job(call))
    return;
  /* The oldest version with this command; the kernel checks the first number only. */
  struct dm_ioctl request = {.version = {4, 0, 0}, .data_size = sizeof request};
  if (strlen(name) >= sizeof request.name)
    return fail(call, ENAMETOOLONG, NULL);
  strcpy(request.name, name);
  int control = open("/dev/" DM_DIR "/" DM_CONTROL_NODE, O_RDWR | O_CLOEXEC);
  if (control < 0)
    fail(call, errno, "/dev/" DM_DIR "/" DM_CONTROL_NODE);
  else if (ioctl(control, DM_DEV_REMOVE, &request) < 0)
    fail(call, errno, NULL);
}

OP_DEFINITION(stopArray) {
  const char *device = arg_path(call, "device");
  if (!in_job(call))
    return;
  /* O_EXCL: EBUSY where it is in use, which also keeps others from beginning to use it. */
  int array = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
  if (array < 0 || ioctl(array, STOP_ARRAY, NULL) < 0)
    fail(call, errno == ENOTTY ? ENXIO : errno, NULL);
}

OP_DEFINITION(swapOff) {
  const char *device = arg_path(call, "device");
  if (in_job(call) && swapoff(device) < 0)
    fail(call, errno, NULL);
}
