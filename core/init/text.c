#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct text *text, size_t more) {
  size_t wanted = text->length + more + 1;
  if (wanted <= text->room)
    return true;
  size_t room = text->room ? text->room : 256;
  while (room < wanted)
    room *= 2;
  char *bytes = text->failed ? NULL : realloc(text->bytes, room);
  if (!bytes) {
    text->failed = true;
    return false;
  }
  text->bytes = bytes;
  text->room = room;
  return true;
}

void text_add(struct text *text, const char *bytes, size_t length) {
  if (!length || !make_room(text, length))
    return;
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = 0;
}

void text_clear(struct text *text) {
  text->length = 0;
  text->failed = false;
}

void text_free(struct text *text) {
  free(text->bytes);
  *text = (struct text){0};
}

/* A value follows: after another value it needs a comma. No value ends in a character of "{[:". */
static void separate(struct text *text) {
  if (text->length && !strchr("{[:", text->bytes[text->length - 1]))
    text_add(text, ",", 1);
}

void json_open(struct text *text, char bracket) {
  separate(text);
  text_add(text, &bracket, 1);
}

void json_close(struct text *text, char bracket) {
  text_add(text, &bracket, 1);
}

void json_key(struct text *text, const char *name) {
  json_string(text, name);
  text_add(text, ":", 1);
}

size_t utf8_sequence(const char *bytes, size_t left) {
  const unsigned char *b = (const unsigned char *)bytes;
  size_t length = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : b[0] < 0xf5 ? 4 : 0;
  if (length > left)
    return 0;
  for (size_t i = 1; i < length; i++)
    if ((b[i] & 0xc0) != 0x80)
      return 0;
  bool overlong = (b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xf0 && b[1] < 0x90);
  bool surrogate = b[0] == 0xed && b[1] > 0x9f;
  bool beyond = b[0] == 0xf4 && b[1] > 0x8f;
  return overlong || surrogate || beyond ? 0 : length;
}

/* Bytes at the start that stand in a JSON string as they are. */
static size_t plain_run(const char *bytes, size_t length) {
  size_t at = 0;
  while (at < length) {
    unsigned char c = bytes[at];
    size_t step = c < 0x20 || c == '"' || c == '\\' ? 0 : utf8_sequence(bytes + at, length - at);
    if (!step)
      break;
    at += step;
  }
  return at;
}

void json_bytes(struct text *text, const char *bytes, size_t length) {
  separate(text);
  text_add(text, "\"", 1);
  while (length) {
    size_t plain = plain_run(bytes, length);
    text_add(text, bytes, plain);
    bytes += plain;
    length -= plain;
    if (!length)
      break;
    unsigned char c = *bytes++;
    length--;
    char escape[8];
    int size;
    if (c == '"' || c == '\\')
      size = snprintf(escape, sizeof escape, "\\%c", c);
    else if (c == '\n')
      size = snprintf(escape, sizeof escape, "\\n");
    else
      size = snprintf(escape, sizeof escape, "\\u%04x", c < 0x20 ? c : 0xdc00 + c);
    text_add(text, escape, size);
  }
  text_add(text, "\"", 1);
}

void json_string(struct text *text, const char *string) {
  json_bytes(text, string, strlen(string));
}

void json_verbatim(struct text *text, const char *json, size_t length) {
  separate(text);
  text_add(text, json, length);
}

void json_integer(struct text *text, long long number) {
  char digits[24];
  json_verbatim(text, digits, snprintf(digits, sizeof digits, "%lld", number));
}

void json_boolean(struct text *text, bool value) {
  json_verbatim(text, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct text *text) {
  json_verbatim(text, "null", 4);
}
