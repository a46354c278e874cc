/* What the WebAssembly module imports, and its memory. */
#ifndef FIRSTLIGHT_HOST_H
#define FIRSTLIGHT_HOST_H

#include <stdint.h>

#include "glue.h"

/* The one instance of this process and its linear memory. */
extern ENGINE_INSTANCE engine_instance;

/* Makes the instance; a trap may follow from here on. */
void host_start(void);
/* Address of `length` bytes of the module's memory; traps if they are not all in it. Good until the next call into the module. */
char *host_bytes(uint32_t pointer, uint32_t length);
/* Answers of engine.c. */
uint32_t engine_call_function(uint32_t context, uint32_t argc, uint32_t argv);
int engine_interrupted(void);
void engine_memory_short(void);

#endif
