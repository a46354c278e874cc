#include "jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process.h"
#include "secrets.h"

static struct job *jobs;
static int last_id;
static struct rlimit stack_limit;

void jobs_set_stack_limit(const struct rlimit *limit) {
  stack_limit = *limit;
}

void jobs_restore_stack_limit(void) {
  setrlimit(RLIMIT_STACK, &stack_limit);
}

int64_t boot_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct job *job_find(int id) {
  for (struct job *job = jobs; job; job = job->next)
    if (job->id == id && !job->ended)
      return job;
  return NULL;
}

void job_drop(struct job *job) {
  if (job->result >= 0)
    close(job->result);
  for (int i = 0; i < 2; i++) {
    if (job->kept[i].fd >= 0)
      close(job->kept[i].fd);
    text_free(&job->kept[i].bytes);
  }
  text_free(&job->outcome);
  free(job);
}

struct job *job_new(struct call *call) {
  struct job *job = calloc(1, sizeof *job);
  if (!job) {
    fail(call, ENOMEM, NULL);
    return NULL;
  }
  job->result = job->kept[0].fd = job->kept[1].fd = -1;
  job->id = ++last_id;
  return job;
}

pid_t job_fork(struct call *call, struct job *job) {
  int ends[2];
  pid_t pid = -1;
  if (pipe2(ends, O_CLOEXEC) == 0) {
    job->result = ends[0];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid = fork();
    if (pid < 0)
      close(ends[1]);
  }
  if (pid < 0) {
    fail(call, errno == ENOMEM ? ENOMEM : EAGAIN, "fork");
    job_drop(job);
    return -1;
  }
  if (pid == 0) {
    process_reset();
    call->result = ends[1];
    return 0;
  }
  close(ends[1]);
  job->pid = pid;
  struct job **last = &jobs;
  while (*last)
    last = &(*last)->next;
  *last = job;
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "job");
  json_integer(json, job->id);
  json_close(json, '}');
  return pid;
}

void job_close_others(const struct call *call, int keep) {
  close_all_but(call->result, keep);
}

bool in_job(struct call *call) {
  struct job *job = call_failed(call) ? NULL : job_new(call);
  if (!job || job_fork(call, job) != 0)
    return false;
  job_close_others(call, -1);
  return true;
}

_Noreturn void job_end(struct call *call) {
  const char *bytes = call->outcome.bytes;
  size_t left = call->outcome.length;
  while (left) {
    ssize_t written = write(call->result, bytes, left);
    if (written < 0)
      _exit(1);
    bytes += written;
    left -= written;
  }
  _exit(0);
}

/* Reading what jobs write. */

/* Keeps the first and the last half of the limit once there is much more than that. */
static void shorten(struct kept *kept) {
  size_t first = kept->limit / 2, last = kept->limit - first;
  if (kept->bytes.length <= kept->limit)
    return;
  memmove(kept->bytes.bytes + first, kept->bytes.bytes + kept->bytes.length - last, last);
  kept->bytes.length = kept->limit;
}

/* Reads what is there into `text`. Closes the descriptor at the end of the file. */
static bool read_some(int *fd, struct text *text) {
  char buffer[16384];
  ssize_t length = read(*fd, buffer, sizeof buffer);
  if (length > 0)
    text_add(text, buffer, length);
  else if (length == 0 || (errno != EAGAIN && errno != EINTR)) {
    close(*fd);
    *fd = -1;
  }
  return length > 0;
}

static bool read_kept(struct kept *kept) {
  bool more = read_some(&kept->fd, &kept->bytes);
  if (kept->bytes.length / 2 > kept->limit)
    shorten(kept);
  return more;
}

/* A process that the program has left behind may hold the pipes open: what is in them now is all that counts. */
static void read_rest(struct job *job) {
  while (job->result >= 0 && read_some(&job->result, &job->outcome))
    ;
  for (int i = 0; i < 2; i++) {
    while (job->kept[i].fd >= 0 && read_kept(&job->kept[i]))
      ;
    shorten(&job->kept[i]);
  }
}

