#include "rescue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "console.h"
#include "image.h"

struct rescue_policy rescue_policy_of_image(void) {
  struct rescue_policy policy = {.shell = false, .power = POWER_NONE};
  char action[16], text[128];
  int shell;
  struct image_file file = {.bytes = ""};
  image_open(RESCUE_PATH, &file);
  snprintf(text, sizeof text, "%.*s", file.size < sizeof text ? (int)file.size : 0, file.bytes);
  image_close(&file);
  if (sscanf(text, "shell=%d action=%15s delay=%lf", &shell, action, &policy.delay) == 3 && rescue_action(action, &policy))
    policy.shell = shell;
  else
    report("%s is missing or damaged: no shell, no restart if the boot fails. Build the image anew", RESCUE_PATH);
  return policy;
}

/* A process that marked itself to outlive the initramfs (systemd's convention, systemd.io/ROOT_STORAGE_DAEMONS). */
static bool is_survivor(const char *pid) {
  char path[300], first = 0;
  snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  ssize_t length = read(file, &first, 1);
  close(file);
  return length == 1 && first == '@';
}

/* Takes all children that have ended. False: there are no others. */
static bool reap_all(void) {
  pid_t pid;
  while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
    ;
  return pid == 0;
}

void sleep_and_reap(double seconds) {
  struct timespec left = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
  while (nanosleep(&left, &left) < 0 && errno == EINTR)
    ;
  reap_all();
}

/* False: /proc does not tell which processes there are. */
static bool kill_all_but_survivors(void) {
  bool told = false;
  DIR *processes = opendir("/proc");
  if (!processes)
    return false;
  /* None may start another one that the walk would miss. */
  kill(-1, SIGSTOP);
  for (struct dirent *entry; (entry = readdir(processes));) {
    pid_t pid = atoi(entry->d_name);
    told = told || pid == getpid();
    if (pid > 1 && !is_survivor(entry->d_name))
      kill(pid, SIGKILL);
  }
  kill(-1, SIGCONT);
  closedir(processes);
  return told;
}

/* Is a child of ours left that does not survive? One whose parent dies becomes ours. */
static bool has_mortal_child(void) {
  bool found = false;
  DIR *processes = opendir("/proc");
  for (struct dirent *entry; processes && !found && (entry = readdir(processes));)
    found = atoi(entry->d_name) > 1 && parent_of(entry->d_name) == getpid() && !is_survivor(entry->d_name);
  if (processes)
    closedir(processes);
  return found;
}

void kill_processes(bool spare) {
  /* Every process but the kernel's own is a child of PID 1, or has one for an ancestor. */
  if (!reap_all())
    return;
  bool spared = spare && kill_all_but_survivors();
  if (!spared)
    kill(-1, SIGKILL);
  /* Not for ever: a process that hangs in the kernel (a dead server, a dead disk) does not even die. */
  for (int i = 0; i < 100 && reap_all() && (!spared || has_mortal_child()); i++)
    sleep_and_reap(0.01);
}

/* A file system that no root can lie on. A tmpfs can be one, but not with these flags: /run and /dev/shm have them, a root never. */
static bool is_support(const struct mntent *mount) {
  static const char *const types[] = {"rootfs", "proc",       "sysfs",   "devtmpfs", "devpts", "cgroup", "cgroup2",
                                      "efivarfs", "securityfs", "debugfs", "tracefs",  "bpf",    "pstore", "configfs"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(mount->mnt_type, types[i]) == 0)
      return true;
  return strcmp(mount->mnt_type, "tmpfs") == 0 && hasmntopt(mount, "nosuid") && hasmntopt(mount, "nodev");
}

/* The last mount point that is neither the root nor a support. */
static bool next_to_unmount(char *path, size_t size) {
  bool found = false;
  FILE *mounts = setmntent("/proc/self/mounts", "re");
  for (struct mntent *mount; mounts && (mount = getmntent(mounts));)
    if (strcmp(mount->mnt_dir, "/") != 0 && !is_support(mount)) {
      snprintf(path, size, "%s", mount->mnt_dir);
      found = true;
    }
  if (mounts)
    endmntent(mounts);
  return found;
}

void unmount_new_root(void) {
  char path[4096];
  while (next_to_unmount(path, sizeof path))
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
      report("cannot unmount %s: %s", path, errno_name(errno));
      return;
    }
}

/* In the child: the program, or why it cannot be. */
_Noreturn static void become(const struct program *program, int result) {
  const char *step;
  process_reset();
  if (!program->streams[0])
    terminal_take();
  int error = program_execute(program, &step);
  _exit(write(result, &error, sizeof error) < 0);
}

int program_run(const struct program *program, int *status) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return errno;
  if (program->streams[0])
    console_replace(program->streams);
  pid_t pid, child = fork();
  if (child == 0)
    become(program, ends[1]);
  int error = child < 0 ? errno : 0;
  close(ends[1]);
  /* Until execve has closed the other end, or its failure was written there. */
  if (child > 0 && read(ends[0], &error, sizeof error) != sizeof error)
    error = 0;
  close(ends[0]);
  /* It may take as long as the machine is on. */
  forget_code();
  while (child > 0 && (pid = waitpid(-1, status, 0)) != child && pid >= 0)
    ;
  return error;
}

static bool shell_starts(void) {
  char path[] = SHELL_PATH, *argv[] = {path, NULL};
  char *environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=linux", NULL};
  const struct program shell = {.argv = argv, .environment = environment, .uid = -1, .gid = -1};
  if (access(path, X_OK) < 0)
    return false;
  report("a shell follows; leave it to try the boot again");
  int status, error = program_run(&shell, &status);
  if (error)
    report("cannot start %s: %s", path, errno_name(error));
  return !error;
}

void rescue(const struct rescue_policy *policy) {
  if (policy->shell && shell_starts())
    return;
  if (policy->again) {
    sleep_and_reap(policy->delay);
    return;
  }
  if (policy->power != POWER_NONE) {
    if (policy->delay >= 1)
      report("no shell: %s in %.0f s", power_name(policy->power), policy->delay);
    sleep_and_reap(policy->delay);
    console_drain();
    reboot(policy->power);
    report("reboot(2): %s", errno_name(errno));
  }
  report("nothing more can be done: switch the machine off");
  for (;;)
    sleep_and_reap(1);
}
