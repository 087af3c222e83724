// EyeLike: ones on a diagonal, zeros elsewhere, in the shape of a matrix.

#include "operators/common_move.h"

typedef struct eye_like_attrs {
    uint32_t struct_size;
    int64_t dtype, k;
} eye_like_attrs;

static const ig_port inputs[] = {
    IG_PORT("input",
            'T',
            "A matrix; only its shape and element type are read.",
            .flags = IG_TYPE_ONLY | IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'E', "Same shape.", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_NUMERIC | IG_T(BOOL)},
    {'E', IG_NUMERIC | IG_T(BOOL)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_DTYPE(eye_like_attrs, dtype, 0, "Element type; absent: that of the input."),
    IG_ATTR_INT(eye_like_attrs,
                k,
                0,
                "Which diagonal: above the main one, below it when negative."),
    {0},
};

static ig_status eye_like_infer(ig_infer *x)
{
    int64_t dtype = ((const eye_like_attrs *)x->attrs)->dtype;
    IG_TRY(ig_infer_dtype(x, 0, dtype ? dtype : x->in[0]->dtype));
    if (x->in[0]->rank >= 0 && x->in[0]->rank != 2)
        return ig_infer_fail(x, "the input must be a matrix");
    return ig_infer_copy(x, 0, 0);
}

static ig_status eye_like_reference(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    int64_t shift = ((const eye_like_attrs *)k->attrs)->k;
    int64_t rows = ig_dims(y)[0], columns = ig_dims(y)[1];
    igi_fill_zero(y);
    for (int64_t i = shift < 0 && shift > -rows ? -shift : 0; i < rows; i++) {
        int64_t j;
        if (igi_add_i64(i, shift, &j) && j >= 0 && j < columns)
            igi_put_i64(ig_dtype_of(y), ig_data(y), i * columns + j, 1);
    }
    return IG_OK;
}

static const eye_like_attrs upper = {sizeof(eye_like_attrs), IG_INT32, 1};
static const eye_like_attrs lower = {sizeof(eye_like_attrs), 0, -2};
static const eye_like_attrs outside = {sizeof(eye_like_attrs), 0, INT64_MAX};
static const ig_sample samples[] = {
    {.name = "square", IGI_INPUTS(IGI_IN(3, 3))},
    {.name = "upper_int32", .attrs = &upper, IGI_INPUTS(IGI_IN(3, 4))},
    {.name = "lower", .attrs = &lower, IGI_INPUTS(IGI_IN(4, 3))},
    {.name = "outside", .attrs = &outside, IGI_INPUTS(IGI_IN(2, 2))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(EyeLike) = {
    IG_OP_HEAD,
    .name = "EyeLike",
    .since = 22,
    .doc = "Ones on diagonal `k`, zeros elsewhere, in the shape of a matrix.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(eye_like_attrs),
    .infer = eye_like_infer,
    .gradient = ig_gradient_none,
    .reference = eye_like_reference,
    .samples = samples,
};
