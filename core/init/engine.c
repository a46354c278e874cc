/*
 * QuickJS, as WebAssembly translated to C, in a process of its own: running out of memory or stack, or never coming to an end, takes this
 * process and leaves PID 1. Ownership of the QTS_ functions' values: whatever they return is malloc'ed in the module and belongs to the caller.
 */
#include "engine.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "console.h"
#include "events.h"
#include "host.h"
#include "image.h"
#include "jobs.h"
#include "process.h"
#include "snapshot.h"
#include "trace.h"
#if __has_include("wasm-rt-exceptions.h")
/* wabt 1.0.33 and newer */
#include "wasm-rt-exceptions.h"
#endif
#include "wasm-rt-impl.h"

enum {
  /* QuickJS counts the module's own stack only. Native use is 4 times that in recursion, 15 times in deeply nested source text. */
  script_stack = 256 << 10,
  native_stack = 64 << 20,
  /* Seconds of processor time after the limit in which QuickJS may end the code itself, and so tell where it was. */
  grace = 1,
  op_function = 1, /* any id but 0 */
};

struct engine_facts engine_facts;
static int guardian_socket;
static uint32_t runtime, context;
static struct itimerval turn_limit = {.it_interval = {.tv_sec = grace}, .it_value = {.tv_sec = 10}};
static volatile sig_atomic_t times_up;      /* how often the turn's time was up */
static volatile sig_atomic_t inside_script; /* the module runs, and no op */

