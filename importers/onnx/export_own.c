/* Operators of Ingot's own domain, said in ONNX: what gradients and training steps are
 * made of. Each row is one function that writes a few nodes; operators without a row
 * are refused. */
#include "importers/onnx/export_own.h"

#include <string.h>

/* ---- the operators
 * ---------------------------------------------------------------------------- */

static void relu_grad(igi_own *w)
{
    double alpha = (double)*(const float *)igi_own_attr(w, "alpha");
    const char *zero = igi_own_real(w, 0), *x = igi_own_in(w, 1), *slope = zero;
    const char *below = igi_own_put2(w, "Less", x, zero);
    below = igi_own_put2(w, "Or", below, igi_own_put2(w, "Equal", x, zero));
    if (alpha != 0)
        slope = igi_own_put2(w, "Mul", igi_own_in(w, 0), igi_own_real(w, alpha));
    (void)igi_own_put_as(w, w->out[0], "Where", below, slope, igi_own_in(w, 0));
}

/* d/dx of x F(x): F + x f. */
static const char *gelu_slope(igi_own *w, const char *x)
{
    const char *erf = igi_own_put1(
        w, "Erf", igi_own_put2(w, "Mul", x, igi_own_real(w, 0.70710678118654752440)));
    const char *f =
        igi_own_put2(w, "Mul", igi_own_put2(w, "Mul", x, x), igi_own_real(w, -0.5));
    const char *normal = igi_own_put2(w, "Mul", igi_own_put1(w, "Exp", f),
                                      igi_own_real(w, 0.39894228040143267794));
    const char *whole =
        igi_own_put2(w, "Mul", igi_own_put2(w, "Add", erf, igi_own_real(w, 1)),
                     igi_own_real(w, 0.5));
    return igi_own_put2(w, "Add", whole, igi_own_put2(w, "Mul", x, normal));
}

/* By tanh: (1 + t) / 2 + x / 2 (1 - t^2) u', u = c (x + d x^3). */
static const char *gelu_tanh_slope(igi_own *w, const char *x)
{
    const char *c = igi_own_real(w, 0.79788456080286535588), *one = igi_own_real(w, 1),
               *half = igi_own_real(w, 0.5);
    const char *square = igi_own_put2(w, "Mul", x, x), *d = igi_own_real(w, 0.044715);
    const char *poly = igi_own_put2(w, "Add", one, igi_own_put2(w, "Mul", square, d));
    const char *t = igi_own_put1(
        w, "Tanh", igi_own_put2(w, "Mul", igi_own_put2(w, "Mul", x, poly), c));
    const char *du =
        igi_own_put2(w, "Mul", igi_own_put2(w, "Mul", square, d), igi_own_real(w, 3));
    du = igi_own_put2(w, "Mul", igi_own_put2(w, "Add", du, one), c);
    const char *rest = igi_own_put2(w, "Sub", one, igi_own_put2(w, "Mul", t, t));
    rest = igi_own_put2(w, "Mul", igi_own_put2(w, "Mul", rest, du),
                        igi_own_put2(w, "Mul", x, half));
    return igi_own_put2(
        w, "Add", igi_own_put2(w, "Mul", igi_own_put2(w, "Add", one, t), half), rest);
}

static void gelu_grad(igi_own *w)
{
    bool tanh = igi_own_int(w, "approximate") == 1;
    const char *slope =
        tanh ? gelu_tanh_slope(w, igi_own_in(w, 1)) : gelu_slope(w, igi_own_in(w, 1));
    igi_own_finish(w, "Mul", igi_own_in(w, 0), slope);
}

/* Axes of x that are summed over, when the types say so; -1 when only a run can tell.
 */
