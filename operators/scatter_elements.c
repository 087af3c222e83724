// ScatterElements: a copy of data in which elements meet updates.
//
//   output[i, indices[i, j]] = f(output[i, indices[i, j]], updates[i, j])   (axis 1)
//
// Gradients: see igi_scatter_gradient. With `none`, indices must be distinct for it to
// be right; of equal ones the last update stays.

#include "operators/common_index.h"

IG_USES_OP(GatherElements);
IG_USES_OP(ScatterElements);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Tensor of rank >= 1."),
    IG_PORT("indices",
            'I',
            "Of data's rank; indices in [-s, s - 1] for an axis of size s."),
    IG_PORT("updates", 'T', "Of the dims of indices."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Of the dims of data.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_scatter_attrs, axis, 0, "Axis that is indexed, -rank to rank - 1."),
    IGI_ATTR_REDUCTION(igi_scatter_attrs),
    {0},
};

static ig_status scatter_elements_infer(ig_infer *x)
{
    const int64_t *index = ig_type_dims(x->in[1]), *update = ig_type_dims(x->in[2]);
    int rank = x->in[0]->rank;
    IG_TRY(igi_infer_elements(x, ((const igi_scatter_attrs *)x->attrs)->axis));
    if (x->in[2]->rank != rank)
        return ig_infer_fail(x, "updates must have the rank of data");
    for (int i = 0; i < rank; i++) {
        int64_t same;
        IG_TRY(ig_infer_equal(x, index[i], update[i], "a dim of updates", &same));
    }
    return ig_infer_copy(x, 0, 0);
}

static ig_var gather(ig_grad *g, ig_var v)
{
    const igi_scatter_attrs *o = ig_grad_attrs(g);
    const igi_axis_attrs axis = {sizeof(axis), o->axis};
    return ig_emit2(g, IG_OP(GatherElements), &axis, v, ig_grad_in(g, 1));
}

static ig_var scatter(ig_grad *g, ig_var data, ig_var updates, int64_t reduction)
{
    igi_scatter_attrs o = *(const igi_scatter_attrs *)ig_grad_attrs(g);
    o.reduction = reduction;
    return ig_emit3(g, IG_OP(ScatterElements), &o, data, ig_grad_in(g, 1), updates);
}

static ig_status scatter_elements_gradient(ig_grad *g)
{
    static const igi_spot_form form = {gather, scatter};
    return igi_scatter_gradient(
        g, &form, ((const igi_scatter_attrs *)ig_grad_attrs(g))->reduction);
}

static ig_status scatter_elements_reference(ig_kernel_ctx *k)
{
    const igi_scatter_attrs *o = k->attrs;
    const ig_tensor *y = ig_out(k, 0);
    igi_spots s;
    IG_TRY(igi_spots_elements(k, y, ig_in(k, 1), o->axis, &s));
    IG_TRY(igi_copy_to_output(k, 0, 0));
    return igi_scatter_spots(k, &s, ig_in(k, 2), y, o->reduction);
}

#define REDUCE(axis_, reduction_)                                                      \
    {                                                                                  \
        sizeof(igi_scatter_attrs), axis_, reduction_                                   \
    }
static const igi_scatter_attrs first = REDUCE(0, IGI_SCATTER_NONE);
static const igi_scatter_attrs axis1 = REDUCE(1, IGI_SCATTER_NONE);
static const igi_scatter_attrs add = REDUCE(-1, IGI_SCATTER_ADD);
static const igi_scatter_attrs mul = REDUCE(0, IGI_SCATTER_MUL);
static const igi_scatter_attrs max = REDUCE(1, IGI_SCATTER_MAX);
static const igi_scatter_attrs min = REDUCE(0, IGI_SCATTER_MIN);
#define TIMES_TYPES (IG_NUMERIC | IG_T(BOOL) | IG_COMPLEXES)
#define ORDER_TYPES (IG_NUMERIC | IG_T(BOOL))
#define DISTINCT(...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_DISTINCT                             \
    }
