/* The CPU as the host: its team is OpenMP's, so that oneDNN and our kernels share one
 * set of threads. */
#ifndef OPERATORS_CPU_HOST_H
#define OPERATORS_CPU_HOST_H

#include "graph/core/host.h"

const igi_host *igi_cpu_host(void);

#endif
