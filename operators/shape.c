// Shape: the dims of a tensor, or of its axes [start, end), as an int64 vector.

#include "operators/common_move.h"

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor.", .flags = IG_TYPE_ONLY),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("shape", 'S', "Its dims."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_ALL_TYPES}, {'S', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        igi_shape_attrs, start, 0, "First axis; negative: from the end; clamped."),
    IG_ATTR_INT(igi_shape_attrs,
                end,
                INT64_MAX,
                "Axis after the last; negative: from the end; clamped."),
    {0},
};

// Axes [*lo, *hi) of a tensor of this rank.
static void axis_range(const igi_shape_attrs *o, int rank, int *lo, int *hi)
{
    igi_span s = igi_slice_span(rank, o->start, o->end, 1);
    *lo = (int)s.start;
    *hi = (int)(s.start + s.count);
}

static ig_status shape_infer(ig_infer *x)
{
    int lo, hi;
    if (x->in[0]->rank < 0)
        return ig_infer_fresh(x, 0, 1);
    axis_range(x->attrs, x->in[0]->rank, &lo, &hi);
    return ig_infer_set(x, 0, 1, &(int64_t){hi - lo});
}

static int shape_values(ig_infer *x, int64_t *out, int cap)
{
    const ig_type *t = x->in[0];
    int lo, hi;
    if (t->rank < 0)
        return IG_INTS_UNKNOWN;
    axis_range(x->attrs, t->rank, &lo, &hi);
    if (hi - lo > cap)
        return IG_INTS_UNKNOWN;
    for (int i = lo; i < hi; i++) {
        int64_t dim = ig_type_dims(t)[i];
        if (dim == -1 && !x->syms)
            return IG_INTS_UNKNOWN;
        out[i - lo] = dim == -1 ? ig_dim_fresh(x->syms) : dim;
    }
    return hi - lo;
}

static ig_status shape_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    int64_t *y = ig_data(ig_out(k, 0));
    int lo, hi;
    axis_range(k->attrs, ig_rank(x), &lo, &hi);
    for (int i = lo; i < hi; i++)
        y[i - lo] = ig_dims(x)[i];
    return IG_OK;
}

static const igi_shape_attrs middle = {sizeof(igi_shape_attrs), 1, -1};
static const igi_shape_attrs clipped = {sizeof(igi_shape_attrs), -10, 10};
static const igi_shape_attrs crossed = {sizeof(igi_shape_attrs), 2, 1};
static const ig_sample samples[] = {
    {.name = "all", IGI_INPUTS(IGI_IN(3, 4, 5))},
    {.name = "middle", .attrs = &middle, IGI_INPUTS(IGI_IN(3, 4, 5))},
    {.name = "clipped", .attrs = &clipped, IGI_INPUTS(IGI_IN(3, 4))},
    {.name = "start_after_end", .attrs = &crossed, IGI_INPUTS(IGI_IN(3, 4, 5))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(Shape) = {
    IG_OP_HEAD,
    .name = "Shape",
    .since = 25,
    .doc = "The dims of data, axes start to end, as an int64 vector.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_shape_attrs),
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED,
    .infer = shape_infer,
    .values = shape_values,
    .gradient = ig_gradient_none,
    .reference = shape_reference,
    .samples = samples,
};
