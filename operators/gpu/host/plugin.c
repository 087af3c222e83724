/* The own kernels as a plugin of the device "host-gpu"; see device.h. */
#include "operators/gpu/host/device.h"

IG_PLUGIN("host-gpu", 1);

extern const ig_plugin_kernels gpu_tables[]; /* written by CMake: ig_gpu_tables */
static const ig_device_def *const devices[] = {&gpu_host_device, NULL};

IG_PLUGIN_EXPORT(.kernels = gpu_tables, .devices = devices);
