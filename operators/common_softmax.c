/* Table of the softmax family. */
#include "operators/common_softmax.h"

const ig_port igi_softmax_inputs[] = {
    IG_PORT("input", 'T', "Any rank >= 1."),
    {0},
};
const ig_port igi_softmax_outputs[] = {
    IG_PORT("output", 'T', "Shape of input.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
const ig_attr_def igi_softmax_options[] = {
    IG_ATTR_INT(igi_axis_attrs, axis, -1, "Axis to normalise; negative: from the end."),
    {0},
};

ig_status igi_softmax_infer(ig_infer *x)
{
    int axis;
    IG_TRY(ig_infer_axis(x, ((const igi_axis_attrs *)x->attrs)->axis, x->in[0]->rank,
                         false, &axis));
    return ig_infer_copy(x, 0, 0);
}

igi_lines igi_lines_of(const ig_tensor *t, int64_t axis)
{
    igi_lines l = {.count = 1, .step = 1};
    int rank = ig_rank(t);
    if (axis < 0)
        axis += rank;
    for (int i = 0; i < rank; i++) {
        l.count *= i == axis ? 1 : ig_dims(t)[i];
        l.step *= i > axis ? ig_dims(t)[i] : 1;
    }
    l.n = ig_dims(t)[axis];
    return l;
}

static const igi_axis_attrs first = {sizeof(igi_axis_attrs), 0};
static const igi_axis_attrs middle = {sizeof(igi_axis_attrs), 1};
const ig_sample igi_softmax_samples[] = {
    {.name = "last_axis", IGI_INPUTS(IGI_IN(3, 5))},
    {.name = "first_axis", .attrs = &first, IGI_INPUTS(IGI_IN(4, 2, 3))},
    {.name = "middle_axis", .attrs = &middle, IGI_INPUTS(IGI_IN(2, 3, 2, 2))},
    {.name = "one_element", IGI_INPUTS(IGI_IN(2, 1))},
    {.name = "one_axis", IGI_INPUTS(IGI_IN(6))},
    {.name = "empty_batch", IGI_INPUTS(IGI_IN(0, 3))},
    {.name = "empty_axis", IGI_INPUTS(IGI_IN(3, 0))},
    {0},
};
