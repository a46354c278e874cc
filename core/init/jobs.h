/* Ops that run in a child process, and the events that they end in. */
#ifndef FIRSTLIGHT_JOBS_H
#define FIRSTLIGHT_JOBS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "call.h"

/* Output of a program that its result hands over: beyond the limit the middle is lost. */
struct kept {
  int fd; /* where it comes from; -1: closed, or not kept */
  bool wanted;
  size_t limit;
  struct text bytes;
};

struct job {
  int id;
  pid_t pid;
  int result; /* the child's outcome comes from here */
  struct text outcome;
  bool program; /* the child turns into a program: its status is the result */
  struct kept kept[2];
  int64_t deadline; /* of CLOCK_BOOTTIME in milliseconds; 0: none */
  bool timed_out;
  int secret; /* what the job is to read; 0: none */
  bool ended;
  int status; /* of waitpid(2) */
  struct job *next;
};

/* What a program's RLIMIT_STACK has to be set back to. */
void jobs_set_stack_limit(const struct rlimit *limit);
void jobs_restore_stack_limit(void);

/*
 * Forks in the middle of a job's op. True in the child: do the work, write the outcome, return. False in the parent, where the call is answered
 * or has failed: return at once.
 */
bool in_job(struct call *call);

/* The same in parts, for an op that needs the job. NULL: the call has failed. */
struct job *job_new(struct call *call);
/* One that was not forked. */
void job_drop(struct job *job);
/* 0 in the child, which still has all descriptors; -1: the call has failed, the job is gone. In the parent the call is answered. */
pid_t job_fork(struct call *call, struct job *job);
/* In the child: closes all descriptors but 0, 1, 2, the outcome's and `keep` (-1: none). */
void job_close_others(const struct call *call, int keep);
/* In the child, after the op: hands the outcome over. */
_Noreturn void job_end(struct call *call);

struct job *job_find(int id);

/* For the op wait. What to poll, how long at most (-1: no limit), what to do afterwards. */
bool jobs_running(void);
size_t jobs_poll_count(void);
void jobs_fill_poll(struct pollfd *poll);
int64_t jobs_deadline(void);
void jobs_after_poll(const struct pollfd *poll, int64_t now);
/* Writes the event of one job that has ended, and forgets it. False: none has. */
bool jobs_take_event(struct text *event);

int64_t boot_milliseconds(void);

#endif
