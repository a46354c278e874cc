/* Answers from the index alone: a job that waits for the kernel that waits for the boot code would never end. */
#include "modprobe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "call.h"
#include "driver_index.h"
#include "driver_settings.h"

struct request {
  const struct driver_index *index;
  struct text settings; /* of the kernel command line */
  char name[longest_alias];
  bool quiet;
  bool answered; /* by a driver that is in the kernel now */
  int error;
};

static void complain(const struct request *request, const char *what, int error) {
  if (!request->quiet)
    fprintf(stderr, "modprobe: %s: %s\n", what, errno_name(error));
}

/* With the options of the image, and then those of the command line: the kernel takes the last. */
static int insert(const struct request *request, const struct driver *file) {
  struct text parameters = {0};
  text_add(&parameters, file->parameters, strlen(file->parameters));
  driver_settings_options(&request->settings, file->name, &parameters);
  int error = parameters.failed ? ENOMEM : driver_insert(file->path, parameters.length ? parameters.bytes : "");
  text_free(&parameters);
  return error;
}

static void insert_chain(void *data, uint32_t number) {
  struct request *request = data;
  struct driver driver, file;
  bool good = driver_get(request->index, number, &driver);
  /* The blacklist is for aliases: who names a driver gets it. */
  if (good && strcmp(driver.name, request->name) != 0 &&
      (driver.blacklisted || driver_settings_blacklist(&request->settings, driver.name)))
    return;
  int error = 0;
  for (uint32_t i = 0; good && i < driver.length; i++) {
    good = driver_chain_entry(request->index, &driver, i, &file);
    int result = good && *file.path ? insert(request, &file) : 0;
    if (result == 0 || result == EEXIST)
      continue;
    complain(request, file.path, result);
    /* The others of a chain may be wishes only (a checksum for a better CPU); what it needs, it will miss by itself. */
    if (strcmp(file.name, driver.name) == 0)
      error = result;
  }
  if (!good || error)
    request->error = error ? error : EBADMSG;
  else
    request->answered = true;
}

int modprobe_main(int argc, char **argv) {
  struct request request = {0};
  const char *name = NULL;
  bool options = true;
  for (int i = 1; i < argc && !name; i++) {
    if (options && strcmp(argv[i], "--") == 0)
      options = false;
    else if (options && (strcmp(argv[i], "-q") == 0 || strcmp(argv[i], "--quiet") == 0))
      request.quiet = true;
    else if (options && argv[i][0] == '-') {
      fprintf(stderr, "modprobe: unknown option %s. Usage: modprobe [-q] [--] NAME\n", argv[i]);
      return 1;
    } else
      name = argv[i];
  }
  if (!name || !driver_normalize(name, request.name)) {
    fprintf(stderr, "modprobe: no name given. Usage: modprobe [-q] [--] NAME\n");
    return 1;
  }
  struct driver_index index;
  request.index = &index;
  request.error = driver_index_open(&index, DRIVER_INDEX_PATH);
  if (!request.error)
    request.error = driver_settings_read(DRIVER_SETTINGS_PATH, &request.settings);
  if (!request.error)
    request.error = driver_find(&index, name, insert_chain, &request);
  if (request.error || !request.answered)
    complain(&request, name, request.error ? request.error : ENOENT);
  return request.error || !request.answered;
}
