// LpNormalization: y = x / norm(x) along an axis, the norm being the sum of absolute
// values (p 1) or the root of the sum of squares (p 2); 0 where the norm is 0.
//
// Gradient: dx = (dy - s sum(dy y)) / norm, s = sign(x) or y, the norm's own
// derivative.

#include "operators/common_softmax.h"
#include "operators/common_unary.h"

IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(ReduceL1);
IG_USES_OP(ReduceL2);
IG_USES_OP(Sign);

typedef struct lp_attrs {
    uint32_t struct_size;
    int64_t axis, p;
} lp_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(lp_attrs, axis, -1, "Axis of the norm, -rank to rank - 1."),
    IG_ATTR_INT(lp_attrs, p, 2, "1 or 2.", .min = 1, .max = 2),
    {0},
};

static ig_status lp_infer(ig_infer *x)
{
    int axis;
    IG_TRY(ig_infer_axis(x, ((const lp_attrs *)x->attrs)->axis, x->in[0]->rank, false,
                         &axis));
    return ig_infer_copy(x, 0, 0);
}

static ig_status lp_gradient(ig_grad *g)
{
    const lp_attrs *o = ig_grad_attrs(g);
    ig_var x = ig_grad_in(g, 0), dy = ig_grad_dy(g, 0), zero = igi_grad_const(g, 0);
    ig_var norm = ig_emit2(g, o->p == 1 ? IG_OP(ReduceL1) : IG_OP(ReduceL2), NULL, x,
                           ig_grad_ints(g, &o->axis, 1));
    ig_var safe = igi_emit_where(g, ig_emit2(g, IG_OP(Equal), NULL, norm, zero),
                                 igi_grad_const(g, 1), norm);
    ig_var y = ig_emit2(g, IG_OP(Div), NULL, x, safe);
    ig_var along = igi_emit_sum(g, igi_emit_mul(g, dy, y), &o->axis, 1);
    ig_var slope = o->p == 1 ? ig_emit1(g, IG_OP(Sign), NULL, x) : y;
    ig_var rest = igi_emit_sub(g, dy, igi_emit_mul(g, slope, along));
    ig_var dx = ig_emit2(g, IG_OP(Div), NULL, rest, safe);
    ig_grad_set(
        g, 0, igi_emit_where(g, ig_emit2(g, IG_OP(Equal), NULL, norm, zero), zero, dx));
    return IG_OK;
}

static ig_status lp_reference(ig_kernel_ctx *k)
{
    const lp_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_lines l = igi_lines_of(x, o->axis);
    IGI_EACH_FLOAT(k, ig_dtype_of(x), {
        for (int64_t j = 0; j < l.count; j++) {
            int64_t at = igi_lines_at(&l, j);
            double norm = 0;
            for (int64_t i = 0; i < l.n; i++) {
                double v = igi_load(T, ig_data(x), at + i * l.step);
                norm += o->p == 1 ? fabs(v) : v * v;
            }
            norm = o->p == 1 ? norm : sqrt(norm);
            for (int64_t i = 0; i < l.n; i++) {
                double v = igi_load(T, ig_data(x), at + i * l.step);
                igi_store(T, ig_data(y), at + i * l.step, norm == 0 ? 0 : v / norm);
            }
        }
    })
    return IG_OK;
}

static const lp_attrs one = {sizeof(lp_attrs), 1, 1}, first = {sizeof(lp_attrs), 0, 2};
static const ig_sample samples[] = {
    {.name = "two", IGI_INPUTS(IGI_IN(2, 3, 4))},
    {.name = "one",
     .attrs = &one,
     IGI_INPUTS({IG_SHAPE_IN(2, 4, 3), .fill = IG_FILL_NONZERO})},
    {.name = "first_axis", .attrs = &first, IGI_INPUTS(IGI_IN(4, 3))},
    {.name = "zeros",
     .no_gradient = true,
     IGI_INPUTS({IG_SHAPE_IN(2, 2), .data = (const double[]){0, 0, 3, 4}})},
    {.name = "size_one", .attrs = &first, IGI_INPUTS(IGI_IN(1, 3))},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0))},
    {0},
};

IG_OPERATOR(LpNormalization) = {
    IG_OP_HEAD,
    .name = "LpNormalization",
    .since = 22,
    .doc = "x divided by its norm of order p along `axis`; 0 where that is 0.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
    .types = igi_float_types,
    .attrs = attrs,
    .attrs_size = sizeof(lp_attrs),
    .infer = lp_infer,
    .gradient = lp_gradient,
    .saves = igi_save_x,
    .reference = lp_reference,
    .samples = samples,
};
