/* MaxPool: y = the largest element of each window; padding counts in no maximum.
 *
 * The reference keeps the best value and its position for a row of windows and offers
 * each tap's part of the input row to them. NaN beats everything; the first of equals
 * wins. A window that holds no element gives -inf (integers: their lowest) and index
 * -1. */
#include "operators/common_pool.h"

IG_USES_OP(MaxPoolGrad);

#define POOLED (IG_FLOATS | IG_T(INT8) | IG_T(UINT8))
static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dk], k >= 1."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Output [N, C, O1, ..., Ok]."),
    IG_PORT("Indices",
            'I',
            "Place of each maximum in the whole of X, flattened; -1: window without "
            "element.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {{'T', POOLED}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IGI_POOL_ATTRS(igi_max_pool_attrs),
    IGI_STORAGE_ORDER(igi_max_pool_attrs),
    {0},
};

static ig_status max_pool_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    igi_window_spec s = igi_max_pool_spec(x->attrs);
    int rank = x->in[0]->rank;
    IG_TRY(igi_pool_infer(x, &s, rank, ig_type_dims(x->in[0]), dims));
    IG_TRY(ig_infer_set(x, 0, rank, dims));
    return ig_infer_set(x, 1, rank, dims);
}

static const ig_save saves[] = {IG_SAVE_OUT(1, IG_BIT(0)), {0}};

static ig_status max_pool_gradient(ig_grad *g)
{
    const igi_max_pool_attrs *a = ig_grad_attrs(g);
    igi_max_pool_grad_attrs o = {sizeof(o), a->storage_order};
    ig_var dy = ig_grad_dy(g, 0);
    if (dy.h)
        ig_grad_set(g, 0,
                    ig_emit3(g, IG_OP(MaxPoolGrad), &o, dy, ig_grad_out(g, 1),
                             ig_grad_in_shape(g, 0)));
    return IG_OK;
}

typedef struct {
    igi_window w;
    const void *x;
    void *y;
    int64_t *indices; /* NULL: not wanted */
    int64_t in_plane, out_plane;
    int64_t dims[IG_RANK_MAX]; /* spatial dims of x */
    bool column_major;
    double best[IGI_CHUNK];
    int64_t at[IGI_CHUNK]; /* in the plane, row-major */
    igi_pace pace;
} max_pool_call;

/* Offers every element of the windows of outputs [lo, hi) of one outer row. */
IGI_INLINE ig_status max_pool_row(
    ig_dtype T, max_pool_call *v, int64_t plane, int64_t row, int64_t lo, int64_t hi)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    for (int64_t tap_row = 0; tap_row < v->w.kernel_outer; tap_row++) {
        IG_TRY(igi_pace_go(&v->pace, 1));
        int64_t in_row = igi_window_in_row(&v->w, row, tap_row);
        for (int64_t tap = 0; in_row >= 0 && tap < a->kernel; tap++) {
            int64_t from, to;
            IG_TRY(igi_pace_go(&v->pace, hi - lo));
            igi_window_taps(a, tap, lo, hi, &from, &to);
            for (int64_t o = from; o < to; o++) {
                int64_t at =
                    in_row * a->in + o * a->stride + tap * a->dilation - a->pad;
                double e = igi_load(T, v->x, plane * v->in_plane + at);
                double b = v->best[o - lo];
                if (v->at[o - lo] < 0 || e > b || (isnan(e) && !isnan(b))) {
                    v->best[o - lo] = e;
                    v->at[o - lo] = at;
                }
            }
        }
    }
    return IG_OK;
}

IGI_INLINE ig_status max_pool_plane(ig_dtype T, max_pool_call *v, int64_t plane)
{
    int64_t width = v->w.axis[v->w.rank - 1].out;
    double lowest = T == IG_INT8 ? -128 : T == IG_UINT8 ? 0 : -(double)INFINITY;
    for (int64_t row = 0; row < v->w.out_outer; row++) {
        for (int64_t lo = 0; lo < width; lo += IGI_CHUNK) {
            int64_t hi = igi_chunk_end(lo, width);
            int64_t to = plane * v->out_plane + row * width + lo;
            for (int64_t i = 0; i < hi - lo; i++) {
                v->best[i] = lowest;
                v->at[i] = -1;
            }
            IG_TRY(max_pool_row(T, v, plane, row, lo, hi));
            for (int64_t i = 0; i < hi - lo; i++) {
                int64_t at = v->at[i];
                igi_store(T, v->y, to + i, v->best[i]);
                if (v->column_major && at >= 0)
                    at = igi_to_column_major(v->w.rank, v->dims, at);
                if (v->indices)
                    v->indices[to + i] = at < 0 ? -1 : plane * v->in_plane + at;
            }
        }
    }
    return IG_OK;
}

