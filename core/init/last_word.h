/* What an engine tells PID 1: its last word and the rescue policy (core/abi/values.ts). */
#ifndef FIRSTLIGHT_LAST_WORD_H
#define FIRSTLIGHT_LAST_WORD_H

#include <stdbool.h>

#include "json.h"
#include "process.h"

struct last_word {
  enum { WORD_SWITCH, WORD_REBOOT, WORD_RUN, WORD_FAILED } word;
  const char *root, *init;
  char **init_argv; /* init and its arguments */
  char **moves;
  int power;        /* a command of reboot(2) */
  struct program program;
  enum { OTHERS_SPARE, OTHERS_KEEP, OTHERS_KILL } others; /* which other processes stay while the program runs */
  const char *state; /* for the next engine; NULL: none */
  const char *reason;
  bool retry;
};

enum { POWER_NONE = -1 };

struct rescue_policy {
  bool shell;
  int power; /* a command of reboot(2), or POWER_NONE */
  bool again; /* a fresh engine in place of it, and nothing is taken apart */
  double delay; /* seconds */
};

/* Both take over nothing: the strings belong to `json`. False: it is not what it should be. */
bool last_word_read(const struct json *json, struct last_word *word);
bool rescue_policy_read(const struct json *json, struct rescue_policy *policy);
void last_word_free(struct last_word *word);

/* Sets what a rescue policy's action means. False: it is no such action, nothing is set. */
bool rescue_action(const char *name, struct rescue_policy *policy);
const char *power_name(int command);

#endif
