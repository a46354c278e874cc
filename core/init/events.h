#ifndef FIRSTLIGHT_EVENTS_H
#define FIRSTLIGHT_EVENTS_H

/* Ends of children are noticed from here on, by the op wait. */
void events_start(void);

#endif
