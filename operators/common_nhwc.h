/* Pooling over x[N, in..., C], the layout that the optimiser chooses: what
 * ingot::MaxPool and ingot::AveragePool share. */
#ifndef OPERATORS_COMMON_NHWC_H
#define OPERATORS_COMMON_NHWC_H

#include "operators/common_fused.h"

extern const ig_port igi_nhwc_pool_inputs[], igi_nhwc_pool_outputs[];

ig_status igi_nhwc_pool_infer(ig_infer *x, const igi_window_spec *s);

/* A call, and the pixel of the output that it is at. */
typedef struct igi_nhwc_pool {
    igi_window w;
    const void *x;
    void *y;
    int64_t channels, in_plane;
    int64_t pixels, taps; /* of the output; of a window */
    int64_t n, row, o;
    igi_pace pace; /* of references */
} igi_nhwc_pool;

void igi_nhwc_pool_set(igi_nhwc_pool *v,
                       const ig_kernel_ctx *k,
                       const igi_window_spec *s);
/* Goes to output pixel i. */
void igi_nhwc_pool_seek(igi_nhwc_pool *v, int64_t i);
/* Element of x where tap `tap` of the pixel's window finds channel 0, or -1 in padding.
 */
int64_t igi_nhwc_pool_tap(const igi_nhwc_pool *v, int64_t tap);

#endif
