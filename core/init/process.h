/* Processes: what a child of ours has to look like, programs, signals. */
#ifndef FIRSTLIGHT_PROCESS_H
#define FIRSTLIGHT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* No signal is delivered to this process, or all are. */
void signals_block(void);
void signals_unblock(void);

/* In a new child: default signal handlers, a clean signal mask, a session of its own. */
void process_reset(void);

/* Closes all descriptors but 0, 1, 2 and these two (-1: none). */
void close_all_but(int a, int b);

/* Takes this process's own code out of its resident memory: what it still needs of it comes back by itself. */
void forget_code(void);

/* Of this process, as far as /proc is there and the kernel lets us. */
bool oom_score_set(const char *score);

/* "SIGKILL" */
const char *signal_name(int number);
/* 0: there is no signal of that name. */
int signal_number(const char *name);

/* Of a process by its name in /proc; -1: there is none. */
pid_t parent_of(const char *pid);

/* Sends a signal to all processes of the session that `leader` leads or has led. ESRCH: there is none. */
int signal_session(pid_t leader, int number);

enum { stream_count = 3 };

struct program {
  char **argv;
  char **environment; /* NULL: PATH only */
  const char *root;   /* chroot(2) there; NULL: stay */
  const char *directory;
  long uid, gid;      /* -1: stay */
  char **streams[stream_count]; /* files for descriptors 0, 1 and 2, of which the first that can be opened counts; NULL: the console, as its terminal */
};

/* Turns this process into the program. Returns only if that fails: the errno, and in `step` what failed. */
int program_execute(const struct program *program, const char **step);

/* Makes the console the controlling terminal of this session, and descriptors 0, 1 and 2 lead there. The errno, or 0. */
int terminal_take(void);

#endif
