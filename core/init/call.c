#include "call.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *errno_name(int error) {
  const char *name = strerrorname_np(error);
  return name ? name : "EIO";
}

void json_errno(struct text *text, int error, const char *detail) {
  json_open(text, '{');
  json_key(text, "error");
  json_open(text, '{');
  json_key(text, "errno");
  json_string(text, errno_name(error));
  if (detail) {
    json_key(text, "detail");
    json_string(text, detail);
  }
  json_close(text, '}');
  json_close(text, '}');
}

void fail(struct call *call, int error, const char *detail) {
  text_clear(&call->outcome);
  json_errno(&call->outcome, error, detail);
  call->state = CALL_FAILED;
}

void misfit(struct call *call, const char *name, const char *expected) {
  char detail[160];
  if (call_failed(call))
    return;
  snprintf(detail, sizeof detail, "%s: expected %s", name, expected);
  fail(call, EINVAL, detail);
}

struct text *answer(struct call *call) {
  text_clear(&call->outcome);
  text_add(&call->outcome, "{\"value\":", 9);
  call->state = CALL_ANSWERED;
  return &call->outcome;
}

void call_finish(struct call *call) {
  if (call->state == CALL_OPEN)
    text_add(answer(call), "{}", 2);
  if (call->state == CALL_ANSWERED)
    json_close(&call->outcome, '}');
  if (call->outcome.failed) {
    text_free(&call->outcome);
    fail(call, ENOMEM, NULL);
  }
}

bool has_arg(const struct call *call, const char *name) {
  return json_member(call->arguments, name) != NULL;
}

const char *arg_text(struct call *call, const char *name) {
  const char *text = json_plain(json_member(call->arguments, name));
  if (!text)
    misfit(call, name, "a string without NUL bytes");
  return text ? text : "";
}

const char *arg_path(struct call *call, const char *name) {
  const char *path = arg_text(call, name);
  if (!*path)
    misfit(call, name, "a path");
  return path;
}

const char *arg_path_or(struct call *call, const char *name, const char *otherwise) {
  return has_arg(call, name) ? arg_path(call, name) : otherwise;
}

static const struct json *arg_of_type(struct call *call, const char *name, enum json_type type, const char *expected) {
  static const struct json nothing = {.type = JSON_NULL, .bytes = ""};
  const struct json *value = json_member(call->arguments, name);
  if (value && value->type == type)
    return value;
  misfit(call, name, expected);
  return &nothing;
}

const struct json *arg_bytes(struct call *call, const char *name) {
  return arg_of_type(call, name, JSON_STRING, "a string");
}

const struct json *arg_list(struct call *call, const char *name) {
  return arg_of_type(call, name, JSON_ARRAY, "an array");
}

bool arg_flag(struct call *call, const char *name) {
  return arg_of_type(call, name, JSON_BOOLEAN, "true or false")->boolean;
}

bool arg_flag_or(struct call *call, const char *name, bool otherwise) {
  return has_arg(call, name) ? arg_flag(call, name) : otherwise;
}

int64_t arg_integer(struct call *call, const char *name, int64_t least, int64_t most) {
  char expected[80];
  snprintf(expected, sizeof expected, "an integer of %lld..%lld", (long long)least, (long long)most);
  double number = arg_of_type(call, name, JSON_NUMBER, expected)->number;
  if (number == floor(number) && number >= (double)least && number <= (double)most)
    return (int64_t)number;
  misfit(call, name, expected);
  return least;
}

int64_t arg_integer_or(struct call *call, const char *name, int64_t least, int64_t most, int64_t otherwise) {
  return has_arg(call, name) ? arg_integer(call, name, least, most) : otherwise;
}

mode_t arg_mode_or(struct call *call, const char *name, mode_t otherwise) {
  return arg_integer_or(call, name, 0, 07777, otherwise);
}
