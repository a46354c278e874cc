/* resolveDriver, insert */
#include <errno.h>
#include <stdlib.h>

#include "abi.h"
#include "call.h"
#include "driver_index.h"
#include "jobs.h"

struct matches {
  const struct driver_index *index;
  struct text *json;
  bool corrupt;
};

static void add_match(void *data, uint32_t number) {
  struct matches *matches = data;
  struct text *json = matches->json;
  struct driver driver, file;
  if (!driver_get(matches->index, number, &driver)) {
    matches->corrupt = true;
    return;
  }
  json_open(json, '{');
  json_key(json, "name");
  json_string(json, driver.name);
  json_key(json, "chain");
  json_open(json, '[');
  for (uint32_t i = 0; i < driver.length && !matches->corrupt; i++) {
    if (!driver_chain_entry(matches->index, &driver, i, &file))
      matches->corrupt = true;
    else if (*file.path) {
      json_open(json, '{');
      json_key(json, "name");
      json_string(json, file.name);
      json_key(json, "path");
      json_string(json, file.path);
      json_key(json, "parameters");
      json_string(json, file.parameters);
      json_key(json, "size");
      json_integer(json, file.size);
      json_close(json, '}');
    }
  }
  json_close(json, ']');
  json_key(json, "blacklisted");
  json_boolean(json, driver.blacklisted);
  json_close(json, '}');
}

OP_DEFINITION(resolveDriver) {
  /* The file of an image never changes: it stays mapped. */
  static struct driver_index index;
  const char *alias = arg_text(call, "alias");
  if (call_failed(call))
    return;
  int error = index.bytes ? 0 : driver_index_open(&index, DRIVER_INDEX_PATH);
  if (!error) {
    struct matches matches = {.index = &index, .json = answer(call)};
    json_open(matches.json, '{');
    json_key(matches.json, "matches");
    json_open(matches.json, '[');
    error = driver_find(&index, alias, add_match, &matches);
    json_close(matches.json, ']');
    json_close(matches.json, '}');
    if (matches.corrupt)
      error = EBADMSG;
  } else
    index.bytes = NULL;
  if (error)
    fail(call, error, DRIVER_INDEX_PATH);
}

struct driver_file {
  const char *name, *path, *parameters;
};

/* The drivers to insert; NULL if the arguments do not fit. */
static struct driver_file *arg_drivers(struct call *call, size_t *count) {
  const struct json *list = arg_list(call, "drivers");
  *count = 0;
  for (const struct json *driver = list->first; driver; driver = driver->next)
    ++*count;
  struct driver_file *files = calloc(*count + 1, sizeof *files), *file = files;
  for (const struct json *driver = list->first; files && driver; driver = driver->next, file++) {
    *file = (struct driver_file){json_plain(json_member(driver, "name")), json_plain(json_member(driver, "path")),
                                 json_plain(json_member(driver, "parameters"))};
    if (!file->name || !file->path || !file->parameters)
      misfit(call, "drivers", "objects with name, path and parameters");
  }
  if (!files)
    fail(call, ENOMEM, NULL);
  return files;
}

OP_DEFINITION(insert) {
  size_t count;
  struct driver_file *files = arg_drivers(call, &count);
  if (in_job(call)) {
    struct text *json = answer(call);
    json_open(json, '{');
    json_key(json, "results");
    json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
      int error = driver_insert(files[i].path, files[i].parameters);
      json_open(json, '{');
      json_key(json, "name");
      json_string(json, files[i].name);
      json_key(json, "inserted");
      json_boolean(json, error == 0);
      if (error && error != EEXIST) {
        json_key(json, "error");
        json_string(json, errno_name(error));
      }
      json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
  }
  free(files);
}
