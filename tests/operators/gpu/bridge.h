/* A kernel of the device "host-gpu" as if it were one of the CPU: inputs go into the
 * device's memory, the kernel runs there, outputs come back. So every flow of the
 * operator suite can run it. Threads: one. */
#ifndef TESTS_OPERATORS_GPU_BRIDGE_H
#define TESTS_OPERATORS_GPU_BRIDGE_H

#include <ingot/plugin_abi.h>

/* Loads the plugin and opens a queue. False with a message on stderr. */
bool bridge_open(const char *path);
/* The plugin's device. */
const ig_device_def *bridge_device(void);
/* The plugin's tables, ended by {0}. */
const ig_plugin_kernels *bridge_tables(void);
/* The CPU kernel that stands for `kernel`, until the next call. */
const ig_kernel_def *bridge_to(const ig_kernel_def *kernel);
/* Whether outputs take the memory of an input wherever their port allows it. */
void bridge_in_place(bool in_place);

#endif
