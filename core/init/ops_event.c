/* listenUevents, wait */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "engine.h"
#include "events.h"
#include "jobs.h"
#include "process.h"

enum { kernel_group = 1, longest_uevent = 16384 /* UEVENT_BUFFER_SIZE is 2048, the header comes on top */ };

static int uevents = -1;
static sigset_t while_waiting;

/* Only wakes ppoll. */
static void on_child(int signal) {
  (void)signal;
}

void events_start(void) {
  struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
  sigset_t child;
  sigaction(SIGCHLD, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, &while_waiting);
  sigdelset(&while_waiting, SIGCHLD);
}

OP_DEFINITION(listenUevents) {
  int size = arg_integer(call, "receiveBuffer", 1, 1 << 30);
  if (call_failed(call) || uevents >= 0)
    return;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = kernel_group};
  int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    fail(call, errno == ENOBUFS ? ENOBUFS : EPROTONOSUPPORT, "netlink socket");
    if (fd >= 0)
      close(fd);
    return;
  }
  uevents = fd;
}

static void type_of_event(struct text *json, const char *type) {
  json_open(json, '{');
  json_key(json, "type");
  json_string(json, type);
}

/* "ACTION@DEVPATH", then KEY=value lines, each ended by NUL. */
static void write_uevent(struct text *json, const char *message, size_t length) {
  const char *end = message + length, *at = strchr(message, '@');
  type_of_event(json, "uevent");
  json_key(json, "action");
  json_bytes(json, message, at - message);
  json_key(json, "devpath");
  json_string(json, at + 1);
  json_key(json, "properties");
  json_open(json, '{');
  for (const char *line = message + strlen(message) + 1; line < end; line += strlen(line) + 1) {
    const char *equals = strchr(line, '=');
    if (!equals || strncmp(line, "ACTION=", 7) == 0 || strncmp(line, "DEVPATH=", 8) == 0)
      continue;
    json_bytes(json, line, equals - line);
    text_add(json, ":", 1);
    json_string(json, equals + 1);
  }
  json_close(json, '}');
  json_close(json, '}');
}

/* Writes the next of the kernel's messages as an event. False: there was none. */
static bool take_uevent(struct call *call) {
  char message[longest_uevent];
  struct sockaddr_nl sender;
  socklen_t sender_size = sizeof sender;
  ssize_t length = recvfrom(uevents, message, sizeof message - 1, 0, (struct sockaddr *)&sender, &sender_size);
  if (length < 0 && errno == ENOBUFS) {
    struct text *json = answer(call);
    type_of_event(json, "uevents-lost");
    json_close(json, '}');
    return true;
  }
  /* Only the kernel has the port 0; a message of anybody else's is no uevent. */
  if (length <= 0 || sender.nl_pid != 0)
    return false;
  message[length] = 0;
  if (!strchr(message, '@'))
    return false;
  write_uevent(answer(call), message, length);
  return true;
}

static bool take_job_event(struct call *call) {
  struct text event = {0};
  bool taken = jobs_take_event(&event);
  if (taken)
    json_verbatim(answer(call), event.bytes, event.length);
  if (event.failed)
    fail(call, ENOMEM, NULL);
  text_free(&event);
  return taken;
}

/* Sleeps until something happens, at most until `deadline` (-1: no limit). The errno, or 0. `uevent`: one can be read. */
static int sleep_until(int64_t deadline, bool *uevent) {
  size_t count = jobs_poll_count() + 1;
  struct pollfd *fds = calloc(count, sizeof *fds);
  if (!fds)
    return ENOMEM;
  fds[0] = (struct pollfd){.fd = uevents, .events = POLLIN};
  jobs_fill_poll(fds + 1);
  int64_t job_deadline = jobs_deadline();
  if (job_deadline >= 0 && (deadline < 0 || job_deadline < deadline))
    deadline = job_deadline;
  int64_t left = deadline < 0 ? 0 : deadline - boot_milliseconds();
  if (left < 0)
    left = 0;
  struct timespec timeout = {left / 1000, left % 1000 * 1000000};
  int error = ppoll(fds, count, deadline < 0 ? NULL : &timeout, &while_waiting) < 0 && errno != EINTR ? errno : 0;
  *uevent = fds[0].revents != 0;
  /* Always: where a descriptor is ready already, ppoll lets no signal in, and a storm of uevents would hide that a job has ended. */
  jobs_after_poll(fds + 1, boot_milliseconds());
  free(fds);
  return error;
}

static void wait_for_event(struct call *call, int64_t deadline) {
  /* A job that ended comes before the kernel's messages: there may be very many of those. */
  while (!take_job_event(call)) {
    bool uevent;
    int error = sleep_until(deadline, &uevent);
    if (error)
      return fail(call, error == ENOMEM ? ENOMEM : EIO, "poll");
    if (take_job_event(call) || (uevent && take_uevent(call)))
      return;
    if (deadline >= 0 && boot_milliseconds() >= deadline) {
      struct text *json = answer(call);
      type_of_event(json, "timeout");
      json_close(json, '}');
      return;
    }
  }
}

OP_DEFINITION(wait) {
  const struct json *until = json_member(call->arguments, "until");
  bool for_ever = until && until->type == JSON_NULL;
  if (!for_ever && (!until || until->type != JSON_NUMBER || !(until->number >= 0 && until->number < 1e15)))
    return misfit(call, "until", "milliseconds since the kernel started, or null");
  if (for_ever && uevents < 0 && !jobs_running())
    return fail(call, EIO, "nothing to wait for: no job runs, nobody listens to uevents");
  /* Out of memory takes this process last; /proc may not be there from the start. */
  static bool protected;
  protected = protected || oom_score_set("-999");
  /* Fractions are rounded up: who waits until a deadline is not woken before it. */
  int64_t deadline = for_ever ? -1 : (int64_t)(until->number + 0.999999);
  wait_for_event(call, deadline);
  engine_start_turn();
}
