/* ingot::TensorGather: the rows that TensorScatter writes, read out of a cache. Each is
 * the gradient of the other. */
#include "operators/common_cache.h"

IG_USES_OP(Expand);
IG_USES_OP(TensorScatter);

static const ig_port inputs[] = {
    IG_PORT("cache", 'T', "[batch, ..., positions, ...]."),
    IG_PORT("shape", 'S', "Dims of the rows.", .flags = IG_VALUE),
    IG_PORT("indices",
            'I',
            "First position of each batch item [batch]; absent: 0.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("rows", 'T', "[batch, ..., rows, ...]."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS}, {'S', IG_T(INT64)}, {'I', IG_T(INT64)}, {0}};

static ig_status tensor_gather_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int axis, rank = x->in[0]->rank, n = igi_infer_sizes(x, 1, dims);
    IG_TRY(igi_cache_axis(x, rank, &axis));
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if (n == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, rank);
    if (n != rank)
        return ig_infer_fail(x, "shape has %d dims, the cache %d", n, rank);
    IG_TRY(igi_cache_check(x, axis, ig_type_dims(x->in[0]), dims, rank, 2));
    return ig_infer_set(x, 0, rank, dims);
}

static ig_status tensor_gather_gradient(ig_grad *g)
{
    ig_var zero = ig_grad_scalar(g, (ig_dtype)ig_grad_in_type(g, 0)->dtype, 0),
           at = ig_grad_in_type(g, 2) ? ig_grad_in(g, 2) : (ig_var){0};
    zero = ig_emit2(g, IG_OP(Expand), NULL, zero, ig_grad_in_shape(g, 0));
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(TensorScatter), ig_grad_attrs(g), zero,
                         ig_grad_dy(g, 0), at));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(2, IG_BIT(0)), {0}};

static ig_status tensor_gather_reference(ig_kernel_ctx *k)
{
    return igi_cache_move(k, ig_in(k, 0), ig_out(k, 0), ig_in(k, 2), false);
}

#define HEAD .struct_size = sizeof(igi_cache_attrs)
static const igi_cache_attrs last = {HEAD, -1, IGI_CACHE_LINEAR};
static const igi_cache_attrs circular = {HEAD, 1, IGI_CACHE_CIRCULAR};

static const ig_sample samples[] = {
    {.name = "from_the_start",
     .attrs = &last,
     IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN_INTS(2, 3, 2))},
    {.name = "circular",
     .attrs = &circular,
     IGI_INPUTS(IGI_IN(2, 4, 3), IGI_IN_INTS(2, 3, 3), IGI_IN_INTS(3, 1))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1, 1), IGI_IN_INTS(1, 1, 1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0, 3), IGI_IN_INTS(2, 0, 3))},
    {.name = "no_rows",
     .attrs = &circular,
     IGI_INPUTS(IGI_IN(2, 4, 3), IGI_IN_INTS(2, 0, 3))},
    {0},
};

IG_OPERATOR(TensorGather) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "TensorGather",
    .since = 1,
    .doc =
        "The rows of a cache that TensorScatter with the same attributes and indices "
        "writes.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_cache_options,
    .attrs_size = sizeof(igi_cache_attrs),
    .infer = tensor_gather_infer,
    .gradient = tensor_gather_gradient,
    .saves = saves,
    .reference = tensor_gather_reference,
    .samples = samples,
};