int engine_tell(char kind, const char *json, size_t length) {
  char message[longest_message];
  if (length >= sizeof message)
    return E2BIG;
  message[0] = kind;
  memcpy(message + 1, json, length);
  return send(guardian_socket, message, length + 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

_Noreturn void engine_leave(int status) {
  trace_answer();
  _exit(status);
}

_Noreturn void engine_fail(const char *format, ...) {
  char reason[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  struct text word = {0};
  json_open(&word, '{');
  json_key(&word, "word");
  json_string(&word, "failed");
  json_key(&word, "reason");
  json_string(&word, reason);
  json_key(&word, "retry");
  json_boolean(&word, false);
  json_close(&word, '}');
  if (!word.failed)
    engine_tell(message_last_word, word.bytes, word.length);
  engine_leave(1);
}

/* Processor time. */

static const char *time_is_up(void) {
  static char text[120];
  snprintf(text, sizeof text, "the boot code used more than %.3g s of processor time without waiting for anything",
           turn_limit.it_value.tv_sec + turn_limit.it_value.tv_usec / 1e6);
  return text;
}

static void trap_if_overdue(void) {
  if (times_up > 1)
    wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
}

/* The first signal only asks QuickJS to stop (engine_interrupted). It never asks within long built-in functions: the second one traps. */
static void on_time_up(int signal) {
  (void)signal;
  times_up++;
  if (inside_script)
    trap_if_overdue();
}

int engine_interrupted(void) {
  return times_up > 0;
}

void engine_limit(int64_t milliseconds) {
  turn_limit.it_value = (struct timeval){milliseconds / 1000, milliseconds % 1000 * 1000};
  engine_start_turn();
}

void engine_start_turn(void) {
  times_up = 0;
  setitimer(ITIMER_PROF, &turn_limit, NULL);
}

/* Memory. */

/*
 * QuickJS collects cycles when its count of allocated bytes passes a threshold, but this build counts every block as 8 bytes. That is too early where
 * blocks are small (a collection costs as much as a tenth of a boot, and finds nothing), and too late where strings are big. So the threshold is
 * raised, and memory that has to grow makes the next new object collect: a threshold of 0 does (JS_NewObjectFromShape); there is no export to
 * collect at will. The place of the threshold is a fact of the one module that the build accepts.
 */
enum { threshold_at = 116, first_threshold = 262144, raised_threshold = 8 * first_threshold };

static void check_threshold(void) {
  const uint32_t expected = first_threshold;
  if (memcmp(host_bytes(runtime + threshold_at, sizeof expected), &expected, sizeof expected) != 0)
    engine_fail("this is not the engine that PID 1 was made for (garbage collection threshold)");
}

static void set_threshold(uint32_t threshold) {
  memcpy(host_bytes(runtime + threshold_at, sizeof threshold), &threshold, sizeof threshold);
}

void engine_memory_short(void) {
  if (runtime)
    set_threshold(0);
}

static uint32_t allocate(uint32_t size) {
  uint32_t pointer = QTS_malloc(size);
  if (!pointer)
    engine_fail("out of memory");
  return pointer;
}

static uint32_t copy_in(const char *bytes, uint32_t length) {
  uint32_t pointer = allocate(length + 1);
  char *copy = host_bytes(pointer, length + 1);
  memcpy(copy, bytes, length);
  copy[length] = 0;
  return pointer;
}

static uint32_t new_string(const char *bytes, uint32_t length) {
  uint32_t text = copy_in(bytes, length);
  uint32_t value = QTS_NewString(context, text);
  QTS_free(text);
  return value;
}

/* A string of the module that ends in NUL. */
static const char *module_string(uint32_t pointer) {
  return host_bytes(pointer, 1);
}

/* Exceptions. */

static uint32_t property(uint32_t object, const char *name) {
  uint32_t key = new_string(name, strlen(name));
  uint32_t value = QTS_GetProp(context, object, key);
  QTS_FreeValuePointer(context, key);
  return value;
}

/* The text of a string value into `text`, cut to fit; false if it is none. Takes over `value`. */
static bool take_string(uint32_t value, char *text, size_t size) {
  uint32_t type = QTS_Typeof(context, value);
  bool good = strcmp(module_string(type), "string") == 0;
  QTS_free(type);
  if (good) {
    uint32_t string = QTS_GetString(context, value);
    snprintf(text, size, "%s", string ? module_string(string) : "");
    if (string)
      QTS_FreeCString(context, string);
  }
  QTS_FreeValuePointer(context, value);
  return good;
}

/* Shows what was thrown and ends. `err.stack` has no "Name: message" line; running out of memory can arrive as a thrown null. */
static _Noreturn void fail_by_exception(uint32_t error) {
  static char name[100], message[400], stack[4000];
  if (times_up)
    snprintf(message, sizeof message, "%s", time_is_up());
  else if (!take_string(property(error, "message"), message, sizeof message) &&
           !take_string(QTS_DupValuePointer(context, error), message, sizeof message))
    snprintf(message, sizeof message, "out of memory, or something was thrown that is no Error");
  else if (take_string(property(error, "name"), name, sizeof name))
    memcpy(name + strlen(name), ": ", 3);
  if (take_string(property(error, "stack"), stack, sizeof stack))
    report_failure("%s%s\n%s", times_up ? "" : name, message, stack);
  engine_fail("%s%s", times_up ? "" : name, message);
}

static void check_exception(uint32_t value) {
  uint32_t error = QTS_ResolveException(context, value);
  if (error)
    fail_by_exception(error);
  /* Promise code can swallow an interrupt. */
  if (times_up)
    engine_fail("%s", time_is_up());
}

/* The one host function. */

struct op {
  const char *name;
  void (*run)(struct call *call);
};

#define OP(name) void op_##name(struct call *call);
FIRSTLIGHT_OPS(OP)
#undef OP
#define OP(name) {#name, op_##name},
static const struct op ops[] = {FIRSTLIGHT_OPS(OP)};
#undef OP

static int compare_op(const void *name, const void *op) {
  return strcmp(name, ((const struct op *)op)->name);
}

static void run_op(const char *name, struct call *call) {
  const struct op *op = bsearch(name, ops, sizeof ops / sizeof *ops, sizeof *ops, compare_op);
  struct json *arguments = json_read(call->source, call->source_length);
  call->arguments = arguments;
  if (!op)
    fail(call, ENOSYS, NULL);
  else if (!arguments || arguments->type != JSON_OBJECT)
    fail(call, EINVAL, "the arguments are not the JSON of an object");
  else
    op->run(call);
  call_finish(call);
  if (call->result >= 0)
    job_end(call);
  free(arguments);
}

/* op(name, arguments): both strings, and so is what it returns. */
uint32_t engine_call_function(uint32_t caller, uint32_t argc, uint32_t argv) {
  static struct call call; /* its buffer is used again */
  inside_script = 0;
  if (argc < 2)
    engine_fail("op needs two arguments: name, JSON");
  uint32_t name = QTS_GetString(caller, QTS_ArgvGetJSValueConstPointer(argv, 0));
  uint32_t source = QTS_GetString(caller, QTS_ArgvGetJSValueConstPointer(argv, 1));
  if (!name || !source)
    engine_fail("out of memory, or op was given something that has no text");
  text_clear(&call.outcome);
  call = (struct call){.source = module_string(source), .source_length = strlen(module_string(source)), .outcome = call.outcome, .result = -1};
  trace_ask(module_string(name), &call);
  run_op(module_string(name), &call);
  trace_answer();
  QTS_FreeCString(caller, name);
  QTS_FreeCString(caller, source);
  uint32_t result = new_string(call.outcome.bytes, call.outcome.length);
  inside_script = 1;
  trap_if_overdue();
  return result;
}

static void define_op(void) {
  uint32_t name = copy_in("op", 2);
  uint32_t function = QTS_NewFunction(context, name, 2, 0, op_function);
  uint32_t global = QTS_GetGlobalObject(context), key = new_string("op", 2);
  QTS_SetProp(context, global, key, function);
  QTS_FreeValuePointer(context, key);
  QTS_FreeValuePointer(context, function);
  QTS_FreeValuePointer(context, global);
  QTS_free(name);
}

/* The bundle. */

static uint32_t read_bundle(uint32_t *length) {
  struct image_file file;
  int error = image_open(BUNDLE_PATH, &file);
  if (error)
    engine_fail("cannot read the boot code %s: %s. Build the image anew", BUNDLE_PATH, errno_name(error));
  uint32_t code = copy_in(file.bytes, file.size);
  *length = file.size;
  image_close(&file);
  return code;
}

static void evaluate_bundle(void) {
  uint32_t length, code = read_bundle(&length), name = copy_in(BUNDLE_PATH, strlen(BUNDLE_PATH));
  inside_script = 1;
  uint32_t value = QTS_Eval(context, code, length, name, 0, 0);
  inside_script = 0;
  check_exception(value);
  QTS_FreeValuePointer(context, value);
  QTS_free(code);
  QTS_free(name);
}

/* What the build did for the snapshot (core/rehearsal/engine.ts). */
static void start_afresh(void) {
  QTS_start();
  runtime = QTS_NewRuntime();
  context = runtime ? QTS_NewContext(runtime, 0) : 0;
  if (!context)
    engine_fail("out of memory");
  check_threshold();
  define_op();
}

/* Leaves an engine that has evaluated the bundle. Where one has failed, the snapshot is not trusted again. */
static void start_script(void) {
  bool restored = !engine_facts.failed && snapshot_restore(&runtime, &context, &engine_facts.snapshot);
  if (!restored)
    start_afresh();
  set_threshold(raised_threshold);
  QTS_RuntimeSetMaxStackSize(runtime, script_stack);
  QTS_RuntimeEnableInterruptHandler(runtime);
  if (!restored)
    evaluate_bundle();
}

static void run_promises(void) {
  uint32_t job_context = allocate(sizeof job_context);
  inside_script = 1;
  uint32_t value = QTS_ExecutePendingJob(runtime, (uint32_t)-1, job_context);
  inside_script = 0;
  check_exception(value);
  QTS_FreeValuePointer(context, value);
  QTS_free(job_context);
}

static _Noreturn void take_turns(void) {
  uint32_t global = QTS_GetGlobalObject(context);
  for (;;) {
    uint32_t turn = property(global, "turn");
    inside_script = 1;
    uint32_t value = QTS_Call(context, turn, global, 0, 0);
    inside_script = 0;
    check_exception(value);
    QTS_FreeValuePointer(context, value);
    QTS_FreeValuePointer(context, turn);
    run_promises();
  }
}

static void set_limits(void) {
  struct rlimit stack;
  getrlimit(RLIMIT_STACK, &stack);
  jobs_set_stack_limit(&stack);
  if (stack.rlim_max >= native_stack)
    stack.rlim_cur = native_stack;
  setrlimit(RLIMIT_STACK, &stack);
  struct sigaction time_up = {.sa_handler = on_time_up, .sa_flags = SA_RESTART | SA_NODEFER};
  sigaction(SIGPROF, &time_up, NULL);
  engine_start_turn();
}

_Noreturn void engine_main(int guardian) {
  guardian_socket = guardian;
  signals_unblock();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  umask(0); /* modes are what the boot code says */
  events_start();
  wasm_rt_init();
  wasm_rt_trap_t trap = wasm_rt_impl_try();
  if (trap)
    engine_fail("%s", times_up ? time_is_up() : wasm_rt_strerror(trap));
  set_limits();
  host_start();
  start_script();
  run_promises();
  take_turns();
}
