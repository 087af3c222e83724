// GatherGrad: the linear map that is Gather's gradient: rows of dy added into zeros.
//
// Additions run in the order of indices, so sums are the same for any number of
// threads. Sums of half types are kept in float32 and rounded once. Its own gradient is
// Gather again.

#include "operators/common_move.h"

IG_USES_OP(Gather);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Of the gathered shape."),
    IG_PORT("indices", 'I', "As given to Gather."),
    IG_PORT("shape", 'S', "Dims of the tensor that was read.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Of dims `shape`."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {'S', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_axis_attrs, axis, 0, "As given to Gather."),
    {0},
};

static ig_status gather_grad_infer(ig_infer *x)
{
    return igi_infer_listed(x, 2);
}

static ig_status gather_grad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(Gather), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

// dy is [outer, n, inner], dx is [outer, size, inner].
typedef struct scatter {
    const ig_tensor *dy, *indices, *dx;
    int64_t outer, n, size, inner;
} scatter;

#define SCATTER(T_, C_, LOAD_, sum_)                                                   \
    for (int64_t o = 0; o < s->outer; o++)                                             \
        for (int64_t i = 0; i < s->n; i++) {                                           \
            int64_t index =                                                            \
                igi_get_i64(ig_dtype_of(s->indices), ig_data(s->indices), i);          \
            int64_t at = igi_index(index, s->size);                                    \
            const T_ *from = (const T_ *)ig_data(s->dy) + (o * s->n + i) * s->inner;   \
            C_ *to = (sum_) + (o * s->size + at) * s->inner;                           \
            for (int64_t j = 0; j < s->inner; j++)                                     \
                to[j] += LOAD_(from, j);                                               \
        }

static ig_status add_half(const scatter *s, bool brain)
{
    int64_t count = ig_numel(s->dx);
    uint16_t *out = ig_data(s->dx);
    float *sum = igi_calloc((size_t)count, sizeof(float));
    if (!sum)
        return IG_OUT_OF_MEMORY;
    if (brain)
        SCATTER(uint16_t, float, IGI_LOAD_BF16, sum)
    else
        SCATTER(uint16_t, float, IGI_LOAD_F16, sum)
    for (int64_t i = 0; i < count; i++)
        out[i] = brain ? igi_f32_to_bf16(sum[i]) : igi_f32_to_f16(sum[i]);
    igi_free(sum);
    return IG_OK;
}

static ig_status gather_grad_reference(ig_kernel_ctx *k)
{
    scatter found = {ig_in(k, 0), ig_in(k, 1), ig_out(k, 0), 1, 0, 0, 1}, *s = &found;
    const int64_t *dims = ig_dims(s->dx);
    int rank = ig_rank(s->dx);
    int64_t axis = igi_index(((const igi_axis_attrs *)k->attrs)->axis, rank);
    if (axis < 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "axis is outside rank %d", rank);
    for (int i = 0; i < axis; i++)
        s->outer *= dims[i];
    for (int i = (int)axis + 1; i < rank; i++)
        s->inner *= dims[i];
    s->size = dims[axis];
    s->n = ig_numel(s->indices);
    if (ig_numel(s->dy) != s->outer * s->n * s->inner)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "dy has not the shape that Gather would give");
    IG_TRY(igi_indices_check(k, s->indices, s->size));
    switch (ig_dtype_of(s->dx)) {
    case IG_FLOAT32:
        igi_fill_zero(s->dx);
        SCATTER(float, float, IGI_LOAD, (float *)ig_data(s->dx))
        return IG_OK;
    case IG_FLOAT64:
        igi_fill_zero(s->dx);
        SCATTER(double, double, IGI_LOAD, (double *)ig_data(s->dx))
        return IG_OK;
    default:
        return add_half(s, ig_dtype_of(s->dx) == IG_BFLOAT16);
    }
}

static const igi_axis_attrs axis1 = {sizeof(igi_axis_attrs), 1};
static const double two[] = {1, 0, 2, 1};
static const ig_sample samples[] = {
    {.name = "rows",
     IGI_INPUTS(IGI_IN(2, 2, 4),
                {.rank = 2, .dims = {2, 2}, .dtype = IG_INT64, .data = two},
                IGI_IN_INTS(3, 4))},
    {.name = "columns",
     .attrs = &axis1,
     IGI_INPUTS(IGI_IN(2, 3, 2), IGI_IN_INTS(-1, 0, -1), IGI_IN_INTS(2, 3, 2))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN_INTS(1), IGI_IN_INTS(3, 1))},
    {.name = "no_indices", IGI_INPUTS(IGI_IN(0, 2), IGI_IN_NO_INTS, IGI_IN_INTS(3, 2))},
    {0},
};

IG_OPERATOR(GatherGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "GatherGrad",
    .since = 1,
    .doc =
        "Zeros of dims `shape` into which the slices of dy are added where Gather with "
        "the same indices would read.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_axis_attrs),
    .infer = gather_grad_infer,
    .gradient = gather_grad_gradient,
    .saves = saves,
    .reference = gather_grad_reference,
    .samples = samples,
};
