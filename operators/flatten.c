// Flatten: a matrix whose rows run over the axes before `axis`, its columns over the
// others.

#include <inttypes.h>

#include "operators/common_move.h"

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Tensor of rank >= axis."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "The elements of input, in order, as a matrix."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_ALL_TYPES}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_axis_attrs, axis, 1, "First axis of the columns, -rank to rank."),
    {0},
};

static ig_status flatten_infer(ig_infer *x)
{
    int64_t axis = ((const igi_axis_attrs *)x->attrs)->axis, dims[2];
    int rank = x->in[0]->rank;
    if (axis < -rank || axis > rank)
        return ig_infer_fail(x, "axis %" PRId64 " is outside [%d, %d]", axis, -rank,
                             rank);
    int at = (int)(axis < 0 ? axis + rank : axis);
    dims[0] = ig_infer_count(x, 0, 0, at);
    dims[1] = ig_infer_count(x, 0, at, rank);
    for (int i = 0; i < 2; i++)
        if (dims[i] == -1)
            dims[i] = ig_dim_fresh(x->syms);
    return ig_infer_set(x, 0, 2, dims);
}

static const igi_axis_attrs axis0 = {sizeof(igi_axis_attrs), 0};
static const igi_axis_attrs axis_end = {sizeof(igi_axis_attrs), 3};
static const igi_axis_attrs negative = {sizeof(igi_axis_attrs), -2};
static const ig_sample samples[] = {
    {.name = "default", IGI_INPUTS(IGI_IN(2, 3, 4))},
    {.name = "axis_0", .attrs = &axis0, IGI_INPUTS(IGI_IN(2, 3, 4))},
    {.name = "axis_rank", .attrs = &axis_end, IGI_INPUTS(IGI_IN(2, 3, 4))},
    {.name = "negative_axis", .attrs = &negative, IGI_INPUTS(IGI_IN(2, 3, 4, 5))},
    {.name = "vector", IGI_INPUTS(IGI_IN(5))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1, 3))},
    {.name = "scalar", .attrs = &axis0, IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 3, 4))},
    {0},
};

IG_OPERATOR(Flatten) = {
    IG_OP_HEAD,
    .name = "Flatten",
    .since = 25,
    .doc = "The input as a matrix: axes before `axis` make the rows, the others the "
           "columns.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_axis_attrs),
    .flags = IG_OP_STRIDED,
    .infer = flatten_infer,
    .view = ig_view_contiguous,
    .gradient = igi_reshape_gradient,
    .reference = igi_copy_elements,
    .samples = samples,
};
