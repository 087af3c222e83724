// SequenceEmpty: a sequence without items.

#include "operators/common_flow.h"

typedef struct empty_attrs {
    uint32_t struct_size;
    int64_t dtype;
} empty_attrs;

static const ig_port outputs[] = {
    IG_PORT("output", 'T', "No items, of type `dtype`.", .flags = IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_DTYPE(empty_attrs, dtype, IG_FLOAT32, "Element type of items to come."),
    {0},
};

static ig_status empty_infer(ig_infer *x)
{
    int64_t dtype = ((const empty_attrs *)x->attrs)->dtype;
    ig_type elem = {.dtype = (uint8_t)dtype, .rank = -1};
    if (dtype <= 0 || !(types[0].types >> dtype & 1))
        return ig_infer_fail(x, "dtype %d cannot be that of items", (int)dtype);
    return igi_infer_wrap(x, 0, IG_KIND_SEQUENCE, &elem);
}

static ig_status empty_reference(ig_kernel_ctx *k)
{
    ig_type elem = {.dtype = (uint8_t)((const empty_attrs *)k->attrs)->dtype,
                    .rank = -1};
    return igi_give_sequence(k, 0, &elem, NULL, 0);
}

static const empty_attrs ints = {.struct_size = sizeof(ints), .dtype = IG_INT64};
static const ig_sample samples[] = {
    {.name = "float32", .types = IG_T(FLOAT32)},
    {.name = "int64", .attrs = &ints, .types = IG_T(INT64)},
    {0},
};

IG_OPERATOR(SequenceEmpty) = {
    IG_OP_HEAD,
    .name = "SequenceEmpty",
    .since = 11,
    .doc = "A sequence without items.",
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(empty_attrs),
    .infer = empty_infer,
    .gradient = ig_gradient_none,
    .reference = empty_reference,
    .samples = samples,
};
