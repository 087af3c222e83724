// ConstantOfShape: a tensor of given dims whose elements all have one value.

#include <inttypes.h>

#include "operators/common_move.h"

typedef struct constant_of_shape_attrs {
    uint32_t struct_size;
    ig_tensor *value;
} constant_of_shape_attrs;

static const ig_port inputs[] = {
    IG_PORT("input",
            'S',
            "Dims, each >= 0; an empty vector makes a scalar.",
            .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Filled with the value.", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {
    {'S', IG_T(INT64)},
    {'T', IG_NUMERIC | IG_T(BOOL) | IG_FLOAT8S | IG_T(FLOAT8E8M0) | IG_PACKED},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_TENSOR(constant_of_shape_attrs,
                   value,
                   "One element: value and element type. Absent: 0 as float32."),
    {0},
};

static ig_status constant_of_shape_infer(ig_infer *x)
{
    const ig_tensor *value = ((const constant_of_shape_attrs *)x->attrs)->value;
    if (value && ig_numel(value) != 1)
        return ig_infer_fail(x, "value must have one element, it has %" PRId64,
                             ig_numel(value));
    IG_TRY(ig_infer_dtype(x, 0, value ? ig_dtype_of(value) : IG_FLOAT32));
    if (x->in[0]->rank < 0)
        return ig_infer_unknown(x, 0);
    return igi_infer_listed(x, 0);
}

static int constant_of_shape_values(ig_infer *x, int64_t *out, int cap)
{
    const ig_tensor *value = ((const constant_of_shape_attrs *)x->attrs)->value;
    const ig_type *t = x->out[0];
    if (!value || !t || t->rank < 0 || t->rank > 1 ||
        (t->dtype != IG_INT64 && t->dtype != IG_INT32))
        return IG_INTS_UNKNOWN;
    int64_t n = t->rank == 0 ? 1 : ig_type_dims(t)[0];
    if (n < 0 || n > cap)
        return IG_INTS_UNKNOWN;
    for (int64_t i = 0; i < n; i++)
        out[i] = igi_scalar_i64(value, 0);
    return (int)n;
}

static ig_status constant_of_shape_reference(ig_kernel_ctx *k)
{
    const ig_tensor *value = ((const constant_of_shape_attrs *)k->attrs)->value;
    const ig_tensor *y = ig_out(k, 0);
    const int64_t n = ig_numel(y), one = 1, none = 0;
    if (value)
        igi_copy_nd(ig_dtype_of(y), 1, &n, ig_data(y), 0, &one, ig_data(value), 0,
                    &none);
    else
        igi_fill_zero(y);
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "matrix", IGI_INPUTS(IGI_IN_INTS(2, 3))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_NO_INTS)},
    {.name = "vector", IGI_INPUTS(IGI_IN_INTS(4))},
    {.name = "empty", IGI_INPUTS(IGI_IN_INTS(0, 3))},
    {0},
};

IG_OPERATOR(ConstantOfShape) = {
    IG_OP_HEAD,
    .name = "ConstantOfShape",
    .since = 25,
    .doc = "A tensor of the given dims filled with one value.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(constant_of_shape_attrs),
    .infer = constant_of_shape_infer,
    .values = constant_of_shape_values,
    .gradient = ig_gradient_none,
    .reference = constant_of_shape_reference,
    .samples = samples,
};
