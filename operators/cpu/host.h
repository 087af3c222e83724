/* The CPU as the host: its team is OpenMP's when oneDNN runs in this process, so that
 * it and our kernels share one set of threads. */
#ifndef OPERATORS_CPU_HOST_H
#define OPERATORS_CPU_HOST_H

#include "graph/core/host.h"

const igi_host *igi_cpu_host(void);
/* A library is about to run by several threads of OpenMP: from now on teams are of
 * those. */
void igi_cpu_library_runs(void);

#endif