static int summed_axes(const igi_own *w, int64_t *axes)
{
    const ig_type *x = igi_own_type_in(w, 0),
                  *y = &igi_value_at(w->o->g, w->n->out[0])->type;
    int more = x->rank - y->rank, n = 0;
    if (x->rank < 0 || y->rank < 0 || more < 0)
        return -1;
    for (int i = 0; i < x->rank; i++) {
        int64_t from = ig_type_dims(x)[i],
                to = i < more ? 1 : ig_type_dims(y)[i - more];
        if (i < more || (to == 1 && from != 1))
            axes[n++] = i;
        else if (to == -1 || (to != from && to != 1))
            return -1;
    }
    return n;
}

/* The axes where the target, with ones in front of it, has size 1: found at run time.
 */
static const char *axes_at_run_time(igi_own *w)
{
    const char *rank =
        igi_own_put1(w, "Size", igi_own_put1(w, "Shape", igi_own_in(w, 0)));
    const char *missing =
        igi_own_put2(w, "Sub", rank, igi_own_put1(w, "Size", igi_own_in(w, 1)));
    const char *zeros = igi_own_put1(w, "ConstantOfShape", igi_own_flat(w, missing));
    const char *front[] = {zeros, igi_own_in(w, 1)};
    const char *one = igi_own_number(w, IG_INT64, 0, 1);
    const char *shape = igi_own_cast(w, zeros, IG_INT64);
    front[0] = igi_own_put2(w, "Add", shape, one);
    shape = igi_own_joined(w, front, 2);
    return igi_own_flat(
        w, igi_own_put1(w, "NonZero", igi_own_put2(w, "Equal", shape, one)));
}

static void sum_to(igi_own *w)
{
    int64_t axes[IG_RANK_MAX];
    int n = summed_axes(w, axes);
    const char *over = n < 0 ? axes_at_run_time(w) : igi_own_list(w, axes, n);
    const char *sum = igi_own_put2(w, "ReduceSum", igi_own_in(w, 0), over);
    igi_own_set_int(w, "keepdims", 1);
    igi_own_set_int(w, "noop_with_empty_axes", 1);
    igi_own_reshape_to(w, w->out[0], sum, igi_own_in(w, 1));
}

static const char *product(igi_own *w, const char *list)
{
    list = igi_own_put1(w, "ReduceProd", list);
    igi_own_set_int(w, "keepdims", 0);
    return list;
}

/* No axes are all of them, or with noop none. */
static void div_by_dims(igi_own *w)
{
    bool noop = igi_own_int(w, "noop_with_empty_axes") != 0;
    const char *shape = igi_own_in(w, 1), *axes = igi_own_in(w, 2), *count = NULL;
    if (!igi_own_has(w, 2) && noop) {
        igi_own_finish(w, "Identity", igi_own_in(w, 0), NULL);
        return;
    }
    if (igi_own_has(w, 2))
        count = product(w, igi_own_put2(w, "Gather", shape, axes));
    if (!igi_own_has(w, 2)) {
        count = product(w, shape);
    } else if (!noop) {
        const char *none = igi_own_put2(w, "Equal", igi_own_put1(w, "Size", axes),
                                        igi_own_number(w, IG_INT64, 0, 0));
        count = igi_own_put_as(w, NULL, "Where", none, product(w, shape), count);
    }
    igi_own_finish(w, "Div", igi_own_in(w, 0), igi_own_cast(w, count, w->dtype));
}

/* The gradient of a step, times the factor that input i may be. */
static const char *scaled_grad(igi_own *w, int i)
{
    const char *g = igi_own_in(w, 1);
    return igi_own_has(w, i) ? igi_own_put2(w, "Mul", g, igi_own_scalar(w, i, 1)) : g;
}