/* Takes every child that has ended: jobs, and orphans that this subreaper was given. */
static void reap(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    for (struct job *job = jobs; job; job = job->next)
      if (job->pid == pid && !job->ended) {
        job->ended = true;
        job->status = status;
        read_rest(job);
      }
}

bool jobs_running(void) {
  return jobs != NULL;
}

size_t jobs_poll_count(void) {
  size_t count = 0;
  for (struct job *job = jobs; job; job = job->next)
    count += 3;
  return count;
}

void jobs_fill_poll(struct pollfd *poll) {
  for (struct job *job = jobs; job; job = job->next) {
    *poll++ = (struct pollfd){.fd = job->result, .events = POLLIN};
    *poll++ = (struct pollfd){.fd = job->kept[0].fd, .events = POLLIN};
    *poll++ = (struct pollfd){.fd = job->kept[1].fd, .events = POLLIN};
  }
}

int64_t jobs_deadline(void) {
  int64_t first = -1;
  for (struct job *job = jobs; job; job = job->next)
    if (job->deadline && !job->timed_out && (first < 0 || job->deadline < first))
      first = job->deadline;
  return first;
}

void jobs_after_poll(const struct pollfd *poll, int64_t now) {
  for (struct job *job = jobs; job; job = job->next, poll += 3) {
    if (job->result >= 0 && poll[0].revents)
      read_some(&job->result, &job->outcome);
    for (int i = 0; i < 2; i++)
      if (job->kept[i].fd >= 0 && poll[i + 1].revents)
        read_kept(&job->kept[i]);
    if (job->deadline && now >= job->deadline && !job->timed_out && !job->ended) {
      job->timed_out = true;
      signal_session(job->pid, SIGKILL);
    }
  }
  reap();
}

/* Events. */

static void write_program_result(struct text *event, const struct job *job) {
  static const char *const names[] = {"stdout", "stderr"};
  json_open(event, '{');
  json_key(event, "value");
  json_open(event, '{');
  json_key(event, "status");
  if (WIFEXITED(job->status))
    json_integer(event, WEXITSTATUS(job->status));
  else
    json_null(event);
  json_key(event, "signal");
  if (WIFSIGNALED(job->status))
    json_string(event, signal_name(WTERMSIG(job->status)));
  else
    json_null(event);
  for (int i = 0; i < 2; i++)
    if (job->kept[i].wanted) {
      json_key(event, names[i]);
      json_bytes(event, job->kept[i].bytes.bytes, job->kept[i].bytes.length);
    }
  json_close(event, '}');
  json_close(event, '}');
}

static void write_outcome(struct text *event, const struct job *job) {
  bool spoke = job->outcome.length && WIFEXITED(job->status) && WEXITSTATUS(job->status) == 0;
  if (job->timed_out)
    json_errno(event, ETIMEDOUT, "killed");
  else if (spoke && !job->outcome.failed)
    json_verbatim(event, job->outcome.bytes, job->outcome.length);
  else if (job->program && !job->outcome.length)
    write_program_result(event, job);
  else
    json_errno(event, ECHILD, WIFSIGNALED(job->status) ? signal_name(WTERMSIG(job->status)) : "no result");
}

bool jobs_take_event(struct text *event) {
  struct job **link = &jobs;
  while (*link && !(*link)->ended)
    link = &(*link)->next;
  struct job *job = *link;
  if (!job)
    return false;
  *link = job->next;
  json_open(event, '{');
  json_key(event, "type");
  json_string(event, "job");
  json_key(event, "job");
  json_integer(event, job->id);
  json_key(event, "outcome");
  size_t outcome = event->length;
  write_outcome(event, job);
  if (job->secret && !event->failed && strncmp(event->bytes + outcome, "{\"value\"", 8) != 0)
    secret_forget(job->secret);
  json_close(event, '}');
  job_drop(job);
  return true;
}
