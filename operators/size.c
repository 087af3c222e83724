// Size: the number of elements of a tensor, as an int64 scalar.

#include "operators/common_move.h"

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor.", .flags = IG_TYPE_ONLY),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("size", 'S', "Number of its elements."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_ALL_TYPES}, {'S', IG_T(INT64)}, {0}};

static ig_status size_infer(ig_infer *x)
{
    return ig_infer_set(x, 0, 0, NULL);
}

static int size_values(ig_infer *x, int64_t *out, int cap)
{
    if (x->in[0]->rank < 0 || cap < 1)
        return IG_INTS_UNKNOWN;
    out[0] = ig_infer_count(x, 0, 0, x->in[0]->rank);
    return out[0] == -1 ? IG_INTS_UNKNOWN : 1;
}

static ig_status size_reference(ig_kernel_ctx *k)
{
    *(int64_t *)ig_data(ig_out(k, 0)) = ig_numel(ig_in(k, 0));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "usual", IGI_INPUTS(IGI_IN(3, 4, 5))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(Size) = {
    IG_OP_HEAD,
    .name = "Size",
    .since = 25,
    .doc = "The number of elements of data, as an int64 scalar.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED,
    .infer = size_infer,
    .values = size_values,
    .gradient = ig_gradient_none,
    .reference = size_reference,
    .samples = samples,
};
