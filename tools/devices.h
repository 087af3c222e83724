/* Devices that plugins bring, for commands. */
#ifndef TOOLS_DEVICES_H
#define TOOLS_DEVICES_H

#include "tools/cli.h"

/* The installed plugin of a device by name, an absolute path; "" when there is none. An
 * error when it is there but not to be trusted. */
ig_status device_plugin(const char *device, char *path, size_t size);
/* --device: loads its plugin into *r if need be (NULL: a new registry, the caller's)
 * and sees whether the hardware is there; says what fails. */
exit_code cli_device(ig_registry **r, const cli_args *a);
/* A line for each device whose plugin is installed: what it is, or what it lacks. */
void device_lines(void (*line)(const char *name, const char *text, void *user),
                  void *user);

#endif