static ig_status max_pool_reference(ig_kernel_ctx *k)
{
    const igi_max_pool_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0), *indices = ig_out(k, 1);
    igi_window_spec s = igi_max_pool_spec(a);
    max_pool_call v = {.x = ig_data(x),
                       .y = ig_data(y),
                       .indices = indices ? ig_data(indices) : NULL,
                       .column_major = a->storage_order != 0,
                       .pace = igi_pace_of(k)};
    igi_pool_set(&v.w, &s, ig_rank(x), ig_dims(x), ig_dims(y));
    memcpy(v.dims, ig_dims(x) + 2, (size_t)v.w.rank * sizeof(*v.dims));
    v.in_plane = v.w.in_outer * v.w.axis[v.w.rank - 1].in;
    v.out_plane = v.w.out_outer * v.w.axis[v.w.rank - 1].out;
    for (int64_t p = 0; p < ig_dims(x)[0] * ig_dims(x)[1]; p++) {
        switch (ig_dtype_of(x)) {
        case IG_INT8:
            IG_TRY(max_pool_plane(IG_INT8, &v, p));
            break;
        case IG_UINT8:
            IG_TRY(max_pool_plane(IG_UINT8, &v, p));
            break;
        default:
            IGI_EACH_FLOAT(k, ig_dtype_of(x), IG_TRY(max_pool_plane(T, &v, p)));
        }
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_max_pool_attrs)
static const igi_max_pool_attrs two = {HEAD, .kernel_shape = IGI_INTS(2, 2),
                                       .strides = IGI_INTS(2, 2)};
static const igi_max_pool_attrs uneven = {
    HEAD, .kernel_shape = IGI_INTS(3, 2), .pads = IGI_INTS(1, 0, 2, 1),
    .strides = IGI_INTS(2, 1), .storage_order = 1};
static const igi_max_pool_attrs ceil_dilated = {HEAD,
                                                .ceil_mode = 1,
                                                .dilations = IGI_INTS(2, 1),
                                                .kernel_shape = IGI_INTS(2, 2),
                                                .pads = IGI_INTS(1, 1, 1, 1),
                                                .strides = IGI_INTS(2, 2)};
static const igi_max_pool_attrs same_one = {HEAD, .auto_pad = IGI_PAD_SAME_LOWER,
                                            .kernel_shape = IGI_INTS(4),
                                            .strides = IGI_INTS(3)};
static const igi_max_pool_attrs cube = {HEAD, .kernel_shape = IGI_INTS(2, 1, 3),
                                        .pads = IGI_INTS(0, 0, 1, 1, 0, 1)};

#define X(...)                                                                         \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_DISTINCT                             \
    }
static const ig_sample samples[] = {
    {.name = "two_by_two", .attrs = &two, IGI_INPUTS(X(2, 3, 4, 5)), .n_out = 2},
    {.name = "column_major", .attrs = &uneven, IGI_INPUTS(X(1, 2, 5, 4)), .n_out = 2},
    {.name = "ceil_dilated", .attrs = &ceil_dilated, IGI_INPUTS(X(1, 2, 5, 4))},
    {.name = "same_one_axis", .attrs = &same_one, IGI_INPUTS(X(2, 2, 8))},
    {.name = "three_axes", .attrs = &cube, IGI_INPUTS(X(1, 2, 3, 2, 4)), .n_out = 2},
    {.name = "empty_batch", .attrs = &two, IGI_INPUTS(X(0, 3, 4, 4)), .n_out = 2},
    {0},
};

IG_OPERATOR(MaxPool) = {
    IG_OP_HEAD,
    .name = "MaxPool",
    .since = 22,
    .doc = "The largest element of each window that slides over the spatial axes, and "
           "its place. Padding never wins. The gradient goes to the element that "
           "Indices names: the first of equals.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_max_pool_attrs),
    .infer = max_pool_infer,
    .gradient = max_pool_gradient,
    .saves = saves,
    .reference = max_pool_reference,
    .samples = samples,
};
