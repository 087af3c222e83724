/* Bytes between host and device, through the ring of operators/gpu/staging.h. */
#include <string.h>

#include "operators/gpu/cuda.h"

/* Block i is there and no copy uses it any more. */
static ig_status ready(cuda_queue *c, unsigned i)
{
    gpu_device *d = gpu_device_of(c);
    gpu_staging *s = &c->staging;
    if (s->passed[i])
        return gpu_check(d, cudaEventSynchronize(s->passed[i]), "waiting for a copy");
    if (!s->block[i]) {
        void *memory = NULL;
        IG_TRY(gpu_check(
            d, cudaHostAlloc(&memory, GPU_STAGING_BYTES, cudaHostAllocDefault),
            "allocating pinned memory"));
        s->block[i] = memory;
    }
    return gpu_check(d, cudaEventCreateWithFlags(&s->passed[i], cudaEventDisableTiming),
                     "creating an event");
}

static ig_status begin(cuda_queue *c, const char *what)
{
    IG_TRY(gpu_alive(gpu_device_of(c)));
    if (c->capturing)
        return ig_fail(
            IG_UNSUPPORTED,
            "device cuda: %s while work is captured: a graph holds no copies "
            "from or to the host",
            what);
    return IG_OK;
}

ig_status gpu_upload(void *queue, void *dst, const void *src, size_t bytes)
{
    cuda_queue *c = queue;
    gpu_device *d = gpu_device_of(c);
    IG_TRY(begin(c, "an upload"));
    gpu_piece p = gpu_pieces(bytes, c->staging.next, GPU_STAGING_BYTES);
    while (gpu_piece_next(&p)) {
        IG_TRY(ready(c, p.block));
        memcpy(c->staging.block[p.block], (const char *)src + p.at, p.bytes);
        IG_TRY(gpu_check(d,
                         cudaMemcpyAsync((char *)dst + p.at, c->staging.block[p.block],
                                         p.bytes, cudaMemcpyHostToDevice, c->q.stream),
                         "a copy to the device"));
        IG_TRY(gpu_check(d, cudaEventRecord(c->staging.passed[p.block], c->q.stream),
                         "a copy to the device"));
        c->staging.next = (p.block + 1) % GPU_STAGING_BLOCKS;
    }
    return IG_OK;
}

/* The piece that lies in its block goes to the caller once the copy has passed. */
static ig_status deliver(cuda_queue *c, char *dst, const gpu_piece *p)
{
    IG_TRY(gpu_check(gpu_device_of(c),
                     cudaEventSynchronize(c->staging.passed[p->block]),
                     "a copy from the device"));
    memcpy(dst + p->at, c->staging.block[p->block], p->bytes);
    return IG_OK;
}

/* Pieces are put into the queue up to one ring ahead of those that are delivered. */
ig_status gpu_download(void *queue, void *dst, const void *src, size_t bytes)
{
    cuda_queue *c = queue;
    gpu_device *d = gpu_device_of(c);
    IG_TRY(begin(c, "a download"));
    gpu_piece ask = gpu_pieces(bytes, c->staging.next, GPU_STAGING_BYTES), get = ask;
    size_t ahead = 0;
    for (;;) {
        bool more = gpu_piece_next(&ask);
        if (ahead == GPU_STAGING_BLOCKS || (!more && ahead > 0)) {
            (void)gpu_piece_next(&get);
            IG_TRY(deliver(c, dst, &get));
            ahead--;
        }
        if (!more && ahead == 0)
            return IG_OK;
        if (!more)
            continue;
        IG_TRY(ready(c, ask.block));
        IG_TRY(gpu_check(d,
                         cudaMemcpyAsync(c->staging.block[ask.block],
                                         (const char *)src + ask.at, ask.bytes,
                                         cudaMemcpyDeviceToHost, c->q.stream),
                         "a copy from the device"));
        IG_TRY(gpu_check(d, cudaEventRecord(c->staging.passed[ask.block], c->q.stream),
                         "a copy from the device"));
        c->staging.next = (ask.block + 1) % GPU_STAGING_BLOCKS;
        ahead++;
    }
}
