/*
 * The least that an initrd can do for a root in RAM: drivers by name, the volume by name, a tmpfs, tar with the same options as ours, and
 * zstd before it where the archive is compressed, and the volume given back. For an image of ours, whose programs it runs. UNPACK_COMMAND: tar's words, each with a comma behind it.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include "floor.h"

static void become(int input, int output, char *const command[])
{
	if (dup2(input, 0) < 0 || dup2(output, 1) < 0)
		die("dup2");
	execvp(command[0], command);
	die(command[0]);
}

static void unpack(const char *archive, const char *target)
{
	static char *const zstd[] = { "zstd", "-dcq", NULL };
	static char *const tar[] = { UNPACK_COMMAND NULL };
	int file = open(archive, O_RDONLY | O_CLOEXEC), status, ends[2];
	int compressed = archive[strlen(archive) - 1] == 't';

	if (file < 0 || pipe2(ends, O_CLOEXEC) != 0)
		die(archive);
	if (compressed && fork() == 0)
		become(file, ends[1], zstd);
	close(ends[1]);
	if (fork() == 0) {
		if (chdir(target) != 0)
			die(target);
		become(compressed ? ends[0] : file, 1, tar);
	}
	close(file);
	while (wait(&status) > 0)
		if (status)
			die("unpacking");
}

int main(int argc, char **argv)
{
	static const char volume[] = "/dev/vda";
	const struct timespec pause = { .tv_nsec = 1000000 };

	(void)argc;
	if (mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755") != 0)
		die("/dev");
	insert_drivers();
	while (access(volume, F_OK) != 0)
		nanosleep(&pause, NULL);
	if (mount(volume, "/volume", "ext4", MS_RDONLY, NULL) != 0)
		die(volume);
	if (mount("root", "/root", "tmpfs", 0, "size=90%") != 0)
		die("/root");
	unpack(ARCHIVE, "/root");
	if (umount2("/volume", 0) != 0)
		die("umount /volume");
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) != 0)
		die("/root/dev");
	become_init("/root", argv);
}
