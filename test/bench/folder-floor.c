/*
 * The least that an initrd can do for a root and another folder by virtiofs, with the mounts of osbuild's initrd: drivers by name, mounts, moves, switch.
 * What a real initrd spends beyond this is its own.
 */
#define _GNU_SOURCE
#include "floor.h"

static void mount_at(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	if (mount(source, target, type, flags, data) != 0)
		die(target);
}

int main(int argc, char **argv)
{
	static const char *const moved[] = { "/run", "/dev", "/proc", "/sys", "/tmp" };
	char target[32];

	(void)argc;
	mount_at("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	mount_at("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755,size=4m");
	mount_at("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	mount_at("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m");
	mount_at("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=128m");
	mount_at("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	insert_drivers();
	mount_at("rootfs", "/root", "virtiofs", MS_RDONLY, NULL);
	if (mkdir("/run/mnt", 0755) != 0 || mkdir("/run/mnt/mnt0", 0755) != 0)
		die("/run/mnt/mnt0");
	mount_at("mnt0", "/run/mnt/mnt0", "virtiofs", 0, NULL);
	for (size_t i = 0; i < sizeof(moved) / sizeof(*moved); i++) {
		snprintf(target, sizeof(target), "/root%s", moved[i]);
		mount_at(moved[i], target, NULL, MS_MOVE, NULL);
	}
	become_init("/root", argv);
}
