/* The device "host-gpu": a GPU made of memory that nobody may touch and of loops, on
 * which own kernels and the runtime's handling of devices are tested.
 *
 * Its memory has no access rights but while work runs, and pages without rights around
 * each block: host code that touches it, and a kernel that leaves its block, end the
 * process. Work is kept in the queue and done when somebody waits, so what reads too
 * early or frees too early shows. Kernels run first to last and last to first by turns.
 *
 * Threads: as <ingot/device.h> says. */
#ifndef OPERATORS_GPU_HOST_DEVICE_H
#define OPERATORS_GPU_HOST_DEVICE_H

#include "operators/gpu/gpu.h"

IG_EXTERN_C_BEGIN

/* Runs a kernel of n parts, in rising or falling order. */
typedef void (*gpu_host_fn)(const void *kernel, int64_t n, bool backwards);

/* The kernel is copied. */
ig_status gpu_host_launch(
    gpu_queue *q, gpu_host_fn run, const void *kernel, size_t bytes, int64_t n);
gpu_fault *gpu_host_fault(gpu_queue *q);
/* Does all work, then copies. DEVICE while the queue keeps a graph. */
ig_status gpu_host_fetch(gpu_queue *q, void *host, const void *device, size_t bytes);

extern const ig_device_def gpu_host_device;

IG_EXTERN_C_END

#endif
