#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "abi.h"
#include "process.h"

/* The kernel could not open /dev/console for us (no node in the image): 0, 1 and 2 lead nowhere until devtmpfs is mounted. */
static bool stand_in;

int console_open(void) {
  return open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static bool use_console(void) {
  int console = console_open();
  if (console < 0)
    return false;
  for (int i = 0; i <= 2; i++)
    dup2(console, i);
  if (console > 2)
    close(console);
  stand_in = false;
  return true;
}

void console_prepare(void) {
  bool all_open = true;
  for (int i = 0; i <= 2; i++)
    all_open = all_open && fcntl(i, F_GETFD) >= 0;
  if (all_open || use_console())
    return;
  stand_in = true;
  int nowhere;
  while ((nowhere = memfd_create("console", 0)) >= 0 && nowhere <= 2)
    ;
  if (nowhere > 2)
    close(nowhere);
}

void console_replace(char **const lists[3]) {
  for (int i = 0; i <= 2; i++) {
    int file = -1;
    for (char **path = lists[i]; *path && file < 0; path++)
      file = open(*path, (i == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_NOCTTY | O_CLOEXEC);
    if (file < 0)
      continue;
    dup2(file, i);
    close(file);
    stand_in = stand_in && i != STDOUT_FILENO;
  }
}

int console_write(const char *bytes, size_t length) {
  bool reopened = stand_in && use_console();
  while (length) {
    ssize_t written = write(STDOUT_FILENO, bytes, length);
    if (written < 0) {
      /* A terminal that was hung up gives EIO for ever, opened anew it works. */
      if (errno == EIO && !reopened && use_console())
        reopened = true;
      else if (errno != EINTR)
        return errno;
      continue;
    }
    bytes += written;
    length -= written;
  }
  return 0;
}

/* In a child that an alarm kills: whoever holds up a serial line (RTS/CTS without a reader) does not hold up PID 1. */
void console_drain(void) {
  enum { longest = 5 }; /* seconds: the 4 KiB that the kernel keeps for a line take as long at 9600 baud */
  pid_t pid, child = fork();
  if (child == 0) {
    process_reset();
    alarm(longest);
    _exit(tcdrain(STDOUT_FILENO) < 0);
  }
  do
    pid = child < 0 ? child : waitpid(-1, NULL, 0);
  while (pid != child && (pid >= 0 || errno == EINTR));
}

int ring_write(int level, const char *bytes, size_t length) {
  enum { longest = 900 }; /* of a record, printk.c: LOG_LINE_MAX is 1024 with the prefix */
  char record[longest + 8];
  int size = snprintf(record, sizeof record, "<%d>", level);
  length = length < longest ? length : longest;
  memcpy(record + size, bytes, length);
  /* Without its end the record could be continued: nobody sees it until another one begins. */
  record[size + length] = '\n';
  /* Opened for each record: the kernel limits the rate of each open file, 10 records in 5 seconds (printk.devkmsg=ratelimit). */
  int ring = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (ring < 0)
    return errno;
  int error = write(ring, record, size + length + 1) < 0 ? errno : 0;
  close(ring);
  return error;
}

/* Before /run is there, and where it is full, the console has to do. */
static void add_to_report(const char *line, size_t length) {
  int file = open(REPORT_PATH, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (file < 0)
    return;
  while (length) {
    ssize_t written = write(file, line, length);
    if (written <= 0)
      break;
    line += written;
    length -= written;
  }
  close(file);
}

static void show_report(const char *format, va_list arguments, bool lasting) {
  char line[4096]; /* a stack trace can be long */
  int prefix = snprintf(line, sizeof line, "firstlight: ");
  if (vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments) < 0)
    return;
  size_t length = strlen(line);
  ring_write(3, line, length);
  line[length++] = '\n';
  console_write(line, length);
  if (lasting)
    add_to_report(line, length);
}

void report(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  show_report(format, arguments, false);
  va_end(arguments);
}

void report_failure(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  show_report(format, arguments, true);
  va_end(arguments);
}
