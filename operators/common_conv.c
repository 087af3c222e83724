/* Shapes of convolutions. */
#include "operators/common_conv.h"

#include <inttypes.h>

static igi_window_spec spec_of(const igi_conv_attrs *a)
{
    return (igi_window_spec){.auto_pad = a->auto_pad,
                             .kernel = a->kernel_shape,
                             .strides = a->strides,
                             .pads = a->pads,
                             .dilations = a->dilations};
}

ig_status igi_conv_infer(ig_infer *x,
                         const igi_conv_attrs *a,
                         int rank,
                         const int64_t *xd,
                         const int64_t *wd,
                         int64_t *yd)
{
    igi_window_spec s = spec_of(a);
    int64_t channels = ig_dim_mul(x->syms, wd[1], a->group);
    IG_TRY(ig_infer_equal(x, xd[1], channels,
                          "channels of the input and group * W.shape[1]", NULL));
    if (wd[0] >= 0 && wd[0] % a->group != 0)
        return ig_infer_fail(
            x, "%" PRId64 " output channels are not divisible by group %" PRId64, wd[0],
            a->group);
    yd[0] = xd[0];
    yd[1] = wd[0];
    return igi_window_infer(x, &s, rank - 2, xd + 2, wd + 2, yd + 2);
}

ig_status igi_conv_check_dy(ig_infer *x,
                            const igi_conv_attrs *a,
                            int rank,
                            const int64_t *xd,
                            const int64_t *wd,
                            const int64_t *dyd)
{
    int64_t yd[IG_RANK_MAX] = {0};
    IG_TRY(igi_conv_infer(x, a, rank, xd, wd, yd));
    for (int i = 0; i < rank; i++)
        IG_TRY(ig_infer_equal(x, yd[i], dyd[i], "dims of dy and of the convolution",
                              NULL));
    return IG_OK;
}

void igi_conv_set(igi_conv *c,
                  const igi_conv_attrs *a,
                  int rank,
                  const int64_t *xd,
                  const int64_t *wd,
                  const int64_t *yd)
{
    igi_window_spec s = spec_of(a);
    igi_window_set(&c->w, &s, rank - 2, xd + 2, wd + 2, yd + 2);
    c->batch = xd[0];
    c->group = a->group;
    c->c = wd[1];
    c->m = wd[0] / a->group;
    c->in_plane = c->w.in_outer * igi_conv_row_axis(c)->in;
    c->out_plane = c->w.out_outer * igi_conv_row_axis(c)->out;
    c->taps = c->w.kernel_outer * igi_conv_row_axis(c)->kernel;
}

#define HEAD .struct_size = sizeof(igi_conv_attrs)
const igi_conv_attrs igi_conv_sample_plain = {HEAD, .group = 1};
const igi_conv_attrs igi_conv_sample_uneven = {
    HEAD, .group = 2, .pads = IGI_INTS(1, 0, 2, 1), .strides = IGI_INTS(2, 1),
    .dilations = IGI_INTS(1, 2)};
const igi_conv_attrs igi_conv_sample_same = {
    HEAD, .group = 1, .auto_pad = IGI_PAD_SAME_LOWER, .strides = IGI_INTS(2)};
