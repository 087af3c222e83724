/* GlobalAveragePool: y[n, c] = mean of x[n, c, ...]; spatial dims become 1. */
#include "operators/common_float.h"
#include "operators/common_grad.h"

IG_USES_OP(Expand);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dk]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Output [N, C, 1, ..., 1]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status global_average_pool_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    if (rank < 2)
        return ig_infer_fail(x, "X must have a batch and a channel axis");
    for (int i = 0; i < rank; i++)
        dims[i] = i < 2 ? ig_type_dims(x->in[0])[i] : 1;
    return ig_infer_set(x, 0, rank, dims);
}

static ig_status global_average_pool_gradient(ig_grad *g)
{
    int64_t axes[IG_RANK_MAX];
    int n = 0;
    for (int i = 2; i < ig_grad_in_type(g, 0)->rank; i++)
        axes[n++] = i;
    ig_var share = igi_emit_div_count(g, ig_grad_dy(g, 0), 0, axes, n);
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Expand), NULL, share, ig_grad_in_shape(g, 0)));
    return IG_OK;
}

IGI_INLINE void means(ig_dtype T, const void *x, void *y, int64_t planes, int64_t n)
{
    for (int64_t p = 0; p < planes; p++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += igi_load(T, x, p * n + i);
        igi_store(T, y, p, n ? sum / (double)n : (double)NAN);
    }
}

static ig_status global_average_pool_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    int64_t n = 1;
    for (int i = 2; i < ig_rank(x); i++)
        n *= ig_dims(x)[i];
    IGI_EACH_FLOAT(k, ig_dtype_of(x), means(T, ig_data(x), ig_data(y), ig_numel(y), n));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "two_axes", IGI_INPUTS({IG_SHAPE_IN(2, 3, 4, 5)})},
    {.name = "one_axis", IGI_INPUTS({IG_SHAPE_IN(1, 2, 7)})},
    {.name = "three_axes", IGI_INPUTS({IG_SHAPE_IN(2, 1, 2, 1, 3)})},
    {.name = "empty_batch", IGI_INPUTS({IG_SHAPE_IN(0, 2, 3, 3)})},
    {0},
};

IG_OPERATOR(GlobalAveragePool) = {
    IG_OP_HEAD,
    .name = "GlobalAveragePool",
    .since = 22,
    .doc = "Mean over all spatial axes, per item and channel.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = global_average_pool_infer,
    .gradient = global_average_pool_gradient,
    .reference = global_average_pool_reference,
    .samples = samples,
};
