/* now, randomSeed, kernel, log, print, setLimits */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "console.h"
#include "engine.h"

#ifndef GRND_INSECURE
#define GRND_INSECURE 4 /* since Linux 5.6 */
#endif

static void json_milliseconds(struct text *json, const char *name, clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  json_key(json, name);
  json_integer(json, time.tv_sec * 1000LL + time.tv_nsec / 1000000);
}

OP_DEFINITION(now) {
  struct text *json = answer(call);
  json_open(json, '{');
  json_milliseconds(json, "realtime", CLOCK_REALTIME);
  json_milliseconds(json, "monotonic", CLOCK_BOOTTIME);
  json_close(json, '}');
}

OP_DEFINITION(randomSeed) {
  unsigned char seed[16] = {0};
  char digits[2 * sizeof seed + 1];
  if (getrandom(seed, sizeof seed, GRND_INSECURE) < 0 && getrandom(seed, sizeof seed, GRND_NONBLOCK) < 0) {
    /* An old kernel whose pool is not ready: the clock is all that differs from boot to boot. */
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    memcpy(seed, &time, sizeof time < sizeof seed ? sizeof time : sizeof seed);
  }
  for (size_t i = 0; i < sizeof seed; i++)
    snprintf(digits + 2 * i, 3, "%02x", seed[i]);
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "seed");
  json_string(json, digits);
  json_close(json, '}');
}

OP_DEFINITION(kernel) {
  struct utsname name;
  uname(&name);
  struct text *json = answer(call);
  json_open(json, '{');
  json_key(json, "release");
  json_string(json, name.release);
  json_key(json, "machine");
  json_string(json, name.machine);
  json_key(json, "engine");
  json_integer(json, engine_facts.number);
  json_key(json, "status");
  if (engine_facts.status < 0)
    json_null(json);
  else
    json_integer(json, engine_facts.status);
  if (engine_facts.failure) {
    json_key(json, "failure");
    json_string(json, errno_name(engine_facts.failure));
  }
  if (engine_facts.state) {
    json_key(json, "state");
    json_bytes(json, engine_facts.state, strlen(engine_facts.state));
  }
  json_key(json, "invokedAs");
  json_string(json, engine_facts.invoked_as);
  json_key(json, "arguments");
  json_open(json, '[');
  for (char **argument = engine_facts.arguments; *argument; argument++)
    json_string(json, *argument);
  json_close(json, ']');
  if (engine_facts.snapshot) {
    json_key(json, "snapshot");
    json_string(json, engine_facts.snapshot);
  }
  json_close(json, '}');
}

OP_DEFINITION(log) {
  int level = arg_integer(call, "level", 0, 7);
  const struct json *text = arg_bytes(call, "text");
  if (call_failed(call))
    return;
  int error = ring_write(level, text->bytes, text->length);
  if (error)
    fail(call, error == ENOENT ? ENOENT : EIO, "/dev/kmsg");
}

OP_DEFINITION(print) {
  const struct json *text = arg_bytes(call, "text");
  if (!call_failed(call) && console_write(text->bytes, text->length))
    fail(call, EIO, "console");
}

OP_DEFINITION(setLimits) {
  int64_t turn = arg_integer(call, "turn", 1, 86400000);
  if (!call_failed(call))
    engine_limit(turn);
}
