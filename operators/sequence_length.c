// SequenceLength: how many items a sequence has.

#include "operators/common_flow.h"

static const ig_port inputs[] = {
    IG_PORT("input_sequence", 'T', "The sequence.", .flags = IG_SEQ | IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("length", 'I', "Rank 0."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT64)},
    {0},
};

static ig_status length_infer(ig_infer *x)
{
    return ig_infer_set(x, 0, 0, NULL);
}

static ig_status length_reference(ig_kernel_ctx *k)
{
    *(int64_t *)ig_data(ig_out(k, 0)) = igi_sequence_in(k, 0)->n;
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "two", IGI_INPUTS(IGI_IN_SEQUENCE(IGI_IN(2, 3), IGI_IN(1)))},
    {.name = "one", IGI_INPUTS(IGI_IN_SEQUENCE(IGI_IN(0)))},
    {.name = "none", IGI_INPUTS(IGI_IN_NO_ITEMS)},
    {0},
};

IG_OPERATOR(SequenceLength) = {
    IG_OP_HEAD,
    .name = "SequenceLength",
    .since = 11,
    .doc = "Number of items of a sequence.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = length_infer,
    .gradient = ig_gradient_none,
    .reference = length_reference,
    .samples = samples,
};
