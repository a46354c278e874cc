/* pipe, run, signal, kill, inputPosition, forgetSecret */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "jobs.h"
#include "process.h"
#include "secrets.h"

/* Pipes between jobs. */

struct pipe {
  int id;
  int ends[2];
  bool given[2]; /* read end, write end: a program has it */
  struct pipe *next;
};

static struct pipe *pipes;

static struct pipe *find_pipe(int id) {
  struct pipe *pipe = pipes;
  while (pipe && pipe->id != id)
    pipe = pipe->next;
  return pipe;
}

/* A program got this end. Once both are given away, ours are closed: readers have to see the end of the file. */
static void give_end(int id, int end) {
  struct pipe **link = &pipes;
  while (*link && (*link)->id != id)
    link = &(*link)->next;
  struct pipe *pipe = *link;
  if (!pipe)
    return;
  pipe->given[end] = true;
  if (!pipe->given[!end])
    return;
  *link = pipe->next;
  close(pipe->ends[0]);
  close(pipe->ends[1]);
  free(pipe);
}

OP_DEFINITION(pipe) {
  static int last_id;
  struct pipe *pipe = calloc(1, sizeof *pipe);
  if (!pipe || pipe2(pipe->ends, O_CLOEXEC) < 0) {
    fail(call, pipe ? errno : ENOMEM, "pipe");
    free(pipe);
    return;
  }
  pipe->id = ++last_id;
  pipe->next = pipes;
  pipes = pipe;
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "pipe");
  json_integer(json, pipe->id);
  json_close(json, '}');
}

/* Standard input, output and error of a program. */

struct stream {
  enum { STREAM_NULL, STREAM_CONSOLE, STREAM_KEEP, STREAM_FILE, STREAM_TEXT, STREAM_PIPE, STREAM_SECRET } kind;
  const char *file;
  const struct json *text;
  int id; /* of a pipe or secret */
};

struct run {
  struct program program;
  struct stream streams[3];
  size_t keep_limit;
  int64_t time_limit; /* 0: none */
  bool terminal;
};

static const char *const stream_names[] = {"stdin", "stdout", "stderr"};

static struct stream stream_from_object(struct call *call, const char *name, const struct json *value) {
  const struct json *text = json_member(value, "text"), *pipe = json_member(value, "pipe"), *secret = json_member(value, "secret");
  struct stream stream = {.file = json_plain(json_member(value, "file"))};
  const struct json *id = pipe ? pipe : secret;
  if (stream.file)
    stream.kind = STREAM_FILE;
  else if (text && text->type == JSON_STRING) {
    stream.kind = STREAM_TEXT;
    stream.text = text;
  } else if (id && id->type == JSON_NUMBER && id->number >= 0 && id->number <= INT_MAX) {
    stream.kind = pipe ? STREAM_PIPE : STREAM_SECRET;
    stream.id = id->number;
  } else
    misfit(call, name, "a file, text, pipe or secret");
  return stream;
}

static struct stream arg_stream(struct call *call, int number) {
  const char *name = stream_names[number];
  const struct json *value = json_member(call->arguments, name);
  const char *word = json_plain(value);
  struct stream stream = {0};
  if (!value || (word && strcmp(word, "null") == 0))
    return stream;
  if (word && strcmp(word, "console") == 0)
    stream.kind = STREAM_CONSOLE;
  else if (word && strcmp(word, "keep") == 0)
    stream.kind = STREAM_KEEP;
  else
    stream = stream_from_object(call, name, value);
  bool input_only = stream.kind == STREAM_TEXT || stream.kind == STREAM_SECRET;
  if (number == 0 ? stream.kind == STREAM_KEEP : input_only)
    misfit(call, name, number == 0 ? "where to read from" : "where to write to");
  return stream;
}

static char **arg_strings(struct call *call, const char *name) {
  char **strings = json_plain_list(json_member(call->arguments, name), NULL);
  if (!strings)
    misfit(call, name, "an array of strings without NUL bytes");
  return strings;
}

static struct run arg_run(struct call *call) {
  struct run run = {
      .program = {.argv = arg_strings(call, "argv"),
                  .environment = has_arg(call, "env") ? arg_strings(call, "env") : NULL,
                  .root = arg_path_or(call, "root", NULL),
                  .directory = arg_path_or(call, "cwd", NULL),
                  .uid = arg_integer_or(call, "uid", 0, UINT_MAX - 1, -1),
                  .gid = arg_integer_or(call, "gid", 0, UINT_MAX - 1, -1)},
      .keep_limit = arg_integer_or(call, "keepLimit", 0, 1 << 24, 65536),
      .time_limit = arg_integer_or(call, "timeLimit", 1, INT_MAX, 0),
      .terminal = arg_flag_or(call, "terminal", false),
  };
  if (run.program.argv && (!run.program.argv[0] || !*run.program.argv[0]))
    misfit(call, "argv", "a program");
  for (int i = 0; i < 3; i++)
    run.streams[i] = arg_stream(call, i);
  return run;
}

/* Before /dev is there, an empty file in memory does. */
static int open_null(void) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  return null < 0 ? memfd_create("null", MFD_CLOEXEC) : null;
}

static int open_text(const struct json *text) {
  int file = memfd_create("text", MFD_CLOEXEC);
  if (file >= 0 && (write(file, text->bytes, text->length) != (ssize_t)text->length || lseek(file, 0, SEEK_SET) < 0)) {
    close(file);
    return -1;
  }
  return file;
}

