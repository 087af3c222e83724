// LpPool: y = (sum |x|^p)^(1/p) over each window; padding adds nothing.
//
// Gradient: by way of S = y^p. S spreads like AveragePool's gradient times the number
// of elements in a window, which is the LpPool of ones.

#include "operators/common_global.h"
#include "operators/common_lp.h"
#include "operators/common_pool.h"

IG_USES_OP(AveragePoolGrad);
IG_USES_OP(Expand);
IG_USES_OP(LpPool);

typedef struct lp_pool_attrs {
    uint32_t struct_size;
    int64_t auto_pad, ceil_mode;
    ig_ints dilations, kernel_shape;
    int64_t p;
    ig_ints pads, strides;
} lp_pool_attrs;

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dk], k >= 1."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Output [N, C, O1, ..., Ok]."),
    {0},
};
static const ig_attr_def attrs[] = {
    IGI_POOL_ATTRS(lp_pool_attrs),
    IG_ATTR_INT(lp_pool_attrs, p, 2, "Order of the norm.", .min = 1, .max = INT32_MAX),
    {0},
};

static igi_window_spec spec(const lp_pool_attrs *o)
{
    return (igi_window_spec){.pooling = true,
                             .auto_pad = o->auto_pad,
                             .ceil_mode = o->ceil_mode,
                             .kernel = o->kernel_shape,
                             .strides = o->strides,
                             .pads = o->pads,
                             .dilations = o->dilations};
}

static ig_status lp_pool_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    igi_window_spec s = spec(x->attrs);
    int rank = x->in[0]->rank;
    IG_TRY(igi_pool_infer(x, &s, rank, ig_type_dims(x->in[0]), dims));
    return ig_infer_set(x, 0, rank, dims);
}

static ig_status lp_pool_gradient(ig_grad *g)
{
    const lp_pool_attrs *o = ig_grad_attrs(g);
    const igi_average_pool_attrs mean = {.struct_size = sizeof(mean),
                                         .auto_pad = o->auto_pad,
                                         .ceil_mode = o->ceil_mode,
                                         .dilations = o->dilations,
                                         .kernel_shape = o->kernel_shape,
                                         .pads = o->pads,
                                         .strides = o->strides};
    lp_pool_attrs sum = *o;
    sum.p = 1;
    ig_var shape = ig_grad_in_shape(g, 0);
    ig_var ones = ig_emit2(g, IG_OP(Expand), NULL, igi_grad_const(g, 1), shape);
    ig_var count = ig_emit1(g, IG_OP(LpPool), &sum, ones);
    ig_var d = igi_emit_lp_root_gradient(g, ig_grad_out(g, 0), ig_grad_dy(g, 0), o->p);
    d = ig_emit2(g, IG_OP(AveragePoolGrad), &mean, igi_emit_mul(g, d, count), shape);
    ig_grad_set(g, 0, igi_emit_lp_power_gradient(g, d, o->p));
    return IG_OK;
}

typedef struct pool_call {
    igi_window w;
    const void *x;
    void *y;
    int64_t in_plane, out_plane, p;
    int64_t plane, row; // where it is
    igi_pace pace;
} pool_call;

// acc[o - lo] = sums of powers over the windows of outputs [lo, hi) of one outer row.
IGI_INLINE ig_status
power_row(ig_dtype T, pool_call *v, int64_t lo, int64_t hi, double *acc)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    for (int64_t tap_row = 0; tap_row < v->w.kernel_outer; tap_row++) {
        IG_TRY(igi_pace_go(&v->pace, 1));
        int64_t in_row = igi_window_in_row(&v->w, v->row, tap_row);
        for (int64_t tap = 0; in_row >= 0 && tap < a->kernel; tap++) {
            int64_t from, to;
            IG_TRY(igi_pace_go(&v->pace, hi - lo));
            igi_window_taps(a, tap, lo, hi, &from, &to);
            int64_t at = v->plane * v->in_plane + in_row * a->in + tap * a->dilation;
            for (int64_t o = from; o < to; o++)
                acc[o - lo] +=
                    igi_lp_power(igi_load(T, v->x, at - a->pad + o * a->stride), v->p);
        }
    }
    return IG_OK;
}

