/* ingot::MaxPool: MaxPool over x[N, in..., C] without Indices; made by the optimiser.
 */
#include "operators/common_fused.h"

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Input [N, in..., C]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "Output [N, out..., C]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {IGI_POOL_ATTRS(igi_pool_attrs), {0}};

static igi_window_spec spec_of(const igi_pool_attrs *a)
{
    return (igi_window_spec){.pooling = true,
                             .auto_pad = a->auto_pad,
                             .ceil_mode = a->ceil_mode,
                             .kernel = a->kernel_shape,
                             .strides = a->strides,
                             .pads = a->pads,
                             .dilations = a->dilations};
}

static ig_status nhwc_max_pool_infer(ig_infer *x)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX], out[IG_RANK_MAX];
    igi_window_spec s = spec_of(x->attrs);
    int rank = x->in[0]->rank;
    if (rank < 3)
        return ig_infer_fail(x, "x must have rank 3 at least");
    igi_dims_to_nchw(rank, ig_type_dims(x->in[0]), xd);
    IG_TRY(igi_pool_infer(x, &s, rank, xd, yd));
    igi_dims_to_nhwc(rank, yd, out);
    return ig_infer_set(x, 0, rank, out);
}

typedef struct {
    igi_window w;
    const void *x;
    void *y;
    int64_t channels, in_plane;
    int64_t n, row, o; /* which pixel of the output */
} nhwc_max_call;

/* Channels [lo, hi) of one pixel. */
IGI_INLINE void
nhwc_max_pixel(ig_dtype T, const nhwc_max_call *v, int64_t lo, int64_t hi)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    double best[IGI_CHUNK];
    for (int64_t c = lo; c < hi; c++)
        best[c - lo] = -(double)INFINITY;
    for (int64_t tap_row = 0; tap_row < v->w.kernel_outer; tap_row++) {
        int64_t in_row = igi_window_in_row(&v->w, v->row, tap_row);
        for (int64_t tap = 0; in_row >= 0 && tap < a->kernel; tap++) {
            int64_t i = v->o * a->stride + tap * a->dilation - a->pad;
            if (i < 0 || i >= a->in)
                continue;
            int64_t at = (v->n * v->in_plane + in_row * a->in + i) * v->channels;
            for (int64_t c = lo; c < hi; c++) {
                double e = igi_load(T, v->x, at + c);
                if (e > best[c - lo] || isnan(e))
                    best[c - lo] = e;
            }
        }
    }
    int64_t pixel = (v->n * v->w.out_outer + v->row) * a->out + v->o;
    for (int64_t c = lo; c < hi; c++)
        igi_store(T, v->y, pixel * v->channels + c, best[c - lo]);
}

IGI_INLINE void nhwc_max_item(ig_dtype T, nhwc_max_call *v)
{
    int64_t width = v->w.axis[v->w.rank - 1].out, c = v->channels;
    for (v->row = 0; v->row < v->w.out_outer; v->row++)
        for (v->o = 0; v->o < width; v->o++)
            for (int64_t lo = 0; lo < c; lo += IGI_CHUNK)
                nhwc_max_pixel(T, v, lo, c - lo < IGI_CHUNK ? c : lo + IGI_CHUNK);
}

static ig_status nhwc_max_pool_reference(ig_kernel_ctx *k)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    igi_window_spec s = spec_of(k->attrs);
    nhwc_max_call v = {.x = ig_data(x), .y = ig_data(y)};
    igi_dims_to_nchw(ig_rank(x), ig_dims(x), xd);
    igi_dims_to_nchw(ig_rank(y), ig_dims(y), yd);
    igi_pool_set(&v.w, &s, ig_rank(x), xd, yd);
    v.channels = xd[1];
    v.in_plane = v.w.in_outer * v.w.axis[v.w.rank - 1].in;
    for (v.n = 0; v.n < xd[0]; v.n++)
        IGI_EACH_FLOAT(k, ig_dtype_of(x), nhwc_max_item(T, &v));
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_pool_attrs)
static const igi_pool_attrs two = {HEAD, .kernel_shape = IGI_INTS(2, 2),
                                   .strides = IGI_INTS(2, 2)};
static const igi_pool_attrs uneven = {HEAD,
                                      .ceil_mode = 1,
                                      .dilations = IGI_INTS(1, 2),
                                      .kernel_shape = IGI_INTS(3, 2),
                                      .pads = IGI_INTS(1, 0, 2, 1),
                                      .strides = IGI_INTS(2, 1)};
static const igi_pool_attrs same_one = {HEAD, .auto_pad = IGI_PAD_SAME_LOWER,
                                        .kernel_shape = IGI_INTS(4),
                                        .strides = IGI_INTS(3)};

static const ig_sample samples[] = {
    {.name = "two_by_two",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(2, 4, 5, 3)),
     .no_gradient = true},
    {.name = "uneven_pads",
     .attrs = &uneven,
     IGI_INPUTS(IGI_IN(1, 5, 4, 2)),
     .no_gradient = true},
    {.name = "same_one_axis",
     .attrs = &same_one,
     IGI_INPUTS(IGI_IN(2, 8, 2)),
     .no_gradient = true},
    {.name = "empty_batch",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(0, 4, 4, 3)),
     .no_gradient = true},
    {0},
};

IG_OPERATOR(NhwcMaxPool) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "MaxPool",
    .since = 1,
    .doc =
        "MaxPool over x[N, in..., C]. Internal: the optimiser makes it after gradients "
        "are taken.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_pool_attrs),
    .infer = nhwc_max_pool_infer,
    .gradient = ig_gradient_forbidden,
    .reference = nhwc_max_pool_reference,
    .samples = samples,
};
