/* The console, and the kernel's ring. */
#ifndef FIRSTLIGHT_CONSOLE_H
#define FIRSTLIGHT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/* Makes sure that descriptors 0, 1 and 2 are open: the console, or a stand-in until there is one. */
void console_prepare(void);

/* Other files become descriptors 0, 1 and 2: of each list the first that can be opened; where none can, it stays. */
void console_replace(char **const lists[3]);

/* Writes all of it; the errno, or 0. */
int console_write(const char *bytes, size_t length);

/* Waits until the terminal has sent what the kernel keeps for it: a machine that restarts loses that. For some seconds, if it does not. */
void console_drain(void);

/* A descriptor of /dev/console for reading and writing that does not become the controlling terminal; -1 and errno if there is none. */
int console_open(void);

/* One record on the kernel's ring, level 0..7; the errno, or 0. */
int ring_write(int level, const char *bytes, size_t length);

/* A line of PID 1's own for a person, on the console and the ring. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and at the end of the report on why the boot has failed. */
void report_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
