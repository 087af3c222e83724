/* The device "cuda": queues (a stream each), their memory (one pool that allocates in
 * stream order), waiting with the fault record. */
#include <stdio.h>
#include <string.h>

#include "operators/gpu/cuda.h"
#include "operators/gpu/library.h"

/* ---- errors ---- */

static gpu_device the_device;
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

gpu_device *gpu_device_of(const cuda_queue *c)
{
    return c->q.device;
}

/* Errors after which CUDA refuses everything in this process. */
static bool breaks_context(cudaError_t e)
{
    switch (e) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorExternalDevice:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorMpsClientTerminated:
    case cudaErrorUnknown:
    case cudaErrorContextIsDestroyed:
        return true;
    default:
        return false;
    }
}

ig_status gpu_check(gpu_device *d, cudaError_t e, const char *what)
{
    if (e == cudaSuccess)
        return IG_OK;
    if (breaks_context(e))
        __atomic_store_n(&d->lost, (int)e, __ATOMIC_RELAXED);
    else
        (void)cudaGetLastError(); /* or a later launch would report it */
    return gpu_cuda_status(NULL, e, what);
}

ig_status gpu_alive(gpu_device *d)
{
    int e = __atomic_load_n(&d->lost, __ATOMIC_RELAXED), current = 0;
    if (e)
        return ig_fail(
            IG_DEVICE,
            "device cuda: an earlier error (%s) broke the context of this process; "
            "only a new process can use the GPU",
            cudaGetErrorString((cudaError_t)e));
    /* Streams and kernels are those of GPU 0; a program may have chosen another one. */
    if (cudaGetDevice(&current) == cudaSuccess && current == GPU_NUMBER)
        return IG_OK;
    (void)cudaGetLastError();
    return ig_fail(IG_DEVICE,
                   "device cuda: this thread has chosen GPU %d by cudaSetDevice, but "
                   "the plugin works on GPU %d; CUDA_VISIBLE_DEVICES can change which "
                   "one that is",
                   current, GPU_NUMBER);
}

/* ---- the hardware ---- */

/* The kernels are compiled for GPUs from this compute capability on. */
enum { MAJOR_MIN = 8 };

/* IG_OK when it can run the kernels and has pools of memory. */
static ig_status fits(void)
{
    int major = 0, minor = 0, pools = 0;
    cudaError_t e =
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, GPU_NUMBER);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor,
                                   GPU_NUMBER);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, GPU_NUMBER);
    if (e != cudaSuccess) {
        (void)cudaGetLastError();
        return ig_fail(IG_UNSUPPORTED, "%s", cudaGetErrorString(e));
    }
    if (major < MAJOR_MIN)
        return ig_fail(IG_UNSUPPORTED,
                       "the GPU has compute capability %d.%d; %d.0 is the least", major,
                       minor, MAJOR_MIN);
    return pools ? IG_OK
                 : ig_fail(IG_UNSUPPORTED, "the driver has no pools of memory here");
}

