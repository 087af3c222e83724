// ViewWrite: data in which a view by strides holds other values.
//
// What a write through a view does to its base, said without writing: data with
// `updates` where ViewRead with the same geometry would read (AUTOGRAD rule 3). With
// `accumulate` the updates are added, which is the gradient of ViewRead; only then may
// the view overlap.

#include "operators/common_index.h"

IG_USES_OP(ViewRead);
IG_USES_OP(ViewWrite);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor, taken in row-major order."),
    IG_PORT("geometry",
            'I',
            "Offset, then a stride per axis of updates, in elements.",
            .flags = IG_VALUE),
    IG_PORT("updates", 'T', "What the view holds afterwards, or what is added to it."),
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
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_view_write_attrs,
                accumulate,
                0,
                "1: updates are added to what is there.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status view_write_infer(ig_infer *x)
{
    int64_t n;
    IG_TRY(igi_infer_vector(x, 1, &n));
    if (n >= 0 && x->in[2]->rank >= 0 && n != x->in[2]->rank + 1)
        return ig_infer_fail(x,
                             "geometry has %d numbers, updates of rank %d need an "
                             "offset and as many strides as axes",
                             (int)n, x->in[2]->rank);
    return ig_infer_copy(x, 0, 0);
}

static ig_status view_write_gradient(ig_grad *g)
{
    const igi_view_write_attrs *o = ig_grad_attrs(g);
    ig_var dy = ig_grad_dy(g, 0);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0,
                    o->accumulate
                        ? dy
                        : ig_emit3(g, IG_OP(ViewWrite), o, dy, ig_grad_in(g, 1),
                                   igi_emit_zeros_of_input(g, 2)));
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2,
                    ig_emit3(g, IG_OP(ViewRead), NULL, dy, ig_grad_in(g, 1),
                             ig_grad_in_shape(g, 2)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_SAVE_ANY), {0}};

static ig_status view_write_reference(ig_kernel_ctx *k)
{
    const igi_view_write_attrs *o = k->attrs;
    const ig_tensor *y = ig_out(k, 0), *updates = ig_in(k, 2);
    igi_spots s;
    IG_TRY(igi_spots_strided(k, y, ig_in(k, 1), updates, &s));
    if (!o->accumulate && s.count > 0 &&
        igi_strided_overlap(s.space_rank, s.space, s.base_stride))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the view overlaps itself: two updates would meet at one "
                              "element");
    IG_TRY(igi_copy_to_output(k, 0, 0));
    return igi_scatter_spots(k, &s, updates, y,
                             o->accumulate ? IGI_SCATTER_ADD : IGI_SCATTER_NONE);
}

static const igi_view_write_attrs add = {sizeof(add), 1};
#define SUMMED (IG_NUMERIC | IG_COMPLEXES)
static const ig_sample samples[] = {
    {.name = "columns", IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(1, 4, 2), IGI_IN(3, 2))},
    {.name = "transposed",
     IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(0, 1, 3), IGI_IN(3, 2))},
    {.name = "backwards", IGI_INPUTS(IGI_IN(5), IGI_IN_INTS(4, -2), IGI_IN(3))},
    {.name = "one_element", IGI_INPUTS(IGI_IN(2, 2), IGI_IN_INTS(3), IGI_IN_SCALAR)},
    {.name = "nothing", IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(0, 3, 1), IGI_IN(0, 3))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1), IGI_IN_INTS(0, 1), IGI_IN(1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 3), IGI_IN_INTS(0, 3, 1), IGI_IN(0, 3))},
    {.name = "add_windows",
     .attrs = &add,
     .types = SUMMED,
     IGI_INPUTS(IGI_IN(6), IGI_IN_INTS(0, 1, 1), IGI_IN(4, 3))},
    {.name = "add_broadcast",
     .attrs = &add,
     .types = SUMMED,
     IGI_INPUTS(IGI_IN(3), IGI_IN_INTS(0, 0, 1), IGI_IN(2, 3))},
    {0},
};

IG_OPERATOR(ViewWrite) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "ViewWrite",
    .since = 1,
    .doc =
        "data with updates in the view that begins at element geometry[0] and steps by "
        "the strides that follow.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_view_write_attrs),
    .infer = view_write_infer,
    .gradient = view_write_gradient,
    .saves = saves,
    .reference = view_write_reference,
    .samples = samples,
};
