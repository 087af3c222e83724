/* TensorScatter: a cache with the rows of `update` written from an index of each batch
 * item on; its gradient reads them back with ingot::TensorGather. */
#include "operators/common_cache.h"

IG_USES_OP(Expand);
IG_USES_OP(TensorGather);
IG_USES_OP(TensorScatter);

static const ig_port inputs[] = {
    IG_PORT("past_cache", 'T', "[batch, ..., positions, ...]."),
    IG_PORT("update", 'T', "[batch, ..., rows, ...], rows <= positions."),
    IG_PORT("write_indices",
            'I',
            "First position of each batch item [batch]; absent: 0.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("present_cache", 'T', "Shape of past_cache.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16) | IG_FLOAT8S | IG_T(UINT4) | IG_T(INT4) |
              IG_T(FLOAT4E2M1) | IG_T(FLOAT8E8M0)},
    {'I', IG_T(INT64)},
    {0},
};

static ig_status tensor_scatter_infer(ig_infer *x)
{
    int axis, rank = x->in[0]->rank;
    IG_TRY(igi_cache_axis(x, rank, &axis));
    if (x->in[1]->rank != rank)
        return ig_infer_fail(x, "past_cache and update must have one rank");
    IG_TRY(igi_cache_check(x, axis, ig_type_dims(x->in[0]), ig_type_dims(x->in[1]),
                           rank, 2));
    return ig_infer_copy(x, 0, 0);
}

/* What was overwritten has no gradient. */
static ig_status tensor_scatter_gradient(ig_grad *g)
{
    const void *a = ig_grad_attrs(g);
    ig_var dy = ig_grad_dy(g, 0),
           at = ig_grad_in_type(g, 2) ? ig_grad_in(g, 2) : (ig_var){0};
    if (ig_grad_wants(g, 0)) {
        ig_var zero = ig_grad_scalar(g, (ig_dtype)ig_grad_in_type(g, 0)->dtype, 0);
        zero = ig_emit2(g, IG_OP(Expand), NULL, zero, ig_grad_in_shape(g, 1));
        ig_grad_set(g, 0, ig_emit3(g, IG_OP(TensorScatter), a, dy, zero, at));
    }
    if (ig_grad_wants(g, 1))
        ig_grad_set(
            g, 1, ig_emit3(g, IG_OP(TensorGather), a, dy, ig_grad_in_shape(g, 1), at));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(2, IG_BIT(0) | IG_BIT(1)), {0}};

static ig_status tensor_scatter_reference(ig_kernel_ctx *k)
{
    IG_TRY(igi_copy_to_output(k, 0, 0));
    return igi_cache_move(k, ig_out(k, 0), ig_in(k, 1), ig_in(k, 2), true);
}

#define HEAD .struct_size = sizeof(igi_cache_attrs)
static const igi_cache_attrs circular = {HEAD, -2, IGI_CACHE_CIRCULAR};
static const igi_cache_attrs middle = {HEAD, 1, IGI_CACHE_LINEAR};

static const ig_sample samples[] = {
    {.name = "from_the_start", IGI_INPUTS(IGI_IN(2, 3, 4, 2), IGI_IN(2, 3, 3, 2))},
    {.name = "at_indices",
     IGI_INPUTS(IGI_IN(2, 2, 4, 3), IGI_IN(2, 2, 2, 3), IGI_IN_INTS(2, 0))},
    {.name = "circular",
     .attrs = &circular,
     IGI_INPUTS(IGI_IN(3, 4, 2), IGI_IN(3, 3, 2), IGI_IN_INTS(2, -1, 9))},
    {.name = "axis_one",
     .attrs = &middle,
     IGI_INPUTS(IGI_IN(2, 4, 2, 2), IGI_IN(2, 1, 2, 2), IGI_IN_INTS(3, 1))},
    {.name = "no_rows",
     IGI_INPUTS(IGI_IN(2, 3, 2), IGI_IN(2, 0, 2), IGI_IN_INTS(3, 0))},
    {.name = "empty", .attrs = &circular, IGI_INPUTS(IGI_IN(2, 0, 2), IGI_IN(2, 0, 2))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1, 1), IGI_IN(1, 1, 1), IGI_IN_INTS(0))},
    {0},
};

IG_OPERATOR(TensorScatter) = {
    IG_OP_HEAD,
    .name = "TensorScatter",
    .since = 24,
    .doc =
        "A copy of past_cache with update written along `axis`, from write_indices of "
        "each batch item on.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_cache_options,
    .attrs_size = sizeof(igi_cache_attrs),
    .infer = tensor_scatter_infer,
    .gradient = tensor_scatter_gradient,
    .saves = saves,
    .reference = tensor_scatter_reference,
    .samples = samples,
};
