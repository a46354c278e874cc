/* The recording of all ops, in lines as core/abi/trace.ts says. Where it goes, and whether it is kept at all, the op `trace` decides. */
#ifndef FIRSTLIGHT_TRACE_H
#define FIRSTLIGHT_TRACE_H

#include "call.h"

/* An op begins. Its name and call stay where they are until trace_answer. */
void trace_ask(const char *name, const struct call *call);
/* The op has its outcome, or the engine ends within it: then without one. Nothing where no op was asked. */
void trace_answer(void);

#endif
