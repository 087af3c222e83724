/* ingot::AveragePool: AveragePool over x[N, in..., C]; made by the optimiser. */
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
static const ig_attr_def attrs[] = {IGI_AVERAGE_POOL_ATTRS, {0}};

static ig_status nhwc_average_pool_infer(ig_infer *x)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX], out[IG_RANK_MAX];
    igi_window_spec s = igi_average_pool_spec(x->attrs);
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
    bool padded;
    const void *x;
    void *y;
    int64_t channels, in_plane;
    int64_t n, row, o; /* which pixel of the output */
} nhwc_average_call;

/* Channels [lo, hi) of one pixel. */
IGI_INLINE void
nhwc_average_pixel(ig_dtype T, const nhwc_average_call *v, int64_t lo, int64_t hi)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    double sum[IGI_CHUNK];
    for (int64_t c = lo; c < hi; c++)
        sum[c - lo] = 0;
    for (int64_t tap_row = 0; tap_row < v->w.kernel_outer; tap_row++) {
        int64_t in_row = igi_window_in_row(&v->w, v->row, tap_row);
        for (int64_t tap = 0; in_row >= 0 && tap < a->kernel; tap++) {
            int64_t i = v->o * a->stride + tap * a->dilation - a->pad;
            if (i < 0 || i >= a->in)
                continue;
            int64_t at = (v->n * v->in_plane + in_row * a->in + i) * v->channels;
            for (int64_t c = lo; c < hi; c++)
                sum[c - lo] += igi_load(T, v->x, at + c);
        }
    }
    int64_t pixel = (v->n * v->w.out_outer + v->row) * a->out + v->o;
    int64_t count = igi_window_count_row(&v->w, v->row, v->padded);
    count *= igi_window_count(a, v->o, v->padded);
    for (int64_t c = lo; c < hi; c++)
        igi_store(T, v->y, pixel * v->channels + c,
                  count ? sum[c - lo] / (double)count : 0);
}

IGI_INLINE void nhwc_average_item(ig_dtype T, nhwc_average_call *v)
{
    int64_t width = v->w.axis[v->w.rank - 1].out, c = v->channels;
    for (v->row = 0; v->row < v->w.out_outer; v->row++)
        for (v->o = 0; v->o < width; v->o++)
            for (int64_t lo = 0; lo < c; lo += IGI_CHUNK)
                nhwc_average_pixel(T, v, lo, c - lo < IGI_CHUNK ? c : lo + IGI_CHUNK);
}

static ig_status nhwc_average_pool_reference(ig_kernel_ctx *k)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const igi_average_pool_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    igi_window_spec s = igi_average_pool_spec(a);
    nhwc_average_call v = {
        .padded = a->count_include_pad != 0, .x = ig_data(x), .y = ig_data(y)};
    igi_dims_to_nchw(ig_rank(x), ig_dims(x), xd);
    igi_dims_to_nchw(ig_rank(y), ig_dims(y), yd);
    igi_pool_set(&v.w, &s, ig_rank(x), xd, yd);
    v.channels = xd[1];
    v.in_plane = v.w.in_outer * v.w.axis[v.w.rank - 1].in;
    for (v.n = 0; v.n < xd[0]; v.n++)
        IGI_EACH_FLOAT(k, ig_dtype_of(x), nhwc_average_item(T, &v));
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_average_pool_attrs)
static const igi_average_pool_attrs two = {HEAD, .kernel_shape = IGI_INTS(2, 2),
                                           .strides = IGI_INTS(2, 2)};
static const igi_average_pool_attrs counting = {HEAD,
                                                .ceil_mode = 1,
                                                .count_include_pad = 1,
                                                .dilations = IGI_INTS(2, 1),
                                                .kernel_shape = IGI_INTS(2, 2),
                                                .pads = IGI_INTS(1, 1, 1, 1),
                                                .strides = IGI_INTS(2, 2)};
static const igi_average_pool_attrs same_one = {HEAD, .auto_pad = IGI_PAD_SAME_UPPER,
                                                .kernel_shape = IGI_INTS(4),
                                                .strides = IGI_INTS(3)};

static const ig_sample samples[] = {
    {.name = "two_by_two",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(2, 4, 5, 3)),
     .no_gradient = true},
    {.name = "ceil_counting_pads",
     .attrs = &counting,
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

IG_OPERATOR(NhwcAveragePool) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "AveragePool",
    .since = 1,
    .doc = "AveragePool over x[N, in..., C]. Internal: the optimiser makes it after "
           "gradients are taken.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_average_pool_attrs),
    .infer = nhwc_average_pool_infer,
    .gradient = ig_gradient_forbidden,
    .reference = nhwc_average_pool_reference,
    .samples = samples,
};
