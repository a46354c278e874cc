/* Secrets that prompts have read. Their bytes stay in memory files, outside of the boot code's reach. */
#ifndef FIRSTLIGHT_SECRETS_H
#define FIRSTLIGHT_SECRETS_H

#include <stdbool.h>

/* A new, empty secret: its number, its file in `fd`; 0 and errno if there is none to be had. */
int secret_new(int *fd);
bool secret_forget(int secret);
/* A descriptor that reads the secret from its start, independent of others; -1 and errno. */
int secret_open(int secret);

#endif
