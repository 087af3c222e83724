/* The device "cuda": what its queues have beyond gpu_queue, and how they are shared.
 *
 * device.c opens queues and owns their memory, transfer.c moves bytes between host and
 * device, capture.c keeps work as CUDA graphs, library.c makes the handles of cuBLASLt
 * and cuDNN and translates their errors.
 *
 * Context: the plugin works on the first visible GPU (CUDA_VISIBLE_DEVICES chooses),
 * in its primary context, which must be the calling thread's. An error that breaks the
 * context (an illegal address, say) ends the device for this process: `lost` is set and
 * every later call says so. Threads: a queue belongs to one thread at a time, but
 * `wait` may come from any, so what it touches is behind `lock`. */
#ifndef OPERATORS_GPU_CUDA_H
#define OPERATORS_GPU_CUDA_H

#include <pthread.h>

#include "operators/gpu/gpu.h"
#include "operators/gpu/staging.h"

enum { GPU_NUMBER = 0 }; /* of the GPU, among the visible ones */

typedef struct gpu_device {
    cudaMemPool_t pool; /* of all queues: memory belongs to the device */
    int lost;           /* atomic: a cudaError_t that broke the context, or 0 */
} gpu_device;

typedef struct cuda_queue {
    gpu_queue q; /* first: what kernels get */
    pthread_mutex_t lock;
    gpu_fault *found; /* pinned: the fault record, fetched by wait */
    gpu_staging staging;
    cudaEvent_t before; /* recorded when a capture begins: work that really runs */
    bool capturing;
    void **held; /* memory released while capturing, given back at its end */
    size_t n_held, cap_held;
} cuda_queue;

/* Memory of the host for states and queues; the plugin ABI has no allocator. Zeroed. */
void *gpu_heap(size_t count, size_t size);
void gpu_heap_free(void *p);

/* The status of a call to CUDA outside kernels; remembers an error that breaks the
 * context. Any thread. */
ig_status gpu_check(gpu_device *d, cudaError_t e, const char *what);
/* IG_OK, or why nothing works any more, or not in this thread. */
ig_status gpu_alive(gpu_device *d);
gpu_device *gpu_device_of(const cuda_queue *c);

ig_status gpu_queue_open(const ig_device_def *d, void **queue);
void gpu_queue_close(void *queue);
ig_status gpu_memory_alloc(void *queue, size_t bytes, void **out);
void gpu_memory_release(void *queue, void *memory, size_t bytes);
ig_status gpu_wait(void *queue, uint32_t *tag);
void gpu_describe(const ig_device_def *d, char *text, size_t size);

ig_status gpu_upload(void *queue, void *dst, const void *src, size_t bytes);
ig_status gpu_download(void *queue, void *dst, const void *src, size_t bytes);

ig_status gpu_capture_begin(void *queue);
ig_status gpu_capture_end(void *queue, void **graph);
ig_status gpu_replay(void *queue, void *graph);
void gpu_graph_free(void *queue, void *graph);

#endif
