/* What the hand-written inits have in common. FLOOR_DRIVERS: paths of drivers, each with a comma behind it, in the order in which they have to be inserted. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void insert_drivers(void)
{
	static const char *const drivers[] = { FLOOR_DRIVERS NULL };

	for (const char *const *path = drivers; *path; path++) {
		int driver = open(*path, O_RDONLY | O_CLOEXEC);

		if (driver < 0 || syscall(SYS_finit_module, driver, "", 0) != 0)
			die(*path);
		close(driver);
	}
}

/* Makes what is mounted there the root, and goes on as its init. */
static void become_init(const char *root, char **argv)
{
	if (chdir(root) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
		die("switch");
	argv[0] = "/sbin/init";
	execv(argv[0], argv);
	die(argv[0]);
}
