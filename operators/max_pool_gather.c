/* ingot::MaxPoolGather: y[j] = x[Indices[j]], 0 where the index is -1. It is MaxPool
 * with the winners given: the transpose of ingot::MaxPoolGrad and, like it, linear. */
#include "operators/common_pool.h"

IG_USES_OP(MaxPoolGrad);

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Tensor of the shape of MaxPool's input."),
    IG_PORT("Indices", 'I', "MaxPool's second output."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "The elements that Indices names, in its shape."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {IGI_STORAGE_ORDER(igi_max_pool_grad_attrs), {0}};

static ig_status max_pool_gather_infer(ig_infer *x)
{
    if (x->in[0]->rank != x->in[1]->rank || x->in[0]->rank < 3)
        return ig_infer_fail(x, "x and Indices must have the same rank, at least 3");
    return ig_infer_copy(x, 0, 1);
}

static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status max_pool_gather_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(MaxPoolGrad), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1), ig_grad_in_shape(g, 0)));
    return IG_OK;
}

IGI_INLINE ig_status gather(ig_dtype T, ig_kernel_ctx *k, int64_t order)
{
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    const int64_t *index = ig_data(ig_in(k, 1));
    int64_t n = ig_numel(y), at;
    for (int64_t i = 0; i < n; i++) {
        IG_TRY(igi_pool_index(k, order, ig_rank(x), ig_dims(x), index[i], &at));
        igi_store(T, ig_data(y), i, at < 0 ? 0 : igi_load(T, ig_data(x), at));
    }
    return IG_OK;
}

static ig_status max_pool_gather_reference(ig_kernel_ctx *k)
{
    const igi_max_pool_grad_attrs *a = k->attrs;
    IGI_EACH_FLOAT(k, ig_dtype_of(ig_in(k, 0)), return gather(T, k, a->storage_order));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "row_major",
     IGI_INPUTS(IGI_IN(1, 2, 3),
                {IG_SHAPE_IN(1, 2, 2), IGI_DATA(IG_INT64, 1, 1, 3, 5)})},
    {.name = "column_major",
     .attrs = &igi_max_pool_sample_columns,
     IGI_INPUTS(IGI_IN(1, 1, 2, 3),
                {IG_SHAPE_IN(1, 1, 2, 2), IGI_DATA(IG_INT64, 0, 1, 4, -1)})},
    {.name = "empty_batch",
     IGI_INPUTS(IGI_IN(0, 2, 3), {IG_SHAPE_IN(0, 2, 2), .dtype = IG_INT64})},
    {0},
};

IG_OPERATOR(MaxPoolGather) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "MaxPoolGather",
    .since = 1,
    .doc = "Elements of x at the places that MaxPool's Indices names (0 for -1).",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_max_pool_grad_attrs),
    .infer = max_pool_gather_infer,
    .gradient = max_pool_gather_gradient,
    .saves = saves,
    .reference = max_pool_gather_reference,
    .samples = samples,
};