/* Products of vectors with themselves are the sums of squares. */
static void clip_scale(igi_own *w)
{
    const char *sum = NULL, *max = igi_own_cast(w, igi_own_in(w, 0), IG_FLOAT64);
    for (int i = 1; i < w->n->n_in; i++) {
        const char *x = igi_own_cast(w, igi_own_flat(w, igi_own_in(w, i)), IG_FLOAT64);
        const char *part = igi_own_put2(w, "MatMul", x, x);
        sum = sum ? igi_own_put2(w, "Add", sum, part) : part;
    }
    const char *norm = igi_own_put_as(w, w->out[0], "Sqrt", sum, NULL, NULL);
    if (w->out[1])
        (void)igi_own_put_as(
            w, w->out[1], "Where", igi_own_put2(w, "Greater", norm, max),
            igi_own_put2(w, "Div", max, norm), igi_own_number(w, IG_FLOAT64, 0, 1));
}

static void sgd_step(igi_own *w)
{
    bool nesterov = igi_own_int(w, "nesterov") != 0;
    const char *param = igi_own_in(w, 0), *g = scaled_grad(w, 6), *step;
    if (igi_own_has(w, 5))
        g = igi_own_put2(w, "Add", g,
                         igi_own_put2(w, "Mul", param, igi_own_scalar(w, 5, 0)));
    step = g;
    if (igi_own_has(w, 2)) {
        const char *momentum = igi_own_scalar(w, 4, 0);
        step =
            igi_own_put_as(w, w->out[1], "Add",
                           igi_own_put2(w, "Mul", momentum, igi_own_in(w, 2)), g, NULL);
        if (nesterov)
            step = igi_own_put2(w, "Add", g, igi_own_put2(w, "Mul", momentum, step));
    }
    igi_own_finish(w, "Sub", param,
                   igi_own_put2(w, "Mul", igi_own_scalar(w, 3, 0), step));
}

/* beta s + (1 - beta) x, as output `out`. */
static const char *
moment(igi_own *w, int out, const char *beta, const char *s, const char *x)
{
    const char *rest =
        igi_own_put2(w, "Mul", igi_own_put2(w, "Sub", igi_own_real(w, 1), beta), x);
    return igi_own_put_as(w, w->out[out], "Add", igi_own_put2(w, "Mul", beta, s), rest,
                          NULL);
}

/* s / (1 - beta^step) */
static const char *
corrected(igi_own *w, const char *s, const char *beta, const char *step)
{
    return igi_own_put2(
        w, "Div", s,
        igi_own_put2(w, "Sub", igi_own_real(w, 1), igi_own_put2(w, "Pow", beta, step)));
}

static void adam_step(igi_own *w)
{
    bool decoupled = igi_own_int(w, "decoupled") != 0;
    const char *param = igi_own_in(w, 0), *g = scaled_grad(w, 10),
               *lr = igi_own_scalar(w, 5, 0);
    const char *beta1 = igi_own_scalar(w, 6, 0.9), *beta2 = igi_own_scalar(w, 7, 0.999);
    const char *step = igi_own_scalar(w, 4, 1), *eps = igi_own_scalar(w, 8, 1e-8);
    if (igi_own_has(w, 9) && decoupled) {
        const char *decay = igi_own_put2(w, "Mul", lr, igi_own_scalar(w, 9, 0));
        param = igi_own_put2(w, "Mul", param,
                             igi_own_put2(w, "Sub", igi_own_real(w, 1), decay));
    } else if (igi_own_has(w, 9)) {
        g = igi_own_put2(w, "Add", g,
                         igi_own_put2(w, "Mul", param, igi_own_scalar(w, 9, 0)));
    }
    const char *m = moment(w, 1, beta1, igi_own_in(w, 2), g);
    const char *v = moment(w, 2, beta2, igi_own_in(w, 3), igi_own_put2(w, "Mul", g, g));
    const char *root = igi_own_put1(w, "Sqrt", corrected(w, v, beta2, step));
    const char *up = igi_own_put2(w, "Mul", lr, corrected(w, m, beta1, step));
    igi_own_finish(w, "Sub", param,
                   igi_own_put2(w, "Div", up, igi_own_put2(w, "Add", root, eps)));
}

/* ---- the table
 * --------------------------------------------------------------------------------- */

