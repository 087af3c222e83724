/* The plugin of NVIDIA GPUs: the device "cuda" and its kernels.
 *
 * It loads on any machine. Where driver or GPU are missing, opening the device says so.
 */
#include "operators/gpu/cuda.h"

IG_PLUGIN("cuda", 1);

static ig_status move(void *queue,
                      size_t element,
                      int rank,
                      const int64_t *dims,
                      void *dst,
                      const int64_t *dst_strides,
                      const void *src,
                      const int64_t *src_strides)
{
    return gpu_move(queue, element, rank, dims, dst, dst_strides, src, src_strides);
}

static const ig_device_def cuda = {
    IG_DEVICE_HEAD,
    .name = "cuda",
    .doc =
        "NVIDIA GPUs of compute capability 8.0 and newer, by CUDA, cuBLASLt and cuDNN.",
    .open = gpu_queue_open,
    .close = gpu_queue_close,
    .alloc = gpu_memory_alloc,
    .release = gpu_memory_release,
    .upload = gpu_upload,
    .download = gpu_download,
    .move = move,
    .wait = gpu_wait,
    .capture_begin = gpu_capture_begin,
    .capture_end = gpu_capture_end,
    .replay = gpu_replay,
    .graph_free = gpu_graph_free,
    .describe = gpu_describe,
};
static const ig_device_def *const devices[] = {&cuda, NULL};

extern const ig_plugin_kernels gpu_tables[]; /* written by the build */

IG_PLUGIN_EXPORT(.devices = devices, .kernels = gpu_tables);
