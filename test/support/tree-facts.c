/*
 * Prints a tree, one line a file, so that two trees are the same if their lines are: tree-facts FOLDER
 *
 * Path, type and mode, owner, group, time of the last change, and as far as the type has them: size, number of links and the inode
 * (which tells hard links), whether it is sparse, device number, target, a hash of the content; then all extended attributes in hexadecimal.
 * Bytes other than printable ASCII are written \xNN.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void die(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(1);
}

static void print_escaped(const char *text)
{
	for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
		if (*byte > ' ' && *byte < 0x7f && *byte != '\\')
			putchar(*byte);
		else
			printf("\\x%02x", *byte);
	}
}

/* FNV-1a, 64 bits: equal content, not secrecy. */
static uint64_t hash(const char *path)
{
	uint64_t value = 0xcbf29ce484222325;
	FILE *file = fopen(path, "r");
	int byte;

	if (!file)
		die(path);
	while ((byte = getc(file)) != EOF)
		value = (value ^ (uint64_t)byte) * 0x100000001b3;
	if (ferror(file))
		die(path);
	fclose(file);
	return value;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_attributes(const char *path)
{
	char names[65536], value[65536];
	char *sorted[1024];
	size_t count = 0;
	ssize_t length = llistxattr(path, names, sizeof(names));

	if (length < 0)
		die(path);
	for (char *name = names; name < names + length && count < 1024; name += strlen(name) + 1)
		sorted[count++] = name;
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 0; i < count; i++) {
		ssize_t size = lgetxattr(path, sorted[i], value, sizeof(value));

		if (size < 0)
			die(path);
		printf(" %s=", sorted[i]);
		for (ssize_t at = 0; at < size; at++)
			printf("%02x", (unsigned char)value[at]);
	}
}

static void print_file(const char *path)
{
	char target[4096];
	struct stat status;
	ssize_t length;

	if (lstat(path, &status) != 0)
		die(path);
	print_escaped(path);
	printf(" mode=%06o owner=%u:%u time=%" PRIdMAX ".%09ld", (unsigned)status.st_mode, status.st_uid, status.st_gid,
	       (intmax_t)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	if (!S_ISDIR(status.st_mode))
		printf(" links=%ju inode=%ju", (uintmax_t)status.st_nlink, (uintmax_t)status.st_ino);
	if (S_ISREG(status.st_mode))
		printf(" size=%jd sparse=%s hash=%016" PRIx64, (intmax_t)status.st_size,
		       status.st_blocks * 512 < status.st_size ? "yes" : "no", hash(path));
	if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode))
		printf(" device=%u:%u", major(status.st_rdev), minor(status.st_rdev));
	if (S_ISLNK(status.st_mode)) {
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			die(path);
		target[length] = '\0';
		printf(" target=");
		print_escaped(target);
	}
	print_attributes(path);
	putchar('\n');
}

static void print_tree(const char *path)
{
	struct dirent **entries;
	int count;

	print_file(path);
	count = scandir(path, &entries, NULL, NULL);
	if (count < 0)
		die(path);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char *inner;

		if (strcmp(name, ".") && strcmp(name, "..")) {
			if (asprintf(&inner, "%s/%s", path, name) < 0)
				die(path);
			if (entries[i]->d_type == DT_DIR)
				print_tree(inner);
			else
				print_file(inner);
			free(inner);
		}
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	if (chdir(argv[1]) != 0)
		die(argv[1]);
	print_tree(".");
	return 0;
}
