/* A growing byte buffer, and JSON written into it. */
#ifndef FIRSTLIGHT_TEXT_H
#define FIRSTLIGHT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
  char *bytes; /* NULL as long as nothing was added; else bytes[length] is NUL */
  size_t length, room;
  bool failed; /* memory ran out: what it holds is not complete */
};

void text_add(struct text *text, const char *bytes, size_t length);
void text_clear(struct text *text);
void text_free(struct text *text);

/* Values are separated by themselves: a comma is written wherever one is due. */
void json_open(struct text *text, char bracket);
void json_close(struct text *text, char bracket);
void json_key(struct text *text, const char *name);
/* Bytes that are not UTF-8 become \udcXX, as core/abi/values.ts says. */
void json_bytes(struct text *text, const char *bytes, size_t length);
void json_string(struct text *text, const char *string);
void json_integer(struct text *text, long long number);
void json_boolean(struct text *text, bool value);
void json_null(struct text *text);
/* JSON that is complete by itself. */
void json_verbatim(struct text *text, const char *json, size_t length);

/* Length (1..4) of the UTF-8 sequence at `bytes`, 0 if it is none: overlong forms, surrogates and what lies beyond U+10FFFF are none. */
size_t utf8_sequence(const char *bytes, size_t left);

#endif
