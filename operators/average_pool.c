/* AveragePool: y = the mean over each window. The divisor counts the elements inside
 * the input, or inside the padded input when count_include_pad is set; never what a
 * window of ceil_mode covers beyond. A window without an element gives 0. */
#include "operators/common_pool.h"

IG_USES_OP(AveragePoolGrad);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dk], k >= 1."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Output [N, C, O1, ..., Ok]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {IGI_AVERAGE_POOL_ATTRS, {0}};

static ig_status average_pool_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    igi_window_spec s = igi_average_pool_spec(x->attrs);
    int rank = x->in[0]->rank;
    IG_TRY(igi_pool_infer(x, &s, rank, ig_type_dims(x->in[0]), dims));
    return ig_infer_set(x, 0, rank, dims);
}

static ig_status average_pool_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(AveragePoolGrad), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in_shape(g, 0)));
    return IG_OK;
}

typedef struct {
    igi_window w;
    bool padded;
    const void *x;
    void *y;
    int64_t in_plane, out_plane;
    int64_t plane, row; /* where it is */
    igi_pace pace;
} average_call;

/* acc[o - lo] = sums over the windows of outputs [lo, hi) of one outer row. */
IGI_INLINE ig_status
average_row(ig_dtype T, average_call *v, int64_t lo, int64_t hi, double *acc)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    for (int64_t tap_row = 0; tap_row < v->w.kernel_outer; tap_row++) {
        IG_TRY(igi_pace_go(&v->pace, 1));
        int64_t in_row = igi_window_in_row(&v->w, v->row, tap_row);
        for (int64_t tap = 0; in_row >= 0 && tap < a->kernel; tap++) {
            int64_t from, to;
            IG_TRY(igi_pace_go(&v->pace, hi - lo));
            igi_window_taps(a, tap, lo, hi, &from, &to);
            int64_t at =
                v->plane * v->in_plane + in_row * a->in + tap * a->dilation - a->pad;
            for (int64_t o = from; o < to; o++)
                acc[o - lo] += igi_load(T, v->x, at + o * a->stride);
        }
    }
    return IG_OK;
}

IGI_INLINE ig_status average_plane(ig_dtype T, average_call *v)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    double acc[IGI_CHUNK];
    for (v->row = 0; v->row < v->w.out_outer; v->row++) {
        int64_t rows = igi_window_count_row(&v->w, v->row, v->padded);
        for (int64_t lo = 0; lo < a->out; lo += IGI_CHUNK) {
            int64_t hi = igi_chunk_end(lo, a->out);
            int64_t at = v->plane * v->out_plane + v->row * a->out;
            for (int64_t o = lo; o < hi; o++)
                acc[o - lo] = 0;
            IG_TRY(average_row(T, v, lo, hi, acc));
            for (int64_t o = lo; o < hi; o++) {
                int64_t n = rows * igi_window_count(a, o, v->padded);
                igi_store(T, v->y, at + o, n ? acc[o - lo] / (double)n : 0);
            }
        }
    }
    return IG_OK;
}

static ig_status average_pool_reference(ig_kernel_ctx *k)
{
    const igi_average_pool_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    igi_window_spec s = igi_average_pool_spec(a);
    average_call v = {.padded = a->count_include_pad != 0,
                      .x = ig_data(x),
                      .y = ig_data(y),
                      .pace = igi_pace_of(k)};
    igi_pool_set(&v.w, &s, ig_rank(x), ig_dims(x), ig_dims(y));
    v.in_plane = v.w.in_outer * v.w.axis[v.w.rank - 1].in;
    v.out_plane = v.w.out_outer * v.w.axis[v.w.rank - 1].out;
    for (v.plane = 0; v.plane < ig_dims(x)[0] * ig_dims(x)[1]; v.plane++)
        IGI_EACH_FLOAT(k, ig_dtype_of(x), IG_TRY(average_plane(T, &v)));
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_average_pool_attrs)
static const igi_average_pool_attrs uneven = {HEAD, .kernel_shape = IGI_INTS(3, 2),
                                              .pads = IGI_INTS(1, 0, 2, 1),
                                              .strides = IGI_INTS(2, 1)};
static const igi_average_pool_attrs cube = {HEAD, .kernel_shape = IGI_INTS(2, 1, 3),
                                            .pads = IGI_INTS(0, 0, 1, 1, 0, 1)};

static const ig_sample samples[] = {
    {.name = "two_by_two",
     .attrs = &igi_average_sample_two,
     IGI_INPUTS(IGI_IN(2, 3, 4, 5))},
    {.name = "uneven_pads", .attrs = &uneven, IGI_INPUTS(IGI_IN(1, 2, 5, 4))},
    {.name = "ceil_counting_pads",
     .attrs = &igi_average_sample_counting,
     IGI_INPUTS(IGI_IN(1, 2, 5, 4))},
    {.name = "same_one_axis",
     .attrs = &igi_average_sample_same,
     IGI_INPUTS(IGI_IN(2, 2, 8))},
    {.name = "three_axes", .attrs = &cube, IGI_INPUTS(IGI_IN(1, 2, 3, 2, 4))},
    {.name = "empty_batch",
     .attrs = &igi_average_sample_two,
     IGI_INPUTS(IGI_IN(0, 3, 4, 4))},
    {0},
};

IG_OPERATOR(AveragePool) = {
    IG_OP_HEAD,
    .name = "AveragePool",
    .since = 22,
    .doc = "Mean of each window that slides over the spatial axes. The divisor leaves "
           "padding out unless count_include_pad is 1.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_average_pool_attrs),
    .infer = average_pool_infer,
    .gradient = average_pool_gradient,
    .reference = average_pool_reference,
    .samples = samples,
};
