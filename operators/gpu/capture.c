/* Work kept as a CUDA graph: captured from a queue, put into it again as a whole.
 *
 * Addresses are frozen in a graph, so what it uses must stay where it is: while a
 * capture lasts, nothing is allocated (UNSUPPORTED: the caller runs the work plainly
 * instead) and what is released is held until the end. */
#include "operators/gpu/cuda.h"

ig_status gpu_capture_begin(void *queue)
{
    cuda_queue *c = queue;
    gpu_device *d = gpu_device_of(c);
    IG_TRY(gpu_alive(d));
    if (c->capturing)
        return ig_fail(IG_INTERNAL, "device cuda: this queue is capturing already");
    pthread_mutex_lock(&c->lock);
    ig_status rc =
        gpu_check(d, cudaEventRecord(c->before, c->q.stream), "recording an event");
    if (rc == IG_OK)
        rc = gpu_check(
            d, cudaStreamBeginCapture(c->q.stream, cudaStreamCaptureModeThreadLocal),
            "beginning a capture");
    c->capturing = rc == IG_OK;
    pthread_mutex_unlock(&c->lock);
    return rc;
}

static void give_back_held(cuda_queue *c)
{
    while (c->n_held > 0)
        (void)cudaFreeAsync(c->held[--c->n_held], c->q.stream);
}

ig_status gpu_capture_end(void *queue, void **graph)
{
    cuda_queue *c = queue;
    gpu_device *d = gpu_device_of(c);
    cudaGraph_t work = NULL;
    cudaGraphExec_t ready = NULL;
    *graph = NULL;
    if (!c->capturing)
        return ig_fail(IG_INTERNAL, "device cuda: this queue is not capturing");
    pthread_mutex_lock(&c->lock);
    cudaError_t e = cudaStreamEndCapture(c->q.stream, &work);
    c->capturing = false;
    give_back_held(c);
    pthread_mutex_unlock(&c->lock);
    if (e == cudaSuccess)
        e = cudaGraphInstantiate(&ready, work, 0);
    if (work)
        (void)cudaGraphDestroy(work);
    if (e != cudaSuccess)
        (void)cudaGetLastError(); /* this error is the caller's, not the next call's */
    if (e == cudaErrorStreamCaptureInvalidated ||
        e == cudaErrorStreamCaptureUnsupported)
        return ig_fail(IG_UNSUPPORTED,
                       "device cuda: some of this work cannot be kept as a graph: %s",
                       cudaGetErrorString(e));
    *graph = ready;
    return gpu_check(d, e, "making a graph of captured work");
}

ig_status gpu_replay(void *queue, void *graph)
{
    cuda_queue *c = queue;
    gpu_device *d = gpu_device_of(c);
    IG_TRY(gpu_alive(d));
    return gpu_check(d, cudaGraphLaunch(graph, c->q.stream), "running a graph");
}

void gpu_graph_free(void *queue, void *graph)
{
    (void)queue;
    if (graph)
        (void)cudaGraphExecDestroy(graph);
}