/* In the child: the descriptor of a stream; -1 and errno. `kept`: write ends of the pipes to the parent. */
static int open_stream(const struct run *run, int number, const int kept[2]) {
  const struct stream *stream = &run->streams[number];
  const struct pipe *pipe = find_pipe(stream->id);
  switch (stream->kind) {
  case STREAM_CONSOLE:
    return fcntl(number, F_DUPFD_CLOEXEC, 3);
  case STREAM_KEEP:
    return kept[number - 1];
  case STREAM_FILE:
    return open(stream->file, number == 0 ? O_RDONLY | O_NOCTTY | O_CLOEXEC : O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0644);
  case STREAM_TEXT:
    return open_text(stream->text);
  case STREAM_PIPE:
    errno = EBADF;
    return pipe ? pipe->ends[number > 0] : -1;
  case STREAM_SECRET:
    return secret_open(stream->id);
  default:
    return open_null();
  }
}

static bool share_a_file(const struct run *run) {
  const struct stream *out = &run->streams[1], *err = &run->streams[2];
  return out->kind == STREAM_FILE && err->kind == STREAM_FILE && strcmp(out->file, err->file) == 0;
}

/* In the child. The call fails, or the program runs and this never returns. */
static void become_program(struct call *call, const struct run *run, const int kept[2]) {
  int opened[3];
  const char *step;
  /* A shell without job control is better than none. */
  if (run->terminal)
    terminal_take();
  for (int i = 0; i < 3; i++) {
    opened[i] = i == 2 && share_a_file(run) ? opened[1] : open_stream(run, i, kept);
    if (opened[i] < 0)
      return fail(call, errno, run->streams[i].kind == STREAM_FILE ? run->streams[i].file : stream_names[i]);
  }
  for (int i = 0; i < 3; i++)
    dup2(opened[i], i);
  job_close_others(call, -1);
  oom_score_set("0");
  jobs_restore_stack_limit();
  umask(022);
  int error = program_execute(&run->program, &step);
  fail(call, error, step);
}

/* In the parent, before the fork: the pipes for what is kept. */
static bool open_kept(struct call *call, const struct run *run, struct job *job, int write_ends[2]) {
  for (int i = 0; i < 2; i++) {
    int ends[2];
    if (run->streams[i + 1].kind != STREAM_KEEP)
      continue;
    if (pipe2(ends, O_CLOEXEC) < 0) {
      fail(call, EAGAIN, "pipe");
      return false;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    job->kept[i] = (struct kept){.fd = ends[0], .wanted = true, .limit = run->keep_limit};
    write_ends[i] = ends[1];
  }
  return true;
}

static void start_program(struct call *call, const struct run *run) {
  int kept[2] = {-1, -1};
  struct job *job = job_new(call);
  if (!job)
    return;
  job->program = true;
  job->deadline = run->time_limit ? boot_milliseconds() + run->time_limit : 0;
  if (!open_kept(call, run, job, kept))
    job_drop(job);
  else if (job_fork(call, job) == 0)
    return become_program(call, run, kept);
  for (int i = 0; i < 2; i++)
    if (kept[i] >= 0)
      close(kept[i]);
  for (int i = 0; i < 3 && !call_failed(call); i++)
    if (run->streams[i].kind == STREAM_PIPE)
      give_end(run->streams[i].id, i > 0);
}

OP_DEFINITION(run) {
  struct run run = arg_run(call);
  if (!call_failed(call))
    start_program(call, &run);
  free(run.program.argv);
  free(run.program.environment);
}

static int arg_signal(struct call *call) {
  int number = signal_number(arg_text(call, "signal"));
  if (!number)
    misfit(call, "signal", "the name of a signal, SIGTERM");
  return number;
}

OP_DEFINITION(signal) {
  struct job *job = job_find(arg_integer(call, "job", 0, INT_MAX));
  int number = arg_signal(call);
  if (!call_failed(call) && (!job || signal_session(job->pid, number) == ESRCH))
    fail(call, ESRCH, NULL);
}

OP_DEFINITION(kill) {
  /* Neither PID 1 nor a group of processes. */
  pid_t process = arg_integer(call, "process", 2, INT_MAX);
  int number = arg_signal(call);
  if (!call_failed(call) && kill(process, number) < 0)
    fail(call, errno, NULL);
}

OP_DEFINITION(inputPosition) {
  char path[64], text[256];
  struct job *job = job_find(arg_integer(call, "job", 0, INT_MAX));
  if (call_failed(call))
    return;
  if (!job)
    return fail(call, ESRCH, NULL);
  snprintf(path, sizeof path, "/proc/%d/fdinfo/0", job->pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
  int error = errno;
  if (file >= 0)
    close(file);
  if (length < 0)
    return fail(call, error == ESRCH ? ESRCH : ENOENT, path);
  text[length] = 0;
  long long position = 0;
  sscanf(text, "pos: %lld", &position);
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "position");
  json_integer(json, position);
  json_close(json, '}');
}

OP_DEFINITION(forgetSecret) {
  int secret = arg_integer(call, "secret", 0, INT_MAX);
  if (!call_failed(call) && !secret_forget(secret))
    fail(call, ENOENT, NULL);
}
