// ViewRead: a view of data by strides, read again.
//
// What in-place writes turn views into: when the memory under a view has been written,
// the view's value is ViewRead of the new data (AUTOGRAD rule 3). `geometry` lists the
// element where the view begins and a stride per axis, over data in row-major order.
// Views may overlap; the gradient adds what meets.

#include "operators/common_index.h"

IG_USES_OP(ViewWrite);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor, taken in row-major order."),
    IG_PORT("geometry",
            'I',
            "Offset, then a stride per axis of the view, in elements.",
            .flags = IG_VALUE),
    IG_PORT("shape", 'I', "Dims of the view.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Of dims `shape`."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT64)},
    {0},
};

static ig_status view_read_infer(ig_infer *x)
{
    int64_t n;
    IG_TRY(igi_infer_vector(x, 1, &n));
    IG_TRY(igi_infer_listed(x, 2));
    if (n >= 0 && x->out[0] && x->out[0]->rank >= 0 && n != x->out[0]->rank + 1)
        return ig_infer_fail(x,
                             "geometry has %d numbers, a view of rank %d has an offset "
                             "and as many strides as axes",
                             (int)n, x->out[0]->rank);
    return IG_OK;
}

// Kernels may rely on strides >= 0.
static bool view_read_view(ig_view *v)
{
    int64_t list[IG_RANK_MAX + 1], count = 1, lo, hi;
    const ig_type *y = v->x->out[0];
    int n = igi_move_ints(v->x, 1, list, IG_RANK_MAX + 1);
    if (!v->in_contiguous || !igi_viewable(v) || n != y->rank + 1)
        return false;
    for (int i = 0; i < v->x->in[0]->rank; i++)
        count *= ig_type_dims(v->x->in[0])[i];
    if (!igi_strided_range(y->rank, ig_type_dims(y), list + 1, list[0], &lo, &hi) ||
        lo < 0 || hi >= count)
        return false;
    for (int i = 0; i < y->rank; i++) {
        if (list[i + 1] < 0)
            return false;
        v->stride[i] = list[i + 1];
    }
    v->offset = list[0];
    return true;
}

static ig_status view_read_gradient(ig_grad *g)
{
    const igi_view_write_attrs add = {sizeof(add), 1};
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(ViewWrite), &add, igi_emit_zeros_of_input(g, 0),
                         ig_grad_in(g, 1), ig_grad_dy(g, 0)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status view_read_reference(ig_kernel_ctx *k)
{
    igi_spots s;
    IG_TRY(igi_spots_strided(k, ig_in(k, 0), ig_in(k, 1), ig_out(k, 0), &s));
    igi_gather_spots(&s, ig_in(k, 0), ig_out(k, 0));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "columns",
     IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(1, 4, 2), IGI_IN_INTS(3, 2))},
    {.name = "transposed",
     IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(0, 1, 3), IGI_IN_INTS(3, 2))},
    {.name = "windows", IGI_INPUTS(IGI_IN(6), IGI_IN_INTS(0, 1, 1), IGI_IN_INTS(4, 3))},
    {.name = "broadcast",
     IGI_INPUTS(IGI_IN(3), IGI_IN_INTS(0, 0, 1), IGI_IN_INTS(2, 3))},
    {.name = "backwards", IGI_INPUTS(IGI_IN(5), IGI_IN_INTS(4, -2), IGI_IN_INTS(3))},
    {.name = "one_element", IGI_INPUTS(IGI_IN(2, 2), IGI_IN_INTS(3), IGI_IN_NO_INTS)},
    {.name = "of_a_scalar",
     IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_INTS(0, 1), IGI_IN_INTS(1))},
    {.name = "empty",
     IGI_INPUTS(IGI_IN(0, 3), IGI_IN_INTS(0, 3, 1), IGI_IN_INTS(0, 3))},
    {0},
};

IG_OPERATOR(ViewRead) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "ViewRead",
    .since = 1,
    .doc =
        "The view of data that begins at element geometry[0] and steps by the strides "
        "that follow, of dims `shape`.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = view_read_infer,
    .view = view_read_view,
    .gradient = view_read_gradient,
    .saves = saves,
    .reference = view_read_reference,
    .samples = samples,
};
