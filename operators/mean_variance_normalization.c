// MeanVarianceNormalization: y = (x - mean) / (s + 1e-9), s the root of the variance,
// over axes. The small number is that of ONNX's function body.
//
// Gradient, with d = x - mean and r = 1 / (s + 1e-9): the derivative of d is h = r (dy
// - d r mean(dy d) / s), and dx = h - mean(h).

#include "operators/common_float.h"
#include "operators/common_reduce.h"
#include "operators/common_unary.h"

IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(Sqrt);

typedef struct mvn_attrs {
    uint32_t struct_size;
    ig_ints axes;
} mvn_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(mvn_attrs, axes, "Axes of mean and variance; absent: 0, 2, 3."),
    {0},
};

static ig_ints axes_of(const void *o)
{
    static const int64_t usual[3] = {0, 2, 3};
    const mvn_attrs *a = o;
    return a->axes.n > 0 ? a->axes : (ig_ints){3, usual};
}

static ig_status mvn_infer(ig_infer *x)
{
    ig_ints axes = axes_of(x->attrs);
    int list[IG_RANK_MAX];
    if (axes.n > x->in[0]->rank)
        return ig_infer_fail(x, "more axes than X has");
    IG_TRY(ig_infer_axes(x, axes.v, (int)axes.n, x->in[0]->rank, list));
    return ig_infer_copy(x, 0, 0);
}

static ig_status mvn_gradient(ig_grad *g)
{
    ig_ints axes = axes_of(ig_grad_attrs(g));
    int n = (int)axes.n;
    ig_var x = ig_grad_in(g, 0), dy = ig_grad_dy(g, 0);
    ig_var d = igi_emit_sub(g, x, igi_emit_mean(g, x, axes.v, n));
    ig_var s = ig_emit1(g, IG_OP(Sqrt), NULL,
                        igi_emit_mean(g, igi_emit_square(g, d), axes.v, n));
    ig_var r = igi_emit_reciprocal(g, igi_emit_plus(g, 1e-9, s));
    ig_var zero = ig_emit2(g, IG_OP(Equal), NULL, s, igi_grad_const(g, 0));
    ig_var safe = igi_emit_where(g, zero, igi_grad_const(g, 1), s);
    ig_var along =
        igi_emit_mul(g, r, igi_emit_mean(g, igi_emit_mul(g, dy, d), axes.v, n));
    ig_var bend = igi_emit_mul(g, d, ig_emit2(g, IG_OP(Div), NULL, along, safe));
    ig_var h = igi_emit_mul(g, r, igi_emit_sub(g, dy, bend));
    ig_grad_set(g, 0, igi_emit_sub(g, h, igi_emit_mean(g, h, axes.v, n)));
    return IG_OK;
}

static ig_status groups_of(const ig_kernel_ctx *k, igi_reduce *r)
{
    const ig_tensor *x = ig_in(k, 0);
    ig_ints axes = axes_of(k->attrs);
    uint64_t over = 0;
    for (int64_t i = 0; i < axes.n; i++) {
        int64_t a = igi_index(axes.v[i], ig_rank(x));
        if (a < 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "an axis is outside rank %d",
                                  ig_rank(x));
        over |= IG_BIT(a);
    }
    igi_reduce_init(r, ig_rank(x), ig_dims(x), ig_strides(x), over);
    return IG_OK;
}

static ig_status mvn_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_reduce r = {0};
    IG_TRY(groups_of(k, &r));
    double count = (double)(r.rows * r.length);
#define EACH(...)                                                                      \
    for (int64_t j = 0; j < r.rows; j++) {                                             \
        int64_t row = at + igi_reduce_offset(r.n_rows, r.row, r.row_stride, j);        \
        for (int64_t e = row; e < row + r.length * r.step; e += r.step) {              \
            double v = igi_load(T, ig_data(x), e);                                     \
            __VA_ARGS__;                                                               \
        }                                                                              \
    }
    IGI_EACH_FLOAT(k, ig_dtype_of(x), {
        for (int64_t o = 0; o < r.outputs; o++) {
            int64_t at = igi_reduce_offset(r.n_keep, r.keep, r.keep_stride, o);
            double mean = 0, var = 0;
            EACH(mean += v)
            mean /= count; // at the end: the mean of equal numbers is that number
            EACH(var += (v - mean) * (v - mean))
            var /= count;
            EACH(igi_store(T, ig_data(y), e, (v - mean) / (sqrt(var) + 1e-9)))
        }
    })
#undef EACH
    return IG_OK;
}

static const mvn_attrs last = {sizeof(mvn_attrs), IGI_INTS(-1)};
static const mvn_attrs outer = {sizeof(mvn_attrs), IGI_INTS(0, 2)};
static const ig_sample samples[] = {
    {.name = "image", IGI_INPUTS(IGI_IN(2, 3, 2, 3))},
    {.name = "last", .attrs = &last, IGI_INPUTS(IGI_IN(3, 5))},
    {.name = "outer", .attrs = &outer, IGI_INPUTS(IGI_IN(2, 2, 3))},
    {.name = "outer_rows",
     .attrs = &outer,
     .no_gradient = true,
     IGI_INPUTS(IGI_IN(2, 3, 37))},
    {.name = "equal_and_nan",
     .attrs = &last,
     .no_gradient = true,
     IGI_INPUTS({IG_SHAPE_IN(3, 3),
                 .data = (const double[]){0.1, 0.1, 0.1, 1, NAN, 2, 1, 2, INFINITY}})},
    {.name = "size_one", .attrs = &last, .no_gradient = true, IGI_INPUTS(IGI_IN(3, 1))},
    {.name = "empty", .attrs = &last, IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(MeanVarianceNormalization) = {
    IG_OP_HEAD,
    .name = "MeanVarianceNormalization",
    .since = 13,
    .doc = "(x - mean) / standard deviation over `axes`.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = igi_float_types,
    .attrs = attrs,
    .attrs_size = sizeof(mvn_attrs),
    .infer = mvn_infer,
    .gradient = mvn_gradient,
    .saves = igi_save_x,
    .reference = mvn_reference,
    .samples = samples,
};
