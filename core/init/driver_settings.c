#include "driver_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

enum { longest_settings = 1 << 16 };

int driver_settings_read(const char *path, struct text *settings) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return errno == ENOENT ? 0 : errno;
  int error = read_bytes(file, longest_settings, settings);
  close(file);
  return error;
}

/* The rest of the next line "KEYWORD DRIVER rest"; NULL: there is no more. `*at` is where to look, and moves on. */
static const char *next_line(const char **at, const char *keyword, const char *driver, size_t *length) {
  size_t keyword_length = strlen(keyword), driver_length = strlen(driver);
  while (*at && **at) {
    const char *line = *at, *end = strchrnul(line, '\n');
    *at = *end ? end + 1 : end;
    if (strncmp(line, keyword, keyword_length) != 0 || line[keyword_length] != ' ')
      continue;
    const char *name = line + keyword_length + 1, *rest = name + driver_length;
    if (strncmp(name, driver, driver_length) != 0 || (*rest != ' ' && rest != end))
      continue;
    rest += rest != end;
    *length = end - rest;
    return rest;
  }
  return NULL;
}

bool driver_settings_blacklist(const struct text *settings, const char *driver) {
  const char *at = settings->bytes;
  size_t length;
  return next_line(&at, "blacklist", driver, &length) != NULL;
}

void driver_settings_options(const struct text *settings, const char *driver, struct text *parameters) {
  const char *at = settings->bytes, *options;
  size_t length;
  while ((options = next_line(&at, "options", driver, &length))) {
    if (parameters->length)
      text_add(parameters, " ", 1);
    text_add(parameters, options, length);
  }
}
