/*
 * The least that an initrd can do for a root on virtio-blk: drivers by name, one device by name, mount, switch. What a real initrd
 * spends beyond this is its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void insert(const char *path)
{
	int driver = open(path, O_RDONLY | O_CLOEXEC);

	if (driver < 0 || syscall(SYS_finit_module, driver, "", 0) != 0)
		die(path);
	close(driver);
}

int main(int argc, char **argv)
{
	/* In the order in which they have to be inserted; the image holds them under these names. */
	static const char *const drivers[] = { FLOOR_DRIVERS NULL };
	static const char root_device[] = "/dev/vda1";
	const struct timespec pause = { .tv_nsec = 1000000 };

	(void)argc;
	if (mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755") != 0)
		die("/dev");
	for (const char *const *driver = drivers; *driver; driver++)
		insert(*driver);
	while (access(root_device, F_OK) != 0)
		nanosleep(&pause, NULL);
	if (mount(root_device, "/root", "ext4", MS_RDONLY, NULL) != 0)
		die(root_device);
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) != 0)
		die("/root/dev");
	if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
		die("switch");
	argv[0] = "/sbin/init";
	execv(argv[0], argv);
	die(argv[0]);
}
