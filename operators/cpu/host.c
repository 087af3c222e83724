/* Teams by OpenMP once oneDNN has run by it. A team keeps its size for a net's life:
 * changing it is slow in libgomp. Inside another parallel region the team is the caller
 * alone. */
#include "operators/cpu/host.h"

#include "operators/cpu/compute.h"

static void copy(const igi_host *d,
                 size_t element,
                 int rank,
                 const int64_t *dims,
                 void *dst,
                 const int64_t *dst_strides,
                 const void *src,
                 const int64_t *src_strides)
{
    (void)d;
    igi_copy c = {.element = element,
                  .rank = rank,
                  .dims = dims,
                  .dst = dst,
                  .dst_strides = dst_strides,
                  .src = src,
                  .src_strides = src_strides};
    igi_cpu_copy_nd(igi_cpu_isa_best(), &c);
}

#ifdef _OPENMP
#include <omp.h>
#include <stdatomic.h>

static atomic_bool library_runs;

static bool parallel(const igi_host *d, igi_team_fn fn, void *arg, int n)
{
    (void)d;
    if (!atomic_load_explicit(&library_runs, memory_order_relaxed))
        return false;
#pragma omp parallel num_threads(n)
    fn(arg, omp_get_thread_num(), omp_get_num_threads());
    return true;
}

void igi_cpu_library_runs(void)
{
    atomic_store_explicit(&library_runs, true, memory_order_relaxed);
}

static const igi_host cpu = {IGI_HOST_HEAD, .parallel = parallel, .copy = copy};
#else
void igi_cpu_library_runs(void)
{
}

static const igi_host cpu = {IGI_HOST_HEAD, .copy = copy};
#endif

const igi_host *igi_cpu_host(void)
{
    return &cpu;
}
