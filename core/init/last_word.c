#include "last_word.h"

#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>

/* Commands of reboot(2) by their names in the contract. */
static const struct {
  const char *name;
  int command;
} commands[] = {{"reboot", RB_AUTOBOOT}, {"poweroff", RB_POWER_OFF}, {"halt", RB_HALT_SYSTEM}, {"kexec", RB_KEXEC}};

/* POWER_NONE if there is none of that name. */
static int power_command(const char *name) {
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(name, commands[i].name) == 0)
      return commands[i].command;
  return POWER_NONE;
}

const char *power_name(int command) {
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (commands[i].command == command)
      return commands[i].name;
  return "none";
}

bool rescue_action(const char *name, struct rescue_policy *policy) {
  int command = power_command(name);
  bool again = strcmp(name, "again") == 0;
  if (command == (int)RB_KEXEC || (command == POWER_NONE && !again && strcmp(name, "none") != 0))
    return false;
  policy->power = command;
  policy->again = again;
  return true;
}

static const char *text_of(const struct json *json, const char *name) {
  const char *text = json_plain(json_member(json, name));
  return text ? text : "";
}

static bool read_switch(const struct json *json, struct last_word *word) {
  word->word = WORD_SWITCH;
  word->root = text_of(json, "root");
  word->init = text_of(json, "init");
  word->init_argv = json_plain_list(json_member(json, "arguments"), word->init);
  word->moves = json_plain_list(json_member(json, "moves"), NULL);
  return word->root[0] == '/' && word->init[0] && word->init_argv && word->moves;
}

/* Left out, or text without NUL bytes. */
static bool read_state(const struct json *json, struct last_word *word) {
  const struct json *state = json_member(json, "state");
  word->state = json_plain(state);
  return !state || word->state;
}

static bool read_others(const struct json *others, struct last_word *word) {
  const char *name = others ? json_plain(others) : "";
  bool keep = name && strcmp(name, "keep") == 0, kill = name && strcmp(name, "kill") == 0;
  word->others = keep ? OTHERS_KEEP : kill ? OTHERS_KILL : OTHERS_SPARE;
  return !others || keep || kill;
}

/* Left out, or three lists. */
static bool read_streams(const struct json *streams, struct program *program) {
  const struct json *list = streams ? streams->first : NULL;
  for (size_t i = 0; i < stream_count && list; i++, list = list->next)
    if (!(program->streams[i] = json_plain_list(list, NULL)))
      return false;
  return !streams || (!list && program->streams[stream_count - 1]);
}

static bool read_run(const struct json *json, struct last_word *word) {
  const struct json *program = json_member(json, "program"), *environment = json_member(program, "env");
  word->word = WORD_RUN;
  word->program = (struct program){
      .argv = json_plain_list(json_member(program, "argv"), NULL),
      .environment = json_plain_list(environment, NULL),
      .root = json_plain(json_member(program, "root")),
      .directory = json_plain(json_member(program, "cwd")),
      .uid = -1,
      .gid = -1,
  };
  if (!read_streams(json_member(json, "streams"), &word->program) || !read_others(json_member(json, "others"), word))
    return false;
  return word->program.argv && word->program.argv[0] && word->program.argv[0][0] && (!environment || word->program.environment);
}

bool last_word_read(const struct json *json, struct last_word *word) {
  const char *name = text_of(json, "word");
  *word = (struct last_word){0};
  if (!read_state(json, word))
    return false;
  if (strcmp(name, "switch") == 0)
    return read_switch(json, word);
  if (strcmp(name, "run") == 0)
    return read_run(json, word);
  if (strcmp(name, "reboot") == 0) {
    word->word = WORD_REBOOT;
    word->power = power_command(text_of(json, "action"));
    return word->power != POWER_NONE;
  }
  const struct json *retry = json_member(json, "retry");
  word->word = WORD_FAILED;
  word->reason = json_plain(json_member(json, "reason"));
  word->retry = retry && retry->boolean;
  return strcmp(name, "failed") == 0 && word->reason && *word->reason && retry && retry->type == JSON_BOOLEAN;
}

void last_word_free(struct last_word *word) {
  free(word->init_argv);
  free(word->moves);
  free(word->program.argv);
  free(word->program.environment);
  for (size_t i = 0; i < stream_count; i++)
    free(word->program.streams[i]);
}

bool rescue_policy_read(const struct json *json, struct rescue_policy *policy) {
  const struct json *shell = json_member(json, "shell"), *delay = json_member(json, "delay");
  bool good = shell && shell->type == JSON_BOOLEAN && delay && delay->type == JSON_NUMBER && delay->number >= 0 && delay->number < 1e9;
  if (!good || !rescue_action(text_of(json, "action"), policy))
    return false;
  policy->shell = shell->boolean;
  policy->delay = delay->number;
  return true;
}
