/* A plugin with a device: "mirror", whose memory holds every byte inverted, so that the
 * host reads nonsense in it. It has one kernel, Relu of float32; all else runs on the
 * CPU between copies. A device of real hardware puts work into a queue and returns;
 * this one does it at once.
 *
 *     cc -shared -fPIC $(pkg-config --cflags ingot) device.c -o device.so
 *     ingot run --plugin ./device.so --device mirror model.onnx */
#include <ingot/plugin.h>

#include <stdlib.h>
#include <string.h>

IG_PLUGIN("mirror", 1);

/* ---- queues and memory ---- */

static ig_status open_queue(const ig_device_def *d, void **queue)
{
    (void)d;
    *queue = malloc(1); /* a stream of the hardware, its allocator, its error word */
    return *queue ? IG_OK : ig_fail(IG_OUT_OF_MEMORY, "no memory for a queue");
}

static ig_status take(void *queue, size_t bytes, void **out)
{
    (void)queue;
    *out = aligned_alloc(256, (bytes + 255) / 256 * 256);
    return *out ? IG_OK : ig_fail(IG_OUT_OF_MEMORY, "no memory for %zu bytes", bytes);
}

static void give_back(void *queue, void *memory, size_t bytes)
{
    (void)queue, (void)bytes;
    free(memory);
}

static ig_status invert(void *queue, void *dst, const void *src, size_t bytes)
{
    (void)queue;
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)dst)[i] = (unsigned char)~((const unsigned char *)src)[i];
    return IG_OK;
}

/* Element by element, the last axis fastest. */
static ig_status move(void *queue,
                      size_t element,
                      int rank,
                      const int64_t *dims,
                      void *dst,
                      const int64_t *to,
                      const void *src,
                      const int64_t *from)
{
    int64_t at[IG_RANK_MAX] = {0}, count = 1;
    (void)queue;
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    for (int64_t i = 0; i < count; i++) {
        int64_t x = 0, y = 0, e = (int64_t)element;
        for (int d = 0; d < rank; d++) {
            x += at[d] * from[d];
            y += at[d] * to[d];
        }
        memcpy((char *)dst + y * e, (const char *)src + x * e, element);
        for (int d = rank - 1; d >= 0 && ++at[d] == dims[d]; d--)
            at[d] = 0;
    }
    return IG_OK;
}

static ig_status wait(void *queue, uint32_t *tag)
{
    (void)queue;
    *tag = 0; /* of a kernel that found something wrong since the last wait: k->tag */
    return IG_OK;
}

static const ig_device_def mirror = {
    IG_DEVICE_HEAD,       .name = "mirror", .doc = "Memory with inverted bytes.",
    .open = open_queue,   .close = free,    .alloc = take,
    .release = give_back, .upload = invert, .download = invert,
    .move = move,         .wait = wait,
};

/* ---- kernels ---- */

/* Inputs and outputs lie in the device's memory. */
static ig_status run_relu(ig_kernel_ctx *k)
{
    const uint32_t *x = ig_data(ig_in(k, 0));
    uint32_t *y = ig_data(ig_out(k, 0));
    for (int64_t i = 0; i < ig_numel(ig_in(k, 0)); i++)
        y[i] = x[i] >> 31 ? x[i] : ~(uint32_t)0; /* the sign is inverted too */
    return IG_OK;
}

static const ig_kernel_def kernels[] = {{IG_KERNEL_HEAD, .op = "Relu", .name = "mirror",
                                         .types = IG_T(FLOAT32), .run = run_relu},
                                        {0}};
static const ig_plugin_kernels tables[] = {{"mirror", kernels}, {0}};
static const ig_device_def *const devices[] = {&mirror, NULL};
IG_PLUGIN_EXPORT(.kernels = tables, .devices = devices);
