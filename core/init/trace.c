/* trace */
#include "trace.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"
#include "files.h"

enum { room_for_cut = 32 };

static enum { IN_MEMORY, IN_FILE, ENDED } state;
static struct text kept;           /* IN_MEMORY: all lines so far */
static int file, cut;              /* cut: the errno for which lines in memory were lost */
static size_t size, limit;         /* of the file */
static size_t last;                /* of what was written to it at last */
static const char *name;           /* of the op that is asked now */
static const struct call *current;

void trace_ask(const char *op, const struct call *call) {
  name = op;
  current = call;
}

/* What came from boot code can be anything; a line and its parts end where they do. Blanks mean the same between JSON's tokens, and within strings it has none. */
static void add_on_one_line(struct text *line, const char *bytes, size_t length) {
  size_t start = line->length;
  text_add(line, bytes, length);
  if (!line->failed && (memchr(bytes, '\t', length) || memchr(bytes, '\n', length)))
    for (size_t at = start; at < line->length; at++)
      if (line->bytes[at] == '\t' || line->bytes[at] == '\n')
        line->bytes[at] = ' ';
}

static void make_line(struct text *line) {
  struct timespec now;
  char time[32];
  clock_gettime(CLOCK_BOOTTIME, &now);
  text_clear(line);
  text_add(line, time, snprintf(time, sizeof time, "%lld\t", now.tv_sec * 1000000LL + now.tv_nsec / 1000));
  add_on_one_line(line, name, strlen(name));
  text_add(line, "\t", 1);
  add_on_one_line(line, current->source, current->source_length);
  text_add(line, "\t", 1);
  text_add(line, current->outcome.bytes, current->outcome.length);
  text_add(line, "\n", 1);
}

/* True: all was written. Else the file is as before. */
static bool append(const char *bytes, size_t length, int *error) {
  ssize_t written = write(file, bytes, length);
  if (written == (ssize_t)length) {
    size += last = length;
    return true;
  }
  *error = written < 0 ? errno : ENOSPC;
  if (written > 0 && ftruncate(file, size) < 0)
    *error = errno;
  return false;
}

static void end_file(void) {
  close(file);
  state = ENDED;
}

static void cut_file(int why) {
  char line[room_for_cut];
  int length = snprintf(line, sizeof line, TRACE_CUT "\t%s\n", errno_name(why));
  /* Where the file system is full to the last byte, the line before it gives it room. */
  if (!append(line, length, &why) && ftruncate(file, size -= last) == 0)
    append(line, length, &why);
  end_file();
}

static void write_lines(const struct text *lines) {
  int error = EFBIG;
  if (size + lines->length + room_for_cut > limit || !append(lines->bytes, lines->length, &error))
    cut_file(error);
}

static void keep(const struct text *line) {
  if (cut)
    return;
  if (kept.length + line->length > TRACE_FIRST_LIMIT)
    cut = EFBIG;
  else
    text_add(&kept, line->bytes, line->length);
  if (kept.failed)
    cut = ENOMEM;
}

void trace_answer(void) {
  static struct text line; /* its buffer is used again */
  if (!current || state == ENDED) {
    current = NULL;
    return;
  }
  make_line(&line);
  current = NULL;
  if (line.failed) {
    if (state == IN_FILE)
      cut_file(ENOMEM);
    else
      cut = ENOMEM;
  } else if (state == IN_FILE)
    write_lines(&line);
  else
    keep(&line);
}

OP_DEFINITION(trace) {
  const struct json *where = json_member(call->arguments, "path");
  if (where && where->type == JSON_NULL) {
    if (state == IN_FILE)
      end_file();
    state = ENDED;
    return text_free(&kept);
  }
  const char *path = arg_path(call, "path"), *head = arg_text(call, "head");
  size_t most = arg_integer(call, "limit", TRACE_LEAST_LIMIT, INT_MAX);
  if (strchr(head, '\n'))
    misfit(call, "head", "one line");
  if (call_failed(call))
    return;
  int new_file = open_for_writing(call, path, 0600, true);
  if (new_file < 0)
    return;
  if (ftruncate(new_file, 0) < 0) {
    fail(call, errno, NULL);
    close(new_file);
    return;
  }
  if (state == IN_FILE)
    end_file();
  state = IN_FILE;
  file = new_file;
  size = last = 0;
  limit = most;
  struct text first_line = {0};
  text_add(&first_line, head, strlen(head));
  text_add(&first_line, "\n", 1);
  write_lines(&first_line);
  text_free(&first_line);
  if (state == IN_FILE && kept.length)
    write_lines(&kept);
  if (state == IN_FILE && cut)
    cut_file(cut);
  text_free(&kept);
  cut = 0;
}
