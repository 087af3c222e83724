// ScatterND: a copy of data in which slices, named by index tuples, meet updates.
//
//   output[indices[i...]] = f(output[indices[i...]], updates[i...])
//
// Gradients: see igi_scatter_gradient. With `none`, tuples must be distinct for it to
// be right; of equal ones the last update stays.

#include "operators/common_index.h"

IG_USES_OP(GatherND);
IG_USES_OP(ScatterND);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Tensor of rank r >= 1."),
    IG_PORT(
        "indices", 'I', "Tuples in the last dim, of 1 to r indices in [-s, s - 1]."),
    IG_PORT("updates", 'T', "Dims of indices but the last, then those of a slice."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Of the dims of data.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {IGI_ATTR_REDUCTION(igi_scatter_nd_attrs), {0}};

static ig_status scatter_nd_infer(ig_infer *x)
{
    const int64_t *update = ig_type_dims(x->in[2]);
    int64_t dims[2 * IG_RANK_MAX], same;
    int rank;
    IG_TRY(igi_infer_slices(x, x->in[0]->rank, ig_type_dims(x->in[0]), 0, &rank, dims));
    if (rank >= 0 && rank != x->in[2]->rank)
        return ig_infer_fail(x, "updates must have rank %d", rank);
    for (int i = 0; i < rank; i++)
        IG_TRY(ig_infer_equal(x, dims[i], update[i], "a dim of updates", &same));
    return ig_infer_copy(x, 0, 0);
}

static ig_var gather(ig_grad *g, ig_var v)
{
    return ig_emit2(g, IG_OP(GatherND), NULL, v, ig_grad_in(g, 1));
}

static ig_var scatter(ig_grad *g, ig_var data, ig_var updates, int64_t reduction)
{
    const igi_scatter_nd_attrs o = {sizeof(o), reduction};
    return ig_emit3(g, IG_OP(ScatterND), &o, data, ig_grad_in(g, 1), updates);
}

static ig_status scatter_nd_gradient(ig_grad *g)
{
    static const igi_spot_form form = {gather, scatter};
    return igi_scatter_gradient(
        g, &form, ((const igi_scatter_nd_attrs *)ig_grad_attrs(g))->reduction);
}

static ig_status scatter_nd_reference(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    igi_spots s;
    IG_TRY(igi_spots_nd(k, y, ig_in(k, 1), 0, &s));
    if (ig_numel(ig_in(k, 2)) != s.count * s.inner)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "updates do not have the dims that indices ask for");
    IG_TRY(igi_copy_to_output(k, 0, 0));
    return igi_scatter_spots(k, &s, ig_in(k, 2), y,
                             ((const igi_scatter_nd_attrs *)k->attrs)->reduction);
}

#define REDUCE(reduction_)                                                             \
    {                                                                                  \
        sizeof(igi_scatter_nd_attrs), reduction_                                       \
    }
static const igi_scatter_nd_attrs add = REDUCE(IGI_SCATTER_ADD);
static const igi_scatter_nd_attrs mul = REDUCE(IGI_SCATTER_MUL);
static const igi_scatter_nd_attrs max = REDUCE(IGI_SCATTER_MAX);
static const igi_scatter_nd_attrs min = REDUCE(IGI_SCATTER_MIN);
#define TIMES_TYPES (IG_NUMERIC | IG_T(BOOL) | IG_COMPLEXES)
#define ORDER_TYPES (IG_NUMERIC | IG_T(BOOL))
#define DISTINCT(...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_DISTINCT                             \
    }
#define EQUAL_ROWS                                                                     \
    {                                                                                  \
        IG_SHAPE_IN(3, 1), IGI_DATA(IG_INT64, 1, -3, 1)                                \
    }
static const ig_sample samples[] = {
    {.name = "elements",
     IGI_INPUTS(IGI_IN(3, 3),
                {IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT64, 1, 0, -1, 2)},
                IGI_IN(2))},
    {.name = "slices",
     IGI_INPUTS(IGI_IN(4, 2, 3),
                {IG_SHAPE_IN(2, 1, 1), IGI_DATA(IG_INT64, 3, 0)},
                IGI_IN(2, 1, 2, 3))},
    {.name = "add",
     .attrs = &add,
     .types = TIMES_TYPES,
     IGI_INPUTS(IGI_IN(4, 2), EQUAL_ROWS, IGI_IN(3, 2))},
    {.name = "mul",
     .attrs = &mul,
     .types = TIMES_TYPES,
     IGI_INPUTS(IGI_IN(4, 2), EQUAL_ROWS, IGI_IN(3, 2))},
    {.name = "add_elements",
     .attrs = &add,
     .types = TIMES_TYPES,
     IGI_INPUTS(IGI_IN(2, 3, 2),
                {IG_SHAPE_IN(2, 2, 3),
                 IGI_DATA(IG_INT64, 1, 2, 0, -1, -1, -2, 0, 0, 1, 1, 2, 0)},
                IGI_IN(2, 2))},
    {.name = "max",
     .attrs = &max,
     .types = ORDER_TYPES,
     IGI_INPUTS(DISTINCT(4, 2), EQUAL_ROWS, DISTINCT(3, 2))},
    {.name = "min",
     .attrs = &min,
     .types = ORDER_TYPES,
     IGI_INPUTS(DISTINCT(4, 3), EQUAL_ROWS, DISTINCT(3, 3))},
    {.name = "size_one",
     IGI_INPUTS(IGI_IN(1), {IG_SHAPE_IN(1, 1), IGI_DATA(IG_INT64, 0)}, IGI_IN(1))},
    {.name = "one_tuple",
     IGI_INPUTS(
         IGI_IN(3, 2), {IG_SHAPE_IN(2), IGI_DATA(IG_INT64, 2, 1)}, IGI_IN_SCALAR)},
    {.name = "no_tuples",
     IGI_INPUTS(IGI_IN(3, 2), {IG_SHAPE_IN(0, 1), .dtype = IG_INT64}, IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(ScatterND) = {
    IG_OP_HEAD,
    .name = "ScatterND",
    .since = 18,
    .doc = "A copy of data in which the slices that index tuples name meet updates, in "
           "row-major order: the last of equal tuples stays, or all are reduced. "
           "Gradient of `mul`: where a target has two factors of zero, second "
           "derivatives between them are taken as 0.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_scatter_nd_attrs),
    .infer = scatter_nd_infer,
    .gradient = scatter_nd_gradient,
    .saves = igi_scatter_saves,
    .reference = scatter_nd_reference,
    .samples = samples,
};
