/* ingot::MaxPoolGrad: dx[Indices[j]] += dy[j], the gradient of MaxPool.
 *
 * With the indices given it is linear, and its transpose is ingot::MaxPoolGather: the
 * two are each other's gradients, so derivatives of every order exist. */
#include "operators/common_move.h"
#include "operators/common_pool.h"

IG_USES_OP(MaxPoolGather);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of MaxPool's output."),
    IG_PORT("Indices", 'I', "MaxPool's second output."),
    IG_PORT("shape", 'I', "Shape of MaxPool's input.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Gradient of MaxPool's input."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {IGI_STORAGE_ORDER(igi_max_pool_grad_attrs), {0}};

static ig_status max_pool_grad_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank, n = igi_infer_sizes(x, 2, dims);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if (x->in[1]->rank != rank || rank < 3 || (n >= 0 && n != rank))
        return ig_infer_fail(
            x, "dy, Indices and shape must have the same rank, at least 3");
    const int64_t *a = ig_type_dims(x->in[0]), *b = ig_type_dims(x->in[1]);
    for (int i = 0; i < rank; i++)
        IG_TRY(ig_infer_equal(x, a[i], b[i], "dims of dy and Indices", NULL));
    return n < 0 ? ig_infer_fresh(x, 0, rank) : ig_infer_set(x, 0, rank, dims);
}

static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status max_pool_grad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(MaxPoolGather), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1)));
    return IG_OK;
}

IGI_INLINE ig_status scatter(ig_dtype T, ig_kernel_ctx *k, int64_t order)
{
    const ig_tensor *dy = ig_in(k, 0);
    ig_tensor *dx = ig_out(k, 0);
    const int64_t *index = ig_data(ig_in(k, 1));
    int64_t n = ig_numel(dy), at;
    for (int64_t i = 0; i < ig_numel(dx); i++)
        igi_store(T, ig_data(dx), i, 0);
    for (int64_t i = 0; i < n; i++) {
        IG_TRY(igi_pool_index(k, order, ig_rank(dx), ig_dims(dx), index[i], &at));
        if (at >= 0)
            igi_store(T, ig_data(dx), at,
                      igi_load(T, ig_data(dx), at) + igi_load(T, ig_data(dy), i));
    }
    return IG_OK;
}

static ig_status max_pool_grad_reference(ig_kernel_ctx *k)
{
    const igi_max_pool_grad_attrs *a = k->attrs;
    IGI_EACH_FLOAT(k, ig_dtype_of(ig_in(k, 0)), return scatter(T, k, a->storage_order));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "row_major",
     IGI_INPUTS(IGI_IN(1, 2, 2),
                {IG_SHAPE_IN(1, 2, 2), IGI_DATA(IG_INT64, 1, 1, 3, 5)},
                IGI_IN_INTS(1, 2, 3))},
    {.name = "column_major",
     .attrs = &igi_max_pool_sample_columns,
     IGI_INPUTS(IGI_IN(1, 1, 2, 2),
                {IG_SHAPE_IN(1, 1, 2, 2), IGI_DATA(IG_INT64, 0, 1, 4, -1)},
                IGI_IN_INTS(1, 1, 2, 3))},
    {.name = "empty_batch",
     IGI_INPUTS(IGI_IN(0, 2, 2),
                {IG_SHAPE_IN(0, 2, 2), .dtype = IG_INT64},
                IGI_IN_INTS(0, 2, 3))},
    {0},
};

IG_OPERATOR(MaxPoolGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "MaxPoolGrad",
    .since = 1,
    .doc =
        "Gradient of MaxPool: zeros, with dy added at the places that Indices names.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_max_pool_grad_attrs),
    .infer = max_pool_grad_infer,
    .gradient = max_pool_grad_gradient,
    .saves = saves,
    .reference = max_pool_grad_reference,
    .samples = samples,
};
