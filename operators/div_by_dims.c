// DivByDims: x divided by a number of elements that is known only at run time: the
// product of the dims `axes` of `shape`. Gradients of means over symbolic axes are made
// of it.

#include <inttypes.h>

#include "operators/common_move.h"

IG_USES_OP(DivByDims);

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Any tensor."),
    IG_PORT("shape", 'S', "Dims of another tensor.", .flags = IG_VALUE),
    IG_PORT("axes",
            'S',
            "Which of them; negative: from the end; absent or empty: see "
            "noop_with_empty_axes.",
            .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "x / product.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'S', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_div_by_dims_attrs,
                noop_with_empty_axes,
                0,
                "Without axes: 0 takes all dims, 1 takes none.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status div_by_dims_infer(ig_infer *x)
{
    for (int i = 1; i < x->n_in; i++)
        if (x->in[i] && x->in[i]->rank > 1)
            return ig_infer_fail(x, "%s must be a list", x->op->inputs[i].name);
    return ig_infer_same(x);
}

static ig_status div_by_dims_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(DivByDims), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1), ig_grad_in(g, 2)));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)), IG_SAVE_IN(2, IG_BIT(0)), {0}};

static ig_status div_by_dims_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *axes = ig_in(k, 2), *y = ig_out(k, 0);
    int64_t dims[IG_RANK_MAX], list[IG_RANK_MAX];
    int rank = igi_read_ints(ig_in(k, 1), dims, IG_RANK_MAX);
    int n = axes ? igi_read_ints(axes, list, IG_RANK_MAX) : 0;
    bool all =
        n == 0 && !((const igi_div_by_dims_attrs *)k->attrs)->noop_with_empty_axes;
    double product = 1;
    if (rank < 0 || n < 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "dims and axes must be lists of at most %d", IG_RANK_MAX);
    for (int i = 0; i < (all ? rank : n); i++) {
        int64_t a = all ? i : igi_index(list[i], rank);
        if (a < 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "axis %" PRId64 " is outside rank %d", list[i], rank);
        product *= (double)dims[a];
    }
    for (int64_t i = 0; i < ig_numel(x); i++)
        igi_put_f64(ig_dtype_of(y), ig_data(y), i,
                    igi_get_f64(ig_dtype_of(x), ig_data(x), i) / product);
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "one_axis", IGI_INPUTS(IGI_IN(3), IGI_IN_INTS(3, 4), IGI_IN_INTS(-1))},
    {.name = "all", IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_INTS(3, 4))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0), IGI_IN_INTS(0, 4), IGI_IN_INTS(1))},
    {0},
};

IG_OPERATOR(DivByDims) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "DivByDims",
    .since = 1,
    .doc = "x divided by the product of the dims `axes` of `shape`.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_div_by_dims_attrs),
    .infer = div_by_dims_infer,
    .gradient = div_by_dims_gradient,
    .saves = saves,
    .reference = div_by_dims_reference,
    .samples = samples,
};
