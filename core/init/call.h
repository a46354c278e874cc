/* One call of an op: its arguments, and the outcome that the op writes. */
#ifndef FIRSTLIGHT_CALL_H
#define FIRSTLIGHT_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "json.h"
#include "text.h"

struct call {
  const struct json *arguments;
  const char *source; /* the arguments as they came, JSON */
  size_t source_length;
  struct text outcome;
  enum { CALL_OPEN, CALL_ANSWERED, CALL_FAILED } state;
  int result; /* in a job's child: where the outcome goes; else -1 */
};

/*
 * Arguments by name. One that is missing or does not fit makes the call fail with EINVAL; an op fetches all of its arguments, then returns if
 * call_failed(). Those with a default may be left out.
 */
const char *arg_path(struct call *call, const char *name);               /* not empty */
const char *arg_path_or(struct call *call, const char *name, const char *otherwise);
const char *arg_text(struct call *call, const char *name);               /* without NUL bytes */
const struct json *arg_bytes(struct call *call, const char *name);       /* a string, any bytes */
const struct json *arg_list(struct call *call, const char *name);
bool arg_flag(struct call *call, const char *name);
bool arg_flag_or(struct call *call, const char *name, bool otherwise);
/* An integer of least..most. */
int64_t arg_integer(struct call *call, const char *name, int64_t least, int64_t most);
int64_t arg_integer_or(struct call *call, const char *name, int64_t least, int64_t most, int64_t otherwise);
mode_t arg_mode_or(struct call *call, const char *name, mode_t otherwise);
bool has_arg(const struct call *call, const char *name);

static inline bool call_failed(const struct call *call) {
  return call->state == CALL_FAILED;
}

/* An op by its name in core/abi; the generated abi.h lists them all. */
#define OP_DEFINITION(name) void op_##name(struct call *call)

/* The op has failed, for good. `detail`: what errno and arguments do not say; may be NULL. */
void fail(struct call *call, int error, const char *detail);
void misfit(struct call *call, const char *name, const char *expected);

/* Where to write the JSON of the result, one value. An op that neither asks for this nor fails has the result {}. */
struct text *answer(struct call *call);
/* Completes the outcome's JSON. */
void call_finish(struct call *call);

/* "ENOENT" */
const char *errno_name(int error);
void json_errno(struct text *text, int error, const char *detail);

#endif
