/*
 * The least that an initrd can do for a root on virtio-blk: drivers by name, one device by name, mount, switch. What a real initrd
 * spends beyond this is its own.
 */
#define _GNU_SOURCE
#include <time.h>
#include "floor.h"

int main(int argc, char **argv)
{
	static const char root_device[] = "/dev/vda1";
	const struct timespec pause = { .tv_nsec = 1000000 };

	(void)argc;
	if (mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755") != 0)
		die("/dev");
	insert_drivers();
	while (access(root_device, F_OK) != 0)
		nanosleep(&pause, NULL);
	if (mount(root_device, "/root", "ext4", MS_RDONLY, NULL) != 0)
		die(root_device);
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) != 0)
		die("/root/dev");
	become_init("/root", argv);
}
