/* ingot::AveragePoolGrad: every input element collects dy / divisor from the windows
 * that cover it. AveragePool and this map are each other's transposes and gradients. */
#include "operators/common_move.h"
#include "operators/common_pool.h"

IG_USES_OP(AveragePool);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of AveragePool's output."),
    IG_PORT("shape", 'I', "Shape of AveragePool's input.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Gradient of AveragePool's input."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {IGI_AVERAGE_POOL_ATTRS, {0}};

static ig_status average_pool_grad_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX], yd[IG_RANK_MAX];
    igi_window_spec s = igi_average_pool_spec(x->attrs);
    int rank = x->in[0]->rank, n = igi_infer_sizes(x, 1, dims);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if (rank < 3)
        return ig_infer_fail(x, "dy must have rank 3 or more");
    if (n == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, rank);
    if (n != rank)
        return ig_infer_fail(x, "dy has rank %d, but shape has %d items", rank, n);
    IG_TRY(igi_pool_infer(x, &s, rank, dims, yd));
    for (int i = 0; i < rank; i++)
        IG_TRY(ig_infer_equal(x, yd[i], ig_type_dims(x->in[0])[i],
                              "dims of dy and of the pooling", NULL));
    return ig_infer_set(x, 0, rank, dims);
}

static ig_status average_pool_grad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit1(g, IG_OP(AveragePool), ig_grad_attrs(g), ig_grad_dy(g, 0)));
    return IG_OK;
}

typedef struct {
    igi_window w;
    bool padded;
    const void *dy;
    void *dx;
    int64_t in_plane, out_plane;
    int64_t plane, row; /* where it is */
    igi_pace pace;
} average_grad_call;

/* acc[i - lo] = gradient of positions [lo, hi) of one outer input row. */
IGI_INLINE ig_status
average_grad_row(ig_dtype T, average_grad_call *v, int64_t lo, int64_t hi, double *acc)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    for (int64_t tap_row = 0; tap_row < v->w.kernel_outer; tap_row++) {
        IG_TRY(igi_pace_go(&v->pace, 1));
        int64_t out_row = igi_window_out_row(&v->w, v->row, tap_row);
        if (out_row < 0)
            continue;
        int64_t rows = igi_window_count_row(&v->w, out_row, v->padded);
        int64_t at = v->plane * v->out_plane + out_row * a->out;
        for (int64_t tap = 0; tap < a->kernel; tap++) {
            int64_t from, to, shift = tap * a->dilation - a->pad - lo;
            IG_TRY(igi_pace_go(&v->pace, hi - lo));
            igi_window_range(a, tap, lo, hi, &from, &to);
            for (int64_t o = from; o < to; o++) {
                int64_t n = rows * igi_window_count(a, o, v->padded);
                acc[o * a->stride + shift] += igi_load(T, v->dy, at + o) / (double)n;
            }
        }
    }
    return IG_OK;
}

IGI_INLINE ig_status average_grad_plane(ig_dtype T, average_grad_call *v)
{
    double acc[IGI_CHUNK];
    int64_t width = v->w.axis[v->w.rank - 1].in;
    for (v->row = 0; v->row < v->w.in_outer; v->row++) {
        for (int64_t lo = 0; lo < width; lo += IGI_CHUNK) {
            int64_t hi = igi_chunk_end(lo, width);
            int64_t at = v->plane * v->in_plane + v->row * width;
            for (int64_t i = lo; i < hi; i++)
                acc[i - lo] = 0;
            IG_TRY(average_grad_row(T, v, lo, hi, acc));
            for (int64_t i = lo; i < hi; i++)
                igi_store(T, v->dx, at + i, acc[i - lo]);
        }
    }
    return IG_OK;
}

static ig_status average_pool_grad_reference(ig_kernel_ctx *k)
{
    const igi_average_pool_attrs *a = k->attrs;
    const ig_tensor *dy = ig_in(k, 0);
    ig_tensor *dx = ig_out(k, 0);
    igi_window_spec s = igi_average_pool_spec(a);
    average_grad_call v = {.padded = a->count_include_pad != 0,
                           .dy = ig_data(dy),
                           .dx = ig_data(dx),
                           .pace = igi_pace_of(k)};
    igi_pool_set(&v.w, &s, ig_rank(dx), ig_dims(dx), ig_dims(dy));
    v.in_plane = v.w.in_outer * v.w.axis[v.w.rank - 1].in;
    v.out_plane = v.w.out_outer * v.w.axis[v.w.rank - 1].out;
    for (v.plane = 0; v.plane < ig_dims(dx)[0] * ig_dims(dx)[1]; v.plane++)
        IGI_EACH_FLOAT(k, ig_dtype_of(dy), IG_TRY(average_grad_plane(T, &v)));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "two_by_two",
     .attrs = &igi_average_sample_two,
     IGI_INPUTS(IGI_IN(2, 1, 2, 2), IGI_IN_INTS(2, 1, 4, 5))},
    {.name = "ceil_counting_pads",
     .attrs = &igi_average_sample_counting,
     IGI_INPUTS(IGI_IN(1, 2, 3, 3), IGI_IN_INTS(1, 2, 5, 4))},
    {.name = "same_one_axis",
     .attrs = &igi_average_sample_same,
     IGI_INPUTS(IGI_IN(2, 1, 3), IGI_IN_INTS(2, 1, 8))},
    {.name = "empty_batch",
     .attrs = &igi_average_sample_two,
     IGI_INPUTS(IGI_IN(0, 1, 2, 2), IGI_IN_INTS(0, 1, 4, 4))},
    {0},
};

IG_OPERATOR(AveragePoolGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "AveragePoolGrad",
    .since = 1,
    .doc =
        "Gradient of AveragePool: dy / divisor, added to every element of its window. "
        "Attributes are AveragePool's.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_average_pool_attrs),
    .infer = average_pool_grad_infer,
    .gradient = average_pool_grad_gradient,
    .reference = average_pool_grad_reference,
    .samples = samples,
};
