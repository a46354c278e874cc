#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void signals_block(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
}

void signals_unblock(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

void process_reset(void) {
  static const int handled[] = {SIGSEGV, SIGBUS, SIGPROF, SIGCHLD, SIGPIPE};
  for (size_t i = 0; i < sizeof handled / sizeof *handled; i++)
    signal(handled[i], SIG_DFL);
  signals_unblock();
  setsid();
}

/* Both included. */
static void close_from_to(unsigned first, unsigned last) {
  enum { most = 1024 }; /* RLIMIT_NOFILE, where the kernel is older than close_range (5.9) */
  if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
    return;
  for (unsigned fd = first; fd <= last && fd < most; fd++)
    close(fd);
}

void close_all_but(int a, int b) {
  unsigned low = a < b ? a : b, high = a < b ? b : a, first = 3;
  if ((int)low >= 3) {
    close_from_to(first, low - 1);
    first = low + 1;
  }
  if ((int)high >= 3) {
    close_from_to(first, high - 1);
    first = high + 1;
  }
  close_from_to(first, ~0u);
}

void forget_code(void) {
  /* ld's own symbols. */
  extern char __executable_start, etext;
  size_t page = sysconf(_SC_PAGESIZE);
  uintptr_t start = (uintptr_t)&__executable_start & -page, end = (uintptr_t)&etext & -page;
  madvise((void *)start, end - start, MADV_DONTNEED);
}

bool oom_score_set(const char *score) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  bool written = write(file, score, strlen(score)) > 0;
  close(file);
  return written;
}

const char *signal_name(int number) {
  static char name[24];
  const char *abbreviation = sigabbrev_np(number);
  if (abbreviation)
    snprintf(name, sizeof name, "SIG%s", abbreviation);
  else
    snprintf(name, sizeof name, "SIG%d", number);
  return name;
}

int signal_number(const char *name) {
  for (int number = 1; number < NSIG; number++)
    if (strcmp(name, signal_name(number)) == 0)
      return number;
  return 0;
}

/* Of a process in /proc: fields 4 and 6 of its stat. False: there is none. */
static bool read_stat(const char *pid, pid_t *parent, pid_t *session) {
  char path[300], stat[512];
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  ssize_t length = read(file, stat, sizeof stat - 1);
  close(file);
  stat[length > 0 ? length : 0] = 0;
  const char *name_end = strrchr(stat, ')');
  return name_end && sscanf(name_end, ") %*c %d %*d %d", parent, session) == 2;
}

pid_t parent_of(const char *pid) {
  pid_t parent, session;
  return read_stat(pid, &parent, &session) ? parent : -1;
}

static pid_t session_of(const char *pid) {
  pid_t parent, session;
  return read_stat(pid, &parent, &session) ? session : -1;
}

int signal_session(pid_t leader, int number) {
  /* The leader's own process group needs no /proc. A child that was forked just now may lead none yet. */
  int error = kill(-leader, number) < 0 && kill(leader, number) < 0 ? errno : 0;
  DIR *processes = opendir("/proc");
  if (!processes)
    return error;
  for (struct dirent *entry; (entry = readdir(processes));) {
    pid_t pid = atoi(entry->d_name);
    if (pid <= 0 || session_of(entry->d_name) != leader || getpgid(pid) == leader)
      continue;
    if (kill(pid, number) == 0)
      error = 0;
  }
  closedir(processes);
  return error;
}

/* execve(2) of the first file of that name in PATH. An unusable file is remembered, a later one may do. */
static int execute_in_path(char **argv, char **environment, const char *path) {
  int error = ENOENT;
  char file[4096];
  for (const char *folder = path; *folder;) {
    size_t length = strcspn(folder, ":");
    if ((size_t)snprintf(file, sizeof file, "%.*s/%s", (int)length, folder, argv[0]) < sizeof file) {
      execve(file, argv, environment);
      if (errno != ENOENT && errno != ENOTDIR)
        error = errno;
    }
    folder += length + (folder[length] == ':');
  }
  return error;
}

static const char *value_in(char **environment, const char *name) {
  size_t length = strlen(name);
  for (; *environment; environment++)
    if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
      return *environment + length + 1;
  return "";
}

int program_execute(const struct program *program, const char **step) {
  static char *bare[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  char **environment = program->environment ? program->environment : bare;
  *step = program->root;
  if (program->root && (chroot(program->root) < 0 || chdir("/") < 0))
    return errno;
  *step = program->directory;
  if (program->directory && chdir(program->directory) < 0)
    return errno;
  *step = "gid";
  if (program->gid >= 0 && (setgroups(0, NULL) < 0 || setgid(program->gid) < 0))
    return errno;
  *step = "uid";
  if (program->uid >= 0 && setuid(program->uid) < 0)
    return errno;
  *step = program->argv[0];
  if (!strchr(program->argv[0], '/'))
    return execute_in_path(program->argv, environment, value_in(environment, "PATH"));
  execve(program->argv[0], program->argv, environment);
  return errno;
}

int terminal_take(void) {
  /* Opening it never makes it one, this ioctl does: it works on the terminal behind /dev/console (tty_jobctrl.c: tiocsctty). */
  int console = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (console < 0)
    return errno;
  int error = ioctl(console, TIOCSCTTY, 1) < 0 ? errno : 0;
  for (int i = 0; !error && i <= 2; i++)
    dup2(console, i);
  if (console > 2)
    close(console);
  return error;
}