/* IG_OK when a GPU is there, else UNSUPPORTED with what is missing. */
static ig_status find_hardware(void)
{
    int count = 0;
    cudaError_t e = cudaGetDeviceCount(&count);
    if (e == cudaSuccess && count > 0)
        return fits();
    (void)cudaGetLastError();
    if (e == cudaErrorInsufficientDriver)
        return ig_fail(IG_UNSUPPORTED,
                       "no NVIDIA driver for CUDA %d.%d or newer is installed "
                       "on this machine (libcuda.so.1)",
                       CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    if (e == cudaSuccess || e == cudaErrorNoDevice)
        return ig_fail(IG_UNSUPPORTED,
                       "the driver is there but shows no GPU; is one "
                       "installed, and does CUDA_VISIBLE_DEVICES leave one?");
    return ig_fail(IG_UNSUPPORTED, "%s", cudaGetErrorString(e));
}

/* Memory stays in the pool, up to half of the GPU's, instead of going back to the
 * driver at every wait. */
static ig_status make_pool(gpu_device *d)
{
    struct cudaMemPoolProps props;
    size_t available = 0, total = 0;
    memset(&props, 0, sizeof(props));
    props.allocType = cudaMemAllocationTypePinned;
    props.location.type = cudaMemLocationTypeDevice;
    props.location.id = GPU_NUMBER;
    IG_TRY(gpu_check(d, cudaMemGetInfo(&available, &total), "asking for memory"));
    IG_TRY(gpu_check(d, cudaMemPoolCreate(&d->pool, &props), "creating a memory pool"));
    uint64_t keep = total / 2;
    return gpu_check(
        d, cudaMemPoolSetAttribute(d->pool, cudaMemPoolAttrReleaseThreshold, &keep),
        "setting up a memory pool");
}

/* The pool lives as long as the process: tensors may outlive every queue. */
static ig_status open_device(void)
{
    IG_TRY(find_hardware());
    IG_TRY(gpu_alive(&the_device));
    pthread_mutex_lock(&opening);
    ig_status rc = the_device.pool ? IG_OK : make_pool(&the_device);
    pthread_mutex_unlock(&opening);
    return rc;
}

void gpu_describe(const ig_device_def *d, char *text, size_t size)
{
    struct cudaDeviceProp p;
    int driver = 0;
    (void)d;
    if (find_hardware() != IG_OK) {
        (void)snprintf(text, size, "%s", ig_error_message());
        return;
    }
    cudaError_t e = cudaGetDeviceProperties(&p, GPU_NUMBER);
    if (e == cudaSuccess)
        e = cudaDriverGetVersion(&driver);
    if (e != cudaSuccess) {
        (void)cudaGetLastError();
        (void)snprintf(text, size, "%s", cudaGetErrorString(e));
        return;
    }
    (void)snprintf(text, size,
                   "%s, %.1f GiB, compute capability %d.%d, %d multiprocessors, driver "
                   "for CUDA %d.%d, %s",
                   p.name, (double)p.totalGlobalMem / 0x1p30, p.major, p.minor,
                   p.multiProcessorCount, driver / 1000, driver % 1000 / 10,
                   gpu_library_versions());
}

/* ---- queues ---- */

static ig_status open_parts(cuda_queue *c)
{
    gpu_device *d = gpu_device_of(c);
    void *found = NULL, *fault = NULL;
    IG_TRY(gpu_check(d, cudaStreamCreateWithFlags(&c->q.stream, cudaStreamNonBlocking),
                     "creating a stream"));
    IG_TRY(gpu_check(d, cudaEventCreateWithFlags(&c->before, cudaEventDisableTiming),
                     "creating an event"));
    IG_TRY(gpu_check(d, cudaHostAlloc(&found, sizeof(*c->found), cudaHostAllocDefault),
                     "allocating pinned memory"));
    c->found = found;
    IG_TRY(gpu_memory_alloc(c, sizeof(*c->q.fault), &fault));
    c->q.fault = fault;
    return gpu_check(d, cudaMemsetAsync(fault, 0, sizeof(*c->q.fault), c->q.stream),
                     "clearing the fault record");
}

ig_status gpu_queue_open(const ig_device_def *def, void **queue)
{
    (void)def;
    *queue = NULL;
    IG_TRY(open_device());
    cuda_queue *c = gpu_heap(1, sizeof(*c));
    if (!c)
        return ig_fail(IG_OUT_OF_MEMORY, "device cuda: out of memory for a queue");
    c->q.device = &the_device;
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        gpu_heap_free(c);
        return ig_fail(IG_OUT_OF_MEMORY, "device cuda: no more mutexes");
    }
    ig_status rc = open_parts(c);
    if (rc != IG_OK) {
        gpu_queue_close(c);
        return rc;
    }
    *queue = c;
    return IG_OK;
}

void gpu_queue_close(void *queue)
{
    cuda_queue *c = queue;
    if (!c)
        return;
    if (c->q.stream)
        (void)cudaStreamSynchronize(c->q.stream);
    gpu_library_close(&c->q);
    if (c->q.fault)
        (void)cudaFreeAsync(c->q.fault, c->q.stream);
    for (int i = 0; i < GPU_STAGING_BLOCKS; i++) {
        if (c->staging.passed[i])
            (void)cudaEventDestroy(c->staging.passed[i]);
        if (c->staging.block[i])
            (void)cudaFreeHost(c->staging.block[i]);
    }
    if (c->found)
        (void)cudaFreeHost(c->found);
    if (c->before)
        (void)cudaEventDestroy(c->before);
    if (c->q.stream)
        (void)cudaStreamDestroy(c->q.stream);
    (void)cudaGetLastError();
    (void)pthread_mutex_destroy(&c->lock);
    gpu_heap_free(c->held);
    gpu_heap_free(c);
}

