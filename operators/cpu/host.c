/* Teams by OpenMP. A team keeps its size for a net's life: changing it is slow in
 * libgomp. Inside another parallel region the team is the caller alone. */
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

static void parallel(const igi_host *d, igi_team_fn fn, void *arg, int n)
{
    (void)d;
#pragma omp parallel num_threads(n)
    fn(arg, omp_get_thread_num(), omp_get_num_threads());
}

static void nothing(void *arg, int tid, int nth)
{
    (void)arg, (void)tid, (void)nth;
}

static void warm_up(const igi_host *d, int n)
{
    parallel(d, nothing, NULL, n);
}

static const igi_host cpu = {IGI_HOST_HEAD, .parallel = parallel, .warm_up = warm_up,
                             .copy = copy};
#else
static const igi_host cpu = {IGI_HOST_HEAD, .copy = copy};
#endif

const igi_host *igi_cpu_host(void)
{
    return &cpu;
}
