/* ingot::GlobalAveragePool: mean over the spatial axes of x[N, in..., C], kept as 1;
 * made by the optimiser. */
#include "operators/common_float.h"

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Input [N, in..., C]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "Output [N, 1, ..., 1, C]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status nhwc_global_pool_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    if (rank < 2)
        return ig_infer_fail(x, "x must have a batch and a channel axis");
    for (int i = 0; i < rank; i++)
        dims[i] = i == 0 || i == rank - 1 ? ig_type_dims(x->in[0])[i] : 1;
    return ig_infer_set(x, 0, rank, dims);
}

IGI_INLINE void channel_means(
    ig_dtype T, const void *x, void *y, int64_t batch, int64_t n, int64_t channels)
{
    double sum[IGI_CHUNK];
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t lo = 0; lo < channels; lo += IGI_CHUNK) {
            int64_t count = igi_chunk_end(lo, channels) - lo;
            for (int64_t c = 0; c < count; c++)
                sum[c] = 0;
            for (int64_t i = 0; i < n; i++)
                for (int64_t c = 0; c < count; c++)
                    sum[c] += igi_load(T, x, (b * n + i) * channels + lo + c);
            for (int64_t c = 0; c < count; c++)
                igi_store(T, y, b * channels + lo + c,
                          n ? sum[c] / (double)n : (double)NAN);
        }
    }
}

static ig_status nhwc_global_pool_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    int rank = ig_rank(x);
    int64_t n = 1, batch = ig_dims(x)[0], channels = ig_dims(x)[rank - 1];
    for (int i = 1; i < rank - 1; i++)
        n *= ig_dims(x)[i];
    IGI_EACH_FLOAT(k, ig_dtype_of(x),
                   channel_means(T, ig_data(x), ig_data(y), batch, n, channels));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "two_axes", IGI_INPUTS({IG_SHAPE_IN(2, 4, 5, 3)}), .no_gradient = true},
    {.name = "one_axis", IGI_INPUTS({IG_SHAPE_IN(1, 7, 2)}), .no_gradient = true},
    {.name = "empty_batch", IGI_INPUTS({IG_SHAPE_IN(0, 3, 3, 2)}), .no_gradient = true},
    {0},
};

IG_OPERATOR(NhwcGlobalAveragePool) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "GlobalAveragePool",
    .since = 1,
    .doc = "Mean over the spatial axes of x[N, in..., C]. Internal: the optimiser "
           "makes it after gradients are taken.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = nhwc_global_pool_infer,
    .gradient = ig_gradient_forbidden,
    .reference = nhwc_global_pool_reference,
    .samples = samples,
};
