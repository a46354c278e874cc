/* The process that runs the boot code. */
#ifndef FIRSTLIGHT_ENGINE_H
#define FIRSTLIGHT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What PID 1 tells an engine. */
struct engine_facts {
  unsigned number;        /* of engines started in this boot, this one included */
  bool failed;            /* one of those before this one */
  int status;             /* of the last word `run`; -1: there was none */
  int failure;            /* the errno for which the last word could not be obeyed, or 0 */
  char *state;            /* of the last word that had one, unless one without came after it; or NULL */
  const char *invoked_as; /* PID 1's own argv[0] */
  char **arguments;       /* and those after it */
  const char *snapshot;   /* what is wrong with the image's; NULL: nothing. The engine itself finds out. */
};
extern struct engine_facts engine_facts;

/* A message to PID 1 is one packet: one of these characters, then JSON (core/abi/values.ts). */
enum { message_policy = 'P', message_last_word = 'L', longest_message = 131072 };

/* Evaluates the bundle and calls globalThis.turn() until the last word. `guardian`: socket to PID 1. */
_Noreturn void engine_main(int guardian);

/* One message to PID 1; the errno, or 0. */
int engine_tell(char kind, const char *json, size_t length);
/* The last word is said: leaves without a trace. */
_Noreturn void engine_leave(int status);
/* The last word "failed" with this reason. */
_Noreturn void engine_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Processor time that the boot code may use from one wait to the next. */
void engine_limit(int64_t milliseconds);
void engine_start_turn(void);

#endif
