/* What PID 1 does when the boot code has failed. */
#ifndef FIRSTLIGHT_RESCUE_H
#define FIRSTLIGHT_RESCUE_H

#include <stdbool.h>

#include "last_word.h"

/* What holds until the boot code says otherwise: the image's own, at `rescuePath`. */
struct rescue_policy rescue_policy_of_image(void);

/* Kills all processes but this one. `spare`: not those that are to outlive the switch, whose argv[0] starts with '@'. */
void kill_processes(bool spare);

/* Unmounts whatever may be, or hold, a new root. */
void unmount_new_root(void);

/* Shell, or the action after its delay. Returns where a fresh engine is to be started: the shell was left, or that is the action. */
void rescue(const struct rescue_policy *policy);

/* A program until it ends, with the status of waitpid(2). The errno for which it could not be started, or 0. */
int program_run(const struct program *program, int *status);

/* Sleeps, and takes the children that end meanwhile. */
void sleep_and_reap(double seconds);

#endif
