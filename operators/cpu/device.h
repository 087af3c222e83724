/* The CPU as a device: its team is OpenMP's, so that oneDNN and our kernels share one
 * set of threads. */
#ifndef OPERATORS_CPU_DEVICE_H
#define OPERATORS_CPU_DEVICE_H

#include "graph/core/device.h"

const igi_device *igi_cpu_device(void);

#endif