IGI_INLINE ig_status power_plane(ig_dtype T, pool_call *v)
{
    const int64_t width = v->w.axis[v->w.rank - 1].out;
    double acc[IGI_CHUNK];
    for (v->row = 0; v->row < v->w.out_outer; v->row++)
        for (int64_t lo = 0; lo < width; lo += IGI_CHUNK) {
            int64_t hi = igi_chunk_end(lo, width);
            memset(acc, 0, sizeof(acc));
            IG_TRY(power_row(T, v, lo, hi, acc));
            for (int64_t o = lo; o < hi; o++)
                igi_store(T, v->y, v->plane * v->out_plane + v->row * width + o,
                          igi_lp_root(acc[o - lo], v->p));
        }
    return IG_OK;
}

static ig_status lp_pool_reference(ig_kernel_ctx *k)
{
    const lp_pool_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_window_spec s = spec(o);
    pool_call v = {.x = ig_data(x), .y = ig_data(y), .p = o->p, .pace = igi_pace_of(k)};
    igi_pool_set(&v.w, &s, ig_rank(x), ig_dims(x), ig_dims(y));
    v.in_plane = v.w.in_outer * v.w.axis[v.w.rank - 1].in;
    v.out_plane = v.w.out_outer * v.w.axis[v.w.rank - 1].out;
    for (v.plane = 0; v.plane < ig_dims(x)[0] * ig_dims(x)[1]; v.plane++)
        IGI_EACH_FLOAT(k, ig_dtype_of(x), IG_TRY(power_plane(T, &v)));
    return IG_OK;
}

#define HEAD .struct_size = sizeof(lp_pool_attrs)
static const lp_pool_attrs two = {HEAD, .kernel_shape = IGI_INTS(2, 2), .p = 2,
                                  .strides = IGI_INTS(2, 1)};
static const lp_pool_attrs one = {HEAD, .kernel_shape = IGI_INTS(3, 2), .p = 1,
                                  .pads = IGI_INTS(1, 0, 2, 1)};
static const lp_pool_attrs ceil_three = {HEAD,
                                         .ceil_mode = 1,
                                         .dilations = IGI_INTS(2, 1),
                                         .kernel_shape = IGI_INTS(2, 2),
                                         .p = 3,
                                         .pads = IGI_INTS(1, 1, 1, 1),
                                         .strides = IGI_INTS(2, 2)};
static const lp_pool_attrs same = {HEAD, .auto_pad = IGI_PAD_SAME_UPPER,
                                   .kernel_shape = IGI_INTS(4), .p = 2,
                                   .strides = IGI_INTS(3)};
static const lp_pool_attrs cube = {HEAD, .kernel_shape = IGI_INTS(2, 1, 3), .p = 2,
                                   .pads = IGI_INTS(0, 0, 1, 1, 0, 1)};
#define NONZERO(...)                                                                   \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_NONZERO                              \
    }
static const ig_sample samples[] = {
    {.name = "two", .attrs = &two, IGI_INPUTS(NONZERO(2, 3, 4, 5))},
    {.name = "one", .attrs = &one, IGI_INPUTS(NONZERO(1, 2, 5, 4))},
    {.name = "ceil_three", .attrs = &ceil_three, IGI_INPUTS(NONZERO(1, 2, 5, 4))},
    {.name = "same", .attrs = &same, IGI_INPUTS(NONZERO(2, 2, 8))},
    {.name = "three_axes", .attrs = &cube, IGI_INPUTS(NONZERO(1, 1, 3, 2, 4))},
    {.name = "empty", .attrs = &two, IGI_INPUTS(NONZERO(0, 3, 4, 4))},
    {0},
};

IG_OPERATOR(LpPool) = {
    IG_OP_HEAD,
    .name = "LpPool",
    .since = 22,
    .doc = "The norm of order p of each window that slides over the spatial axes; its "
           "gradient at 0 is 0.",
    .inputs = inputs,
    .outputs = outputs,
    .types = igi_float_types,
    .attrs = attrs,
    .attrs_size = sizeof(lp_pool_attrs),
    .infer = lp_pool_infer,
    .gradient = lp_pool_gradient,
    .saves = igi_save_x_y,
    .reference = lp_pool_reference,
    .samples = samples,
};
