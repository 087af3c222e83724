/* The host: what the runtime must be able to ask of the CPU's backend, without naming
 * it.
 *
 * A table of functions, filled by operators/cpu/host.c and put into the registry by the
 * composition root.
 *
 * Teams: `parallel` calls fn(arg, tid, nth) once on each of nth threads at once, tid 0
 * being the caller, and returns true when all have returned; false, without a call,
 * when the runtime's own threads will do (graph/runtime/pool.h). They really run at the
 * same time (kernels meet at barriers), so nth may be smaller than n but never a
 * fiction. A library with threads of its own (oneDNN over OpenMP) must share this team,
 * so that two sets of threads do not wait awake for each other's CPUs. Any number of
 * callers may be inside at once, each with its own team. Memory: static and const;
 * append only. */
#ifndef GRAPH_CORE_HOST_H
#define GRAPH_CORE_HOST_H

#include <ingot/base.h>

typedef void (*igi_team_fn)(void *arg, int tid, int nth);

typedef struct igi_host {
    uint32_t struct_size;
    bool (*parallel)(const struct igi_host *d, igi_team_fn fn, void *arg, int n);
    /* NULL or: dst[i] = src[i] over dims, elements of 1, 2, 4, 8 or 16 bytes, strides
     * in elements, no overlap. By any number of threads at once. */
    void (*copy)(const struct igi_host *d,
                 size_t element,
                 int rank,
                 const int64_t *dims,
                 void *dst,
                 const int64_t *dst_strides,
                 const void *src,
                 const int64_t *src_strides);
} igi_host;
#define IGI_HOST_HEAD .struct_size = (uint32_t)sizeof(igi_host)

#endif
