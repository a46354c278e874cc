/*
 * PID 1. It starts the engine, waits for it, and does what its last word says; it takes the children that are left to it, and never exits.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "console.h"
#include "engine.h"
#include "image.h"
#include "last_word.h"
#include "modprobe.h"
#include "process.h"
#include "rescue.h"
#include "switch.h"

enum { no_status = -1, longest_reason = 512 };

/* An engine that ended: its last word, or why there is none. */
struct ending {
  struct json *json; /* what the word's strings belong to */
  struct last_word word;
  char reason[longest_reason]; /* empty: there is a word */
};

/* Sets the policy or the last word from one message. False: it is nonsense. */
static bool take_message(const char *message, ssize_t length, struct rescue_policy *policy, struct ending *ending) {
  struct json *json = length > 0 ? json_read(message + 1, length - 1) : NULL;
  bool good = false;
  if (json && message[0] == message_policy)
    good = rescue_policy_read(json, policy);
  if (json && message[0] == message_last_word && !ending->json) {
    good = last_word_read(json, &ending->word);
    ending->json = json;
  } else
    free(json);
  return good;
}

/* The engine is gone: everything that it said is in the socket. */
static void take_messages(int socket, struct rescue_policy *policy, struct ending *ending) {
  static char message[longest_message + 1];
  ssize_t length;
  while ((length = recv(socket, message, sizeof message - 1, MSG_DONTWAIT)) > 0) {
    message[length] = 0;
    if (!take_message(message, length, policy, ending))
      snprintf(ending->reason, sizeof ending->reason, "the engine told PID 1 something that makes no sense");
  }
}

static void explain_death(struct ending *ending, int status) {
  if (WIFSIGNALED(status))
    snprintf(ending->reason, sizeof ending->reason, "the engine was killed by %s", signal_name(WTERMSIG(status)));
  else
    snprintf(ending->reason, sizeof ending->reason, "the engine ended without a last word (status %d)", WEXITSTATUS(status));
}

/* Starts an engine and waits until it has ended. */
static void run_engine(struct rescue_policy *policy, struct ending *ending) {
  int sockets[2] = {-1, -1}, status;
  pid_t child = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0 ? -1 : fork();
  if (child == 0) {
    close(sockets[0]);
    engine_main(sockets[1]);
  }
  if (child < 0) {
    snprintf(ending->reason, sizeof ending->reason, "cannot start the engine: %s", errno_name(errno));
    close(sockets[0]);
    close(sockets[1]);
    return;
  }
  close(sockets[1]);
  pid_t pid;
  do
    pid = waitpid(-1, &status, 0);
  while (pid != child && (pid >= 0 || errno == EINTR));
  take_messages(sockets[0], policy, ending);
  close(sockets[0]);
  if (!ending->json && !*ending->reason)
    explain_death(ending, status);
}

/* Runs the program of the last word, and keeps for the next engine how it ended. */
static void run_program(const struct last_word *word) {
  enum { not_started = 127 }; /* as shells have it */
  int status = 0;
  if (word->others != OTHERS_KEEP)
    kill_processes(word->others == OTHERS_SPARE);
  engine_facts.failure = program_run(&word->program, &status);
  if (engine_facts.failure)
    engine_facts.status = not_started;
  else
    engine_facts.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  /* With other streams nobody is at the console; the next engine knows. */
  if (engine_facts.failure && !word->program.streams[0])
    report("cannot start %s: %s", word->program.argv[0], errno_name(engine_facts.failure));
}

static void keep_state(const char *state) {
  free(engine_facts.state);
  engine_facts.state = state ? strdup(state) : NULL;
}

/* Does what the last word says. Where it cannot be done, the reason is in `ending`. */
static void obey(struct ending *ending) {
  const struct last_word *word = &ending->word;
  if (word->word == WORD_REBOOT || word->word == WORD_RUN)
    keep_state(word->state);
  switch (word->word) {
  case WORD_SWITCH:
    kill_processes(true);
    switch_root(word, ending->reason, sizeof ending->reason);
    break;
  case WORD_REBOOT:
    kill_processes(false);
    console_drain();
    reboot(word->power);
    engine_facts.failure = errno;
    snprintf(ending->reason, sizeof ending->reason, "the machine does not restart or halt: reboot(2): %s", errno_name(errno));
    break;
  case WORD_RUN:
    run_program(word);
    break;
  default:
    snprintf(ending->reason, sizeof ending->reason, "%s", word->reason);
  }
}

/* One engine, from its start to what follows from its end. True: it did what it was for. */
static bool run_once(struct rescue_policy *policy) {
  struct ending ending = {0};
  run_engine(policy, &ending);
  engine_facts.number++;
  engine_facts.status = no_status;
  engine_facts.failure = 0;
  if (!*ending.reason)
    obey(&ending);
  bool failed = *ending.reason;
  bool retry = ending.json && ending.word.word == WORD_FAILED && ending.word.retry;
  engine_facts.failed = engine_facts.failed || failed;
  if (failed)
    report_failure("%s: %s", retry ? "the boot starts again" : "the boot has failed", ending.reason);
  if (failed && !policy->again) {
    kill_processes(false);
    /* Half a root must not be taken for one, nor hold memory that the next try needs. */
    unmount_new_root();
  }
  if (failed && !retry) {
    rescue(policy);
    if (!policy->again)
      kill_processes(false);
  }
  last_word_free(&ending.word);
  free(ending.json);
  return !failed;
}

/* Copies of the arguments, which the process list then shows no more: they are the new root's init's, or nobody's. */
static char **take_arguments(int count, char **arguments) {
  char **copies = calloc(count + 1, sizeof *copies);
  for (int i = 0; copies && i < count; i++) {
    copies[i] = strdup(arguments[i]);
    memset(arguments[i], 0, strlen(arguments[i]));
  }
  return copies ? copies : arguments;
}

_Noreturn static void guard(int argc, char **argv) {
  enum { shortest = 2, pause = 1 }; /* seconds: what fails at once again and again must not keep the machine busy */
  /* The kernel gives no others; whoever else starts an init may have forgotten some. */
  close_all_but(-1, -1);
  signals_block();
  console_prepare();
  engine_facts = (struct engine_facts){.number = 1, .status = no_status, .invoked_as = argv[0], .arguments = take_arguments(argc - 1, argv + 1)};
  struct rescue_policy policy = rescue_policy_of_image();
  /* Of the engines to come. */
  image_hold(BUNDLE_PATH);
  image_hold(SNAPSHOT_PATH);
  for (;;) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    bool good = run_once(&policy);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (!good && end.tv_sec - start.tv_sec < shortest)
      sleep_and_reap(pause);
  }
}

int main(int argc, char **argv) {
  if (argc > 0 && strcmp(basename(argv[0]), "modprobe") == 0)
    return modprobe_main(argc, argv);
  if (getpid() == 1)
    guard(argc, argv);
  fprintf(stderr, "firstlight's init is the first program of an initramfs: only the kernel can start it.\n");
  return 1;
}
