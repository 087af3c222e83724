/* Devices: what hardware beside the CPU offers to the runtime.
 *
 * A plugin brings a device as a table of functions (IG_PLUGIN_EXPORT(.devices = ...))
 * and kernels for it (.kernels = {{"cuda", table}, {0}}). The runtime does the rest: it
 * places nodes, puts copies between them, plans one arena for the device's memory, and
 * runs what the device has no kernel for on the CPU.
 *
 * Queues: all work goes through a queue, in which it runs in order and perhaps later
 * than the call that asks for it. A context has one, and so has each concurrent run of
 * a net. Memory belongs to the device, not to the queue; the runtime waits where a
 * tensor goes from one queue to another.
 *
 * Kernels of a device: inputs and outputs lie in its memory, but for inputs of ports
 * marked IG_VALUE, which lie in host memory. `run` puts work into k->queue and returns.
 * What it finds out late (a bad index) it writes where `wait` finds it, with k->tag,
 * and then reads and writes nothing. k->scratch is the device's memory. Of the services
 * ig_pack, ig_run_graph and ig_barrier are the CPU's alone; run_team and run_own are
 * not called. ig_out_alloc makes memory of the device.
 * Threads: a queue is used by one thread at a time, several queues by several threads
 * at once; `wait` and `release` may be called by any thread at any time. */
#ifndef INGOT_DEVICE_H
#define INGOT_DEVICE_H

#include <ingot/base.h>

IG_EXTERN_C_BEGIN

typedef struct ig_device_def {
    uint32_t struct_size;
    const char *name; /* "cuda": what options and ig_to call it */
    const char *doc;
    /* A new queue. UNSUPPORTED, with a message that says what is missing, where the
     * machine has no such hardware. */
    ig_status (*open)(const struct ig_device_def *d, void **queue);
    void (*close)(
        void *queue); /* after waiting for its work; its memory is given back */
    /* Memory for work that is put into the queue afterwards, aligned to 256 bytes;
     * OUT_OF_MEMORY. `release` gives it back: work that is in the queue may still use
     * it. bytes > 0 and the same in both. */
    ig_status (*alloc)(void *queue, size_t bytes, void **out);
    void (*release)(void *queue, void *memory, size_t bytes);
    /* From the host, which may reuse src when the call returns; and to the host, after
     * waiting for all work before. */
    ig_status (*upload)(void *queue, void *dst, const void *src, size_t bytes);
    ig_status (*download)(void *queue, void *dst, const void *src, size_t bytes);
    /* Within the device: dst[i] = src[i] over dims, elements of 1, 2, 4, 8 or 16 bytes,
     * strides in elements (0 and negative ones too), no overlap. */
    ig_status (*move)(void *queue,
                      size_t element,
                      int rank,
                      const int64_t *dims,
                      void *dst,
                      const int64_t *dst_strides,
                      const void *src,
                      const int64_t *src_strides);
    /* Returns when all work is done. A kernel that failed since the last wait: its
     * status, a message, and its k->tag in *tag (0: not known). */
    ig_status (*wait)(void *queue, uint32_t *tag);
    /* NULL, or: between begin and end work is not done but kept, as a graph that can be
     * put into the queue as a whole, again and again, over the same addresses. */
    ig_status (*capture_begin)(void *queue);
    ig_status (*capture_end)(void *queue, void **graph);
    ig_status (*replay)(void *queue, void *graph);
    void (*graph_free)(void *queue, void *graph);
    /* NULL, or: a line about the hardware for people ("NVIDIA H200, 139 GiB"). */
    void (*describe)(const struct ig_device_def *d, char *text, size_t size);
} ig_device_def;
#define IG_DEVICE_HEAD .struct_size = (uint32_t)sizeof(ig_device_def)

IG_EXTERN_C_END

#endif
