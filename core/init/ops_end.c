/* setRescuePolicy, finish, trySwitch, kexecLoad */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "engine.h"
#include "jobs.h"
#include "last_word.h"
#include "switch.h"

static void tell(struct call *call, char kind) {
  int error = engine_tell(kind, call->source, call->source_length);
  if (error)
    fail(call, error == E2BIG ? EINVAL : EPIPE, error == E2BIG ? "too long" : "PID 1 does not listen");
}

OP_DEFINITION(setRescuePolicy) {
  struct rescue_policy policy;
  if (!rescue_policy_read(call->arguments, &policy))
    return fail(call, EINVAL, "expected shell, action (reboot, poweroff, halt, none, again) and delay");
  tell(call, message_policy);
}

OP_DEFINITION(finish) {
  struct last_word word;
  if (!last_word_read(call->arguments, &word))
    fail(call, EINVAL, "expected one of the last words, with all that belongs to it");
  else
    tell(call, message_last_word);
  last_word_free(&word);
  if (!call_failed(call))
    engine_leave(0);
}

OP_DEFINITION(trySwitch) {
  char objection[longest_objection];
  struct last_word word;
  if (!last_word_read(call->arguments, &word) || word.word != WORD_SWITCH)
    fail(call, EINVAL, "expected the last word switch, with all that belongs to it");
  if (in_job(call)) {
    switch_try(&word, objection, sizeof objection);
    struct text *json = answer(call);
    json_open(json, '{');
    json_key(json, "objection");
    if (*objection)
      json_bytes(json, objection, strlen(objection));
    else
      json_null(json);
    json_close(json, '}');
  }
  last_word_free(&word);
}

OP_DEFINITION(kexecLoad) {
  enum { no_initramfs = 4 /* KEXEC_FILE_NO_INITRAMFS */ };
  const char *kernel = arg_path(call, "kernel"), *initrd = arg_path_or(call, "initrd", NULL), *cmdline = arg_text(call, "cmdline");
  if (!in_job(call))
    return;
  int kernel_file = open(kernel, O_RDONLY | O_CLOEXEC);
  if (kernel_file < 0)
    return fail(call, errno, kernel);
  int initrd_file = initrd ? open(initrd, O_RDONLY | O_CLOEXEC) : -1;
  if (initrd && initrd_file < 0)
    return fail(call, errno, initrd);
#ifdef SYS_kexec_file_load
  if (syscall(SYS_kexec_file_load, kernel_file, initrd_file, strlen(cmdline) + 1, cmdline, initrd ? 0 : no_initramfs) < 0)
    fail(call, errno, kernel);
#else
  fail(call, ENOSYS, "kexec_file_load");
#endif
}
