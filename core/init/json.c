#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { deepest = 32 };

struct reader {
  const char *at, *end;
  struct json *node, *last_node; /* the next free one, the end of them */
  char *bytes;                   /* where the next string goes */
};

static bool read_value(struct reader *reader, struct json *value, int depth);

/* No text has more values than this: each but the first follows one of these characters. */
static size_t most_values(const char *text, size_t length) {
  size_t count = 1;
  bool inside = false;
  for (size_t i = 0; i < length; i++)
    if (text[i] == '\\' && inside)
      i++;
    else if (text[i] == '"')
      inside = !inside;
    else if (!inside && (text[i] == ',' || text[i] == ':' || text[i] == '['))
      count++;
  return count;
}

static void skip_space(struct reader *reader) {
  while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
    reader->at++;
}

static bool take(struct reader *reader, char c) {
  if (reader->at == reader->end || *reader->at != c)
    return false;
  reader->at++;
  return true;
}

static bool take_word(struct reader *reader, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
    return false;
  reader->at += length;
  return true;
}

/* Four hexadecimal digits; -1 if they are not there. */
static long read_unit(struct reader *reader) {
  long unit = 0;
  if (reader->end - reader->at < 4)
    return -1;
  for (int i = 0; i < 4; i++) {
    char c = *reader->at++;
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0)
      return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

static void put_code_point(struct reader *reader, unsigned long code) {
  if (code < 0x80) {
    *reader->bytes++ = code;
    return;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
  *reader->bytes++ = lead[more] | code >> 6 * more;
  while (more--)
    *reader->bytes++ = 0x80 | (code >> 6 * more & 0x3f);
}

/* What follows "\u". */
static bool read_unicode_escape(struct reader *reader) {
  long unit = read_unit(reader);
  if (unit < 0)
    return false;
  if (unit >= 0xd800 && unit < 0xdc00) {
    if (!take(reader, '\\') || !take(reader, 'u'))
      return false;
    long low = read_unit(reader);
    if (low < 0xdc00 || low > 0xdfff)
      return false;
    put_code_point(reader, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
  } else if (unit >= 0xdc80 && unit <= 0xdcff)
    *reader->bytes++ = unit - 0xdc00;
  else if (unit >= 0xdc00 && unit <= 0xdfff)
    return false;
  else
    put_code_point(reader, unit);
  return true;
}

/* What follows a backslash. */
static bool read_escape(struct reader *reader) {
  static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  if (reader->at == reader->end)
    return false;
  char c = *reader->at++;
  if (c == 'u')
    return read_unicode_escape(reader);
  const char *name = c ? strchr(names, c) : NULL;
  if (!name)
    return false;
  *reader->bytes++ = meanings[name - names];
  return true;
}

static bool read_string(struct reader *reader, const char **bytes, size_t *length) {
  if (!take(reader, '"'))
    return false;
  *bytes = reader->bytes;
  while (!take(reader, '"')) {
    if (reader->at == reader->end)
      return false;
    if (take(reader, '\\')) {
      if (!read_escape(reader))
        return false;
      continue;
    }
    size_t step = utf8_sequence(reader->at, reader->end - reader->at);
    if (!step || (unsigned char)*reader->at < 0x20)
      return false;
    memcpy(reader->bytes, reader->at, step);
    reader->bytes += step;
    reader->at += step;
  }
  *length = reader->bytes - *bytes;
  *reader->bytes++ = 0;
  return true;
}

static bool skip_digits(struct reader *reader) {
  const char *start = reader->at;
  while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
    reader->at++;
  return reader->at > start;
}

static bool read_number(struct reader *reader, double *number) {
  const char *start = reader->at;
  take(reader, '-');
  if (!take(reader, '0') && !skip_digits(reader))
    return false;
  if (take(reader, '.') && !skip_digits(reader))
    return false;
  if (take(reader, 'e') || take(reader, 'E')) {
    if (!take(reader, '+'))
      take(reader, '-');
    if (!skip_digits(reader))
      return false;
  }
  *number = strtod(start, NULL);
  return true;
}

static bool read_key(struct reader *reader, struct json *value) {
  size_t length;
  if (!read_string(reader, &value->key, &length) || strlen(value->key) != length)
    return false;
  skip_space(reader);
  return take(reader, ':');
}

/* What follows the opening bracket of an array or object. */
static bool read_members(struct reader *reader, struct json *value, char end, int depth) {
  const struct json **link = &value->first;
  skip_space(reader);
  if (take(reader, end))
    return true;
  do {
    if (reader->node == reader->last_node)
      return false;
    struct json *member = reader->node++;
    skip_space(reader);
    if ((end == '}' && !read_key(reader, member)) || !read_value(reader, member, depth + 1))
      return false;
    *link = member;
    link = &member->next;
    skip_space(reader);
  } while (take(reader, ','));
  return take(reader, end);
}

static bool read_value(struct reader *reader, struct json *value, int depth) {
  if (depth > deepest)
    return false;
  skip_space(reader);
  if (take(reader, '{')) {
    value->type = JSON_OBJECT;
    return read_members(reader, value, '}', depth);
  }
  if (take(reader, '[')) {
    value->type = JSON_ARRAY;
    return read_members(reader, value, ']', depth);
  }
  if (reader->at < reader->end && *reader->at == '"') {
    value->type = JSON_STRING;
    return read_string(reader, &value->bytes, &value->length);
  }
  if (take_word(reader, "null"))
    return true;
  value->type = JSON_BOOLEAN;
  value->boolean = take_word(reader, "true");
  if (value->boolean || take_word(reader, "false"))
    return true;
  value->type = JSON_NUMBER;
  return read_number(reader, &value->number);
}

struct json *json_read(const char *text, size_t length) {
  size_t values = most_values(text, length);
  /* A string is never longer as bytes than as JSON, its quotes make room for its NUL. */
  struct json *root = calloc(1, values * sizeof *root + length);
  if (!root)
    return NULL;
  struct reader reader = {text, text + length, root + 1, root + values, (char *)(root + values)};
  bool good = read_value(&reader, root, 0);
  skip_space(&reader);
  if (good && reader.at == reader.end)
    return root;
  free(root);
  return NULL;
}

const struct json *json_member(const struct json *object, const char *key) {
  const struct json *found = NULL;
  if (object && object->type == JSON_OBJECT)
    for (const struct json *member = object->first; member; member = member->next)
      if (strcmp(member->key, key) == 0)
        found = member;
  return found;
}

const char *json_plain(const struct json *value) {
  return value && value->type == JSON_STRING && strlen(value->bytes) == value->length ? value->bytes : NULL;
}

char **json_plain_list(const struct json *array, const char *first) {
  if (!array || array->type != JSON_ARRAY)
    return NULL;
  size_t count = 2;
  for (const struct json *element = array->first; element; element = element->next)
    count++;
  char **list = calloc(count, sizeof *list), **end = list;
  if (list && first)
    *end++ = (char *)first;
  for (const struct json *element = array->first; list && element; element = element->next) {
    *end = (char *)json_plain(element);
    if (*end++)
      continue;
    free(list);
    return NULL;
  }
  return list;
}
