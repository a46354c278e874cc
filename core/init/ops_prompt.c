/* prompt */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "console.h"
#include "jobs.h"
#include "secrets.h"

enum { most_terminals = 8, longest_line = 1024 };

struct terminal {
  int fd; /* -1: it went away */
  bool changed;
  struct termios before;
  char line[longest_line];
  size_t length;
};

static struct terminal terminals[most_terminals];
static int terminal_count;
static volatile sig_atomic_t cancelled;

static void cancel(int signal) {
  (void)signal;
  cancelled = 1;
}

/* Keys come one by one and unseen: Ctrl-C is a key as well, since this is nobody's controlling terminal. */
static void add_terminal(int fd) {
  if (fd < 0 || terminal_count == most_terminals) {
    if (fd >= 0)
      close(fd);
    return;
  }
  struct terminal *terminal = &terminals[terminal_count++];
  *terminal = (struct terminal){.fd = fd};
  terminal->changed = tcgetattr(fd, &terminal->before) == 0;
  struct termios keys = terminal->before;
  keys.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  if (terminal->changed)
    tcsetattr(fd, TCSANOW, &keys);
}

/* Every terminal that is a console. Opened for this prompt only: a descriptor kept open does not survive a hang-up. */
static void open_terminals(void) {
  char names[256], path[300];
  int list = open("/sys/class/tty/console/active", O_RDONLY | O_CLOEXEC);
  ssize_t length = list < 0 ? 0 : read(list, names, sizeof names - 1);
  names[length > 0 ? length : 0] = 0;
  if (list >= 0)
    close(list);
  for (char *rest = names, *name; (name = strsep(&rest, " \n"));) {
    snprintf(path, sizeof path, "/dev/%s", name);
    if (*name)
      add_terminal(open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
  if (terminal_count == 0)
    add_terminal(console_open());
}

static void close_terminal(struct terminal *terminal) {
  if (terminal->fd < 0)
    return;
  if (terminal->changed)
    tcsetattr(terminal->fd, TCSANOW, &terminal->before);
  close(terminal->fd);
  terminal->fd = -1;
}

static void show(const struct terminal *terminal, const char *bytes, size_t length) {
  while (length) {
    ssize_t written = write(terminal->fd, bytes, length);
    if (written <= 0)
      return; /* a terminal that cannot show may still be able to read */
    bytes += written;
    length -= written;
  }
}

static void show_everywhere(const char *bytes, size_t length) {
  for (int i = 0; i < terminal_count; i++)
    if (terminals[i].fd >= 0)
      show(&terminals[i], bytes, length);
}

/* Takes the last character off the line; false if there is none. */
static bool erase(struct terminal *terminal) {
  if (terminal->length == 0)
    return false;
  while (--terminal->length && (terminal->line[terminal->length] & 0xc0) == 0x80)
    ;
  return true;
}

enum key_result { KEY_MORE, KEY_DONE, KEY_CANCEL };

static enum key_result take_key(struct terminal *terminal, unsigned char key, bool secret) {
  enum { ctrl_c = 3, ctrl_d = 4, backspace = 8, ctrl_u = 21, delete = 127 };
  char byte = key;
  switch (key) {
  case '\r':
  case '\n':
    return KEY_DONE;
  case ctrl_c:
  case ctrl_d:
    return KEY_CANCEL;
  case backspace:
  case delete:
  case ctrl_u:
    while (erase(terminal)) {
      if (!secret)
        show(terminal, "\b \b", 3);
      if (key != ctrl_u)
        break;
    }
    return KEY_MORE;
  default:
    if (key >= ' ' && terminal->length < longest_line) {
      terminal->line[terminal->length++] = byte;
      if (!secret)
        show(terminal, &byte, 1);
    }
    return KEY_MORE;
  }
}

/* Keys that are there; the rest of what was typed after the line is lost with the descriptor's mode, as with any login. */
static enum key_result read_keys(struct terminal *terminal, bool secret) {
  char keys[64];
  ssize_t count = read(terminal->fd, keys, sizeof keys);
  enum key_result result = KEY_MORE;
  if (count <= 0 && errno != EINTR)
    close_terminal(terminal);
  for (ssize_t i = 0; i < count && result == KEY_MORE; i++)
    result = take_key(terminal, keys[i], secret);
  explicit_bzero(keys, sizeof keys);
  return result;
}

/* The terminal whose line is complete; NULL and the errno if there is none. */
static struct terminal *read_line(bool secret, int64_t deadline, int *error) {
  while (!cancelled) {
    struct pollfd fds[most_terminals];
    bool any = false;
    for (int i = 0; i < terminal_count; i++) {
      fds[i] = (struct pollfd){.fd = terminals[i].fd, .events = POLLIN};
      any = any || terminals[i].fd >= 0;
    }
    int64_t left = deadline ? deadline - boot_milliseconds() : -1;
    *error = any ? ETIMEDOUT : EIO;
    if (!any || (deadline && left <= 0))
      return NULL;
    if (poll(fds, terminal_count, left > INT_MAX ? INT_MAX : (int)left) <= 0)
      continue;
    for (int i = 0; i < terminal_count; i++) {
      enum key_result result = fds[i].revents && terminals[i].fd >= 0 ? read_keys(&terminals[i], secret) : KEY_MORE;
      if (result == KEY_DONE)
        return &terminals[i];
      if (result == KEY_CANCEL)
        cancelled = 1;
    }
  }
  *error = ECANCELED;
  return NULL;
}

static void answer_line(struct call *call, const struct terminal *terminal, int secret, int secret_file) {
  if (secret && write(secret_file, terminal->line, terminal->length) != (ssize_t)terminal->length)
    return fail(call, EIO, "secret");
  struct text *json = answer(call);
  json_open(json, '{');
  if (secret) {
    json_key(json, "secret");
    json_integer(json, secret);
  } else {
    json_key(json, "line");
    json_bytes(json, terminal->line, terminal->length);
  }
  json_close(json, '}');
}

/* In the child. */
static void ask(struct call *call, const struct json *text, int64_t time_limit, int secret, int secret_file) {
  int error = 0;
  const struct sigaction action = {.sa_handler = cancel};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  open_terminals();
  show_everywhere(text->bytes, text->length);
  struct terminal *terminal = read_line(secret != 0, time_limit ? boot_milliseconds() + time_limit : 0, &error);
  show_everywhere("\r\n", 2);
  if (terminal)
    answer_line(call, terminal, secret, secret_file);
  else
    fail(call, error, NULL);
  for (int i = 0; i < terminal_count; i++)
    close_terminal(&terminals[i]);
  explicit_bzero(terminals, sizeof terminals);
}

OP_DEFINITION(prompt) {
  const struct json *text = arg_bytes(call, "text");
  bool wants_secret = arg_flag(call, "secret");
  int64_t time_limit = arg_integer_or(call, "timeLimit", 1, INT_MAX, 0);
  int secret_file = -1;
  struct job *job = call_failed(call) ? NULL : job_new(call);
  if (!job)
    return;
  if (wants_secret && !(job->secret = secret_new(&secret_file))) {
    fail(call, errno == EMFILE || errno == ENFILE ? EAGAIN : ENOMEM, "secret");
    return job_drop(job);
  }
  int secret = job->secret;
  pid_t pid = job_fork(call, job);
  if (pid == 0) {
    job_close_others(call, secret_file);
    ask(call, text, time_limit, secret, secret_file);
  } else if (pid < 0 && secret)
    secret_forget(secret);
}