#define EQUAL_INDICES                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(2, 3), IGI_DATA(IG_INT64, 1, 1, -1, 0, 1, 1)                       \
    }
static const ig_sample samples[] = {
    {.name = "axis_0",
     IGI_INPUTS(IGI_IN(3, 3),
                {IG_SHAPE_IN(2, 3), IGI_DATA(IG_INT64, 1, 0, 2, 0, -1, 1)},
                IGI_IN(2, 3))},
    {.name = "axis_1_smaller",
     .attrs = &axis1,
     IGI_INPUTS(
         IGI_IN(2, 5), {IG_SHAPE_IN(1, 2), IGI_DATA(IG_INT32, 1, -2)}, IGI_IN(1, 2))},
    {.name = "add",
     .attrs = &add,
     .types = TIMES_TYPES,
     IGI_INPUTS(IGI_IN(2, 4), EQUAL_INDICES, IGI_IN(2, 3))},
    {.name = "mul",
     .attrs = &mul,
     .types = TIMES_TYPES,
     IGI_INPUTS(IGI_IN(4, 3), EQUAL_INDICES, IGI_IN(2, 3))},
    {.name = "mul_by_zero",
     .attrs = &mul,
     .types = IG_FLOATS,
     IGI_INPUTS({IG_SHAPE_IN(4), .data = (const double[]){2, 3, 0, -1}},
                {IG_SHAPE_IN(5), IGI_DATA(IG_INT64, 0, 1, 0, 2, 3)},
                {IG_SHAPE_IN(5), .data = (const double[]){0, 2, 5, 7, 4}})},
    {.name = "max",
     .attrs = &max,
     .types = ORDER_TYPES,
     IGI_INPUTS(DISTINCT(3, 3), EQUAL_INDICES, DISTINCT(2, 3))},
    {.name = "min",
     .attrs = &min,
     .types = ORDER_TYPES,
     IGI_INPUTS(DISTINCT(2, 3),
                EQUAL_INDICES,
                {IG_SHAPE_IN(2, 3), .data = (const double[]){3, 1, 7, 9, 2, 6}})},
    {.name = "axis_in_the_middle",
     .attrs = &axis1,
     IGI_INPUTS(IGI_IN(2, 3, 4),
                {IG_SHAPE_IN(2, 2, 3),
                 IGI_DATA(IG_INT64, 0, 1, 2, 1, 2, 0, -1, 1, 0, -2, 0, 2)},
                IGI_IN(2, 2, 3))},
    {.name = "last_axis_add",
     .attrs = &add,
     .types = TIMES_TYPES,
     IGI_INPUTS(IGI_IN(2, 2, 3),
                {IG_SHAPE_IN(2, 1, 4), IGI_DATA(IG_INT32, 0, 2, -1, 2, 1, 1, -3, 2)},
                IGI_IN(2, 1, 4))},
    {.name = "one_column",
     .attrs = &first,
     IGI_INPUTS(IGI_IN(5, 2),
                {IG_SHAPE_IN(3, 1), IGI_DATA(IG_INT64, 4, 0, -2)},
                IGI_IN(3, 1))},
    {.name = "size_one",
     IGI_INPUTS(
         IGI_IN(1, 1), {IG_SHAPE_IN(1, 1), IGI_DATA(IG_INT64, 0)}, IGI_IN(1, 1))},
    {.name = "no_indices",
     IGI_INPUTS(IGI_IN(3, 2), {IG_SHAPE_IN(0, 2), .dtype = IG_INT64}, IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(ScatterElements) = {
    IG_OP_HEAD,
    .name = "ScatterElements",
    .since = 18,
    .doc = "A copy of data in which the elements that indices name along `axis` meet "
           "updates, in row-major order: the last of equal indices stays, or all are "
           "reduced. Gradient of `mul`: where a target has two factors of zero, second "
           "derivatives between them are taken as 0.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_scatter_attrs),
    .infer = scatter_elements_infer,
    .gradient = scatter_elements_gradient,
    .saves = igi_scatter_saves,
    .reference = scatter_elements_reference,
    .samples = samples,
};