/* The first opset in which all operators that the rows use take bfloat16. */
#define BF16_OPSET 22

static const struct {
    const char *name;
    int64_t opset; /* the oldest that has all it needs */
    void (*run)(igi_own *w);
    bool (*can)(const ig_graph *g, const igi_node *n); /* NULL: any node */
} table[] = {
    {"AdamStep", 15, adam_step, NULL},
    {"AffineGridGrad", 20, igi_own_affine_grid_grad, NULL},
    {"AveragePool", 19, igi_own_nhwc_average_pool, NULL},
    {"AveragePoolGrad", 14, igi_own_average_pool_grad, NULL},
    {"ClipScale", 14, clip_scale, NULL},
    {"Conv", 16, igi_own_nhwc_conv, NULL},
    {"ConvGradInput", 14, igi_own_conv_grad_input, NULL},
    {"ConvGradWeight", 14, igi_own_conv_grad_weight, NULL},
    {"DepthToSpaceGrad", 14, igi_own_depth_to_space_grad, NULL},
    {"DivByDims", 14, div_by_dims, NULL},
    {"EinsumGrad", 14, igi_own_einsum_grad, igi_own_can_einsum_grad},
    {"GatherGrad", 16, igi_own_gather_grad, NULL},
    {"GatherNDGrad", 16, igi_own_gather_nd_grad, NULL},
    {"GeluGrad", 14, gelu_grad, NULL},
    {"GlobalAveragePool", 14, igi_own_nhwc_global_average_pool, NULL},
    {"Linear", 16, igi_own_linear, NULL},
    {"LinearScan", 14, igi_own_linear_scan, igi_own_can_linear_scan},
    {"MaxPool", 14, igi_own_nhwc_max_pool, NULL},
    {"MaxPoolGather", 14, igi_own_max_pool_gather, NULL},
    {"MaxPoolGrad", 16, igi_own_max_pool_grad, NULL},
    {"NllLossGrad", 16, igi_own_nll_loss_grad, NULL},
    {"PadGrad", 19, igi_own_pad_grad, NULL},
    {"QAdd", 14, igi_own_qadd, NULL},
    {"QConv", 14, igi_own_qconv, NULL},
    {"ReluGrad", 16, relu_grad, NULL},
    {"SgdStep", 14, sgd_step, NULL},
    {"SliceGrad", 16, igi_own_slice_grad, NULL},
    {"SumTo", 14, sum_to, NULL},
    {"TensorGather", 14, igi_own_tensor_gather, NULL},
    {"ViewRead", 14, igi_own_view_read, NULL},
    {"ViewWrite", 16, igi_own_view_write, NULL},
};

static size_t row_of(const ig_op_def *op)
{
    size_t i = 0, n = sizeof(table) / sizeof(*table);
    bool own_domain = op->domain && strcmp(op->domain, "ingot") == 0;
    while (i < n && !(own_domain && strcmp(op->name, table[i].name) == 0))
        i++;
    return i;
}

int64_t igi_onnx_own_opset(const ig_graph *g, const igi_node *n)
{
    size_t i = row_of(n->op->def);
    if (i >= sizeof(table) / sizeof(*table) || (table[i].can && !table[i].can(g, n)))
        return 0;
    bool bf16 = n->in[0].i && igi_value_at(g, n->in[0])->type.dtype == IG_BFLOAT16;
    return bf16 && table[i].opset < BF16_OPSET ? BF16_OPSET : table[i].opset;
}

ig_status igi_onnx_out_own(igi_onnx_out *o, const igi_node *n)
{
    igi_own w = {.o = o, .n = n};
    w.dtype = (ig_dtype)igi_own_type_in(&w, 0)->dtype;
    for (int i = 0; i < 3 && i < n->n_out; i++)
        if (n->out[i].i)
            w.out[i] = o->names[n->out[i].i];
    table[row_of(n->op->def)].run(&w);
    return w.rc;
}