/* ---- memory ---- */

ig_status gpu_memory_alloc(void *queue, size_t bytes, void **out)
{
    cuda_queue *c = queue;
    gpu_device *d = gpu_device_of(c);
    *out = NULL;
    IG_TRY(gpu_alive(d));
    if (c->capturing)
        return ig_fail(IG_UNSUPPORTED,
                       "device cuda: memory is asked for while work is captured");
    cudaError_t e = cudaMallocFromPoolAsync(out, bytes, d->pool, c->q.stream);
    if (e == cudaErrorMemoryAllocation) { /* once more, with what work still holds */
        (void)cudaGetLastError();
        IG_TRY(gpu_check(d, cudaStreamSynchronize(c->q.stream), "waiting for memory"));
        IG_TRY(gpu_check(d, cudaMemPoolTrimTo(d->pool, 0), "trimming a memory pool"));
        e = cudaMallocFromPoolAsync(out, bytes, d->pool, c->q.stream);
    }
    if (e != cudaErrorMemoryAllocation)
        return gpu_check(d, e, "allocating memory");
    (void)cudaGetLastError();
    size_t available = 0, total = 0;
    if (cudaMemGetInfo(&available, &total) != cudaSuccess)
        (void)cudaGetLastError();
    return ig_fail(
        IG_OUT_OF_MEMORY,
        "device cuda: %zu bytes do not fit into its memory, of %zu bytes %zu "
        "are free",
        bytes, total, available);
}

/* Keeps the memory until the capture ends; false: no room to note it. */
static bool hold(cuda_queue *c, void *memory)
{
    if (c->n_held == c->cap_held) {
        size_t cap = c->cap_held ? c->cap_held * 2 : 16;
        void **more = gpu_heap(cap, sizeof(*more));
        if (!more)
            return false;
        if (c->held)
            memcpy(more, c->held, c->n_held * sizeof(*more));
        gpu_heap_free(c->held);
        c->held = more;
        c->cap_held = cap;
    }
    c->held[c->n_held++] = memory;
    return true;
}

void gpu_memory_release(void *queue, void *memory, size_t bytes)
{
    cuda_queue *c = queue;
    (void)bytes;
    if (!memory || __atomic_load_n(&gpu_device_of(c)->lost, __ATOMIC_RELAXED))
        return;
    pthread_mutex_lock(&c->lock); /* the thread that captures may be another one */
    if (c->capturing)
        (void)hold(c, memory); /* without room it is lost, which nothing depends on */
    else if (cudaFreeAsync(memory, c->q.stream) != cudaSuccess)
        (void)cudaGetLastError();
    pthread_mutex_unlock(&c->lock);
}

/* ---- waiting ---- */

/* Fetches the fault record behind all work and clears it; by the holder of the lock. */
static ig_status fetch_fault(cuda_queue *c)
{
    gpu_device *d = gpu_device_of(c);
    c->found->code = GPU_FAULT_NONE;
    IG_TRY(gpu_check(d,
                     cudaMemcpyAsync(c->found, c->q.fault, sizeof(*c->found),
                                     cudaMemcpyDeviceToHost, c->q.stream),
                     "asking for faults of kernels"));
    IG_TRY(gpu_check(d, cudaStreamSynchronize(c->q.stream), "waiting for kernels"));
    if (c->found->code == GPU_FAULT_NONE)
        return IG_OK;
    return gpu_check(d,
                     cudaMemsetAsync(c->q.fault, 0, sizeof(*c->q.fault), c->q.stream),
                     "clearing the fault record");
}

ig_status gpu_wait(void *queue, uint32_t *tag)
{
    cuda_queue *c = queue;
    gpu_device *d = gpu_device_of(c);
    *tag = 0;
    IG_TRY(gpu_alive(d));
    pthread_mutex_lock(&c->lock);
    ig_status rc;
    if (c->capturing) { /* captured work does not run: wait for what was before it */
        rc = gpu_check(d, cudaEventSynchronize(c->before), "waiting for kernels");
    } else {
        rc = fetch_fault(c);
        if (rc == IG_OK && c->found->code != GPU_FAULT_NONE) {
            *tag = c->found->tag;
            rc = gpu_fault_status(c->found);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return rc;
}
