/* ArrayFeatureExtractor: the columns Y of the last axis of X; a vector gives a row. */
#include "operators/common_ml.h"

IG_USES_OP(GatherGrad);
IG_USES_OP(Reshape);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Data, of rank 1 at least."),
    IG_PORT("Y", 'I', "Indices, any shape: 0 .. last dim of X - 1."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Z",
            'T',
            "Shape of X with the number of indices as last dim; [1, n] for a vector."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IGI_ML_NUMBERS | IG_T(STRING)}, {'I', IG_T(INT64)}, {0}};

static ig_status extractor_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX] = {1};
    int rank = x->in[0]->rank, out = rank > 1 ? rank : 2;
    if (rank < 1)
        return ig_infer_fail(x, "X must have rank 1 at least");
    for (int i = 0; i < rank - 1; i++)
        dims[i] = ig_type_dims(x->in[0])[i];
    dims[out - 1] = ig_infer_count(x, 1, 0, x->in[1]->rank);
    return ig_infer_set(x, 0, out, dims);
}

static ig_status extractor_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *indices = ig_in(k, 1), *y = ig_out(k, 0);
    const int64_t width = ig_dims(x)[ig_rank(x) - 1], n = ig_numel(indices);
    const int64_t rows = width ? ig_numel(x) / width : 0;
    for (int64_t j = 0; j < n; j++) {
        int64_t at = ((const int64_t *)ig_data(indices))[j];
        if (at < 0 || at >= width)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "Y[%lld] is %lld, not in 0..%lld", (long long)j,
                                  (long long)at, (long long)width - 1);
        igi_copy_nd(ig_dtype_of(x), 1, &rows, ig_data(y), j, &n, ig_data(x), at,
                    &width);
    }
    return IG_OK;
}

/* Columns of dy are added to those that they were read from. */
static ig_status extractor_gradient(ig_grad *g)
{
    const igi_axis_attrs last = {sizeof(last), -1};
    const int64_t all = -1;
    ig_var flat = ig_grad_ints(g, &all, 1), dy = ig_grad_dy(g, 0),
           indices = ig_emit2(g, IG_OP(Reshape), NULL, ig_grad_in(g, 1), flat);
    if (ig_grad_in_type(g, 0)->rank == 1)
        dy = ig_emit2(g, IG_OP(Reshape), NULL, dy, flat);
    ig_grad_set(
        g, 0,
        ig_emit3(g, IG_OP(GatherGrad), &last, dy, indices, ig_grad_in_shape(g, 0)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static const ig_sample samples[] = {
    {.name = "matrix", IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(2, 0, 2))},
    {.name = "vector", IGI_INPUTS(IGI_IN(4), IGI_IN_INTS(3, 1))},
    {.name = "indices_as_row",
     IGI_INPUTS(IGI_IN(2, 1, 3), {IG_SHAPE_IN(1, 2), IGI_DATA(IG_INT64, 2, 1)})},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN_INTS(0))},
    {.name = "no_indices", IGI_INPUTS(IGI_IN(3, 4), IGI_IN_NO_INTS)},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 4), IGI_IN_INTS(1, 1))},
    {0},
};

IG_OPERATOR(ArrayFeatureExtractor) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "ArrayFeatureExtractor",
    .since = 1,
    .doc = "Selects columns of the last axis by index.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = extractor_infer,
    .gradient = extractor_gradient,
    .saves = saves,
    .reference = extractor_reference,
    .samples = samples,
};
