/* What the kernel command line says of drivers, as the boot code has written it down (core/abi/image.ts, driverSettingsPath). */
#ifndef FIRSTLIGHT_DRIVER_SETTINGS_H
#define FIRSTLIGHT_DRIVER_SETTINGS_H

#include <stdbool.h>

#include "text.h"

/* The file's text; empty where there is none. The errno, or 0. */
int driver_settings_read(const char *path, struct text *settings);

bool driver_settings_blacklist(const struct text *settings, const char *driver);

/* Adds all options of a driver to `parameters`. */
void driver_settings_options(const struct text *settings, const char *driver, struct text *parameters);

#endif
