/* A strict JSON reader (RFC 8259). Strings become bytes as core/abi/values.ts says: \udcXX alone is the byte 0xXX. */
#ifndef FIRSTLIGHT_JSON_H
#define FIRSTLIGHT_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
  enum json_type type;
  bool boolean;
  double number;
  const char *bytes; /* of a string; bytes[length] is NUL, and there may be others before */
  size_t length;
  const char *key;           /* if it is a member of an object */
  const struct json *first;  /* element or member of an array or object */
  const struct json *next;   /* element or member of the one that it lies in */
};

/* The value that `text` holds, all of it; NULL if it is not JSON, nested deeper than 32, or memory ran out. One block: free() it.
 * text[length] must be NUL. */
struct json *json_read(const char *text, size_t length);

/* The member of that name; NULL if there is none, or if `object` is no object. Of several the last, as in JavaScript. */
const struct json *json_member(const struct json *object, const char *key);

/* A string without NUL bytes; NULL if `value` is none. */
const char *json_plain(const struct json *value);

/* The strings of an array, ended by NULL, after `first` where that is not NULL: free() it, the strings belong to `array`.
 * NULL if `array` is no array of strings without NUL bytes, or memory ran out. */
char **json_plain_list(const struct json *array, const char *first);

#endif
