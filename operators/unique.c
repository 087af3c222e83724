// Unique: the distinct elements, or the distinct slices along an axis.
//
// Positions are sorted (slices lexicographically, elements as igi_order has it, so that
// all NaNs are one), then runs of equals are counted. A gradient goes to the first of
// equals.

#include "operators/common_sort.h"

IG_USES_OP(GatherGrad);
IG_USES_OP(ReduceProd);

typedef struct unique_attrs {
    uint32_t struct_size;
    int64_t axis, sorted;
} unique_attrs;

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Any tensor."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "The distinct ones.", .flags = IG_DYNAMIC),
    IG_PORT(
        "indices", 'I', "Where each occurs first.", .flags = IG_OPTIONAL | IG_DYNAMIC),
    IG_PORT("inverse_indices",
            'I',
            "For each element (slice) of X its place in Y.",
            .flags = IG_OPTIONAL),
    IG_PORT("counts", 'I', "How often each occurs.", .flags = IG_OPTIONAL | IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES},
    {'I', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(unique_attrs,
                axis,
                IGI_NO_AXIS,
                "Axis of the slices, -rank to rank - 1; absent: X is flattened."),
    IG_ATTR_INT(unique_attrs,
                sorted,
                1,
                "1: ascending; 0: as they occur first.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status unique_infer(ig_infer *x)
{
    int64_t axis = ((const unique_attrs *)x->attrs)->axis, dims[IG_RANK_MAX];
    int64_t some = ig_dim_fresh(x->syms), all;
    int rank = x->in[0]->rank, a;
    if (axis == IGI_NO_AXIS) {
        all = ig_infer_count(x, 0, 0, rank);
        IG_TRY(ig_infer_set(x, 0, 1, &some));
    } else {
        IG_TRY(ig_infer_axis(x, axis, rank, false, &a));
        memcpy(dims, ig_type_dims(x->in[0]), (size_t)rank * sizeof(*dims));
        all = dims[a];
        dims[a] = some;
        IG_TRY(ig_infer_set(x, 0, rank, dims));
    }
    for (int i = 1; i < x->n_out; i++)
        if (x->out[i])
            IG_TRY(ig_infer_set(x, i, 1, i == 2 ? &all : &some));
    return IG_OK;
}

// Slice i is [outer] blocks of [inner] elements, at i * inner in blocks of size *
// inner.
typedef struct slices {
    ig_dtype type;
    const void *data;
    int64_t outer, size, inner;
} slices;

static int order(const void *user, int64_t a, int64_t b)
{
    const slices *s = user;
    int by = 0;
    for (int64_t o = 0; o < s->outer && by == 0; o++)
        for (int64_t i = 0; i < s->inner && by == 0; i++)
            by = igi_order(s->type, s->data, (o * s->size + a) * s->inner + i,
                           (o * s->size + b) * s->inner + i);
    return by;
}

static int by_first(const void *user, int64_t a, int64_t b)
{
    const int64_t *first = user;
    return (first[a] > first[b]) - (first[a] < first[b]);
}

// Runs of equals in sorted order, then in the order that is asked for.
typedef struct groups {
    int64_t n;                             // distinct ones
    int64_t *at, *spare;                   // sorted positions
    int64_t *first, *count, *place, *rank; // per run: its first position, size; order
} groups;

static ig_status group(igi_pace *pace, const slices *s, bool sorted, groups *f)
{
    for (int64_t i = 0; i < s->size; i++)
        f->at[i] = i;
    IG_TRY(igi_sort(pace, f->at, f->spare, s->size, order, s));
    for (int64_t i = 0; i < s->size; i++) {
        if (i == 0 || order(s, f->at[i - 1], f->at[i]) != 0) {
            f->first[f->n] = f->at[i]; // the sort is stable
            f->count[f->n++] = 0;
        }
        f->count[f->n - 1]++;
    }
    for (int64_t i = 0; i < f->n; i++)
        f->place[i] = i;
    if (!sorted)
        IG_TRY(igi_sort(pace, f->place, f->spare, f->n, by_first, f->first));
    for (int64_t i = 0; i < f->n; i++)
        f->rank[f->place[i]] = i;
    return IG_OK;
}

static ig_status write(ig_kernel_ctx *k, const slices *s, const groups *f)
{
    const unique_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *inverse = ig_out(k, 2);
    int64_t dims[IG_RANK_MAX] = {f->n};
    bool vector = o->axis == IGI_NO_AXIS;
    if (!vector) {
        memcpy(dims, ig_dims(x), (size_t)ig_rank(x) * sizeof(*dims));
        dims[igi_index(o->axis, ig_rank(x))] = f->n;
    }
    IG_TRY(ig_out_alloc(k, 0, vector ? 1 : ig_rank(x), dims));
    const int64_t block[2] = {s->outer, s->inner};
    const int64_t to[2] = {f->n * s->inner, 1}, from[2] = {s->size * s->inner, 1};
    for (int64_t i = 0; i < f->n && s->outer * s->inner > 0; i++)
        igi_copy_nd(s->type, 2, block, ig_data(ig_out(k, 0)), i * s->inner, to, s->data,
                    f->first[f->place[i]] * s->inner, from);
    for (int port = 1; port < 4; port += 2) {
        if (port >= k->n_out || !k->out[port])
            continue;
        IG_TRY(ig_out_alloc(k, port, 1, &f->n));
        int64_t *y = ig_data(ig_out(k, port));
        for (int64_t i = 0; i < f->n; i++)
            y[i] = (port == 1 ? f->first : f->count)[f->place[i]];
    }
    for (int64_t i = 0, run = -1, left = 0; inverse && i < s->size; i++, left--) {
        if (left == 0)
            left = f->count[++run];
        ((int64_t *)ig_data(inverse))[f->at[i]] = f->rank[run];
    }
    return IG_OK;
}

static ig_status unique_reference(ig_kernel_ctx *k)
{
    const unique_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    slices s = {ig_dtype_of(x), ig_data(x), 1, ig_numel(x), 1};
    if (o->axis != IGI_NO_AXIS) {
        int64_t a = igi_index(o->axis, ig_rank(x));
        s.size = ig_dims(x)[a];
        for (int i = 0; i < ig_rank(x); i++)
            *(i < a ? &s.outer : &s.inner) *= i == a ? 1 : ig_dims(x)[i];
    }
    int64_t *all = igi_calloc((size_t)s.size + 1, sizeof(int64_t[6])), n = s.size + 1;
    if (!all)
        return IG_OUT_OF_MEMORY;
    groups f = {0, all, all + n, all + 2 * n, all + 3 * n, all + 4 * n, all + 5 * n};
    igi_pace pace = igi_pace_of(k);
    ig_status rc = group(&pace, &s, o->sorted, &f);
    if (rc == IG_OK)
        rc = write(k, &s, &f);
    igi_free(all);
    return rc;
}

static const unique_attrs unsorted = {sizeof(unique_attrs), IGI_NO_AXIS, 0};
static const unique_attrs axis0 = {sizeof(unique_attrs), 0, 1};
static ig_status unique_gradient(ig_grad *g)
{
    const int64_t axis = ((const unique_attrs *)ig_grad_attrs(g))->axis;
    const bool flat = axis == IGI_NO_AXIS;
    const igi_axis_attrs along = {sizeof(along), flat ? 0 : axis};
    const igi_reduce_attrs keep = {.struct_size = sizeof(keep), .keepdims = 1};
    ig_var shape = ig_grad_in_shape(g, 0), to = shape;
    if (flat)
        to = ig_emit1(g, IG_OP(ReduceProd), &keep, shape);
    ig_var dx =
        ig_emit3(g, IG_OP(GatherGrad), &along, ig_grad_dy(g, 0), ig_grad_out(g, 1), to);
    if (flat)
        dx = igi_emit_reshape(g, dx, shape);
    ig_grad_set(g, 0, dx);
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_OUT(1, IG_BIT(0)), {0}};

static const unique_attrs axis1 = {sizeof(unique_attrs), -2, 1};
static const unique_attrs axis2_unsorted = {sizeof(unique_attrs), 2, 0};
#define REPEATED                                                                       \
    {                                                                                  \
        IG_SHAPE_IN(6), .data = (const double[])                                       \
        {                                                                              \
            2, 1, 1, 3, 4, 3                                                           \
        }                                                                              \
    }
#define BITS(...)                                                                      \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_ZERO_ONE                             \
    }
#define DISTINCT(...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_DISTINCT                             \
    }
static const ig_sample samples[] = {
    {.name = "sorted", .n_out = 4, IGI_INPUTS(REPEATED), .no_gradient = true},
    {.name = "unsorted",
     .attrs = &unsorted,
     .n_out = 4,
     IGI_INPUTS(REPEATED),
     .no_gradient = true},
    {.name = "flattened", IGI_INPUTS(BITS(3, 2)), .no_gradient = true},
    {.name = "rows",
     .attrs = &axis0,
     .n_out = 4,
     IGI_INPUTS(BITS(6, 2)),
     .no_gradient = true},
    {.name = "middle",
     .attrs = &axis1,
     .n_out = 4,
     IGI_INPUTS(BITS(2, 5, 1)),
     .no_gradient = true},
    {.name = "last_unsorted",
     .attrs = &axis2_unsorted,
     .n_out = 3,
     IGI_INPUTS(BITS(1, 2, 7)),
     .no_gradient = true},
    {.name = "nans",
     .n_out = 4,
     .types = IG_FLOATS,
     IGI_INPUTS({IG_SHAPE_IN(5), .data = (const double[]){NAN, 1, NAN, -1, 1}}),
     .no_gradient = true},
    {.name = "distinct", .attrs = &unsorted, IGI_INPUTS(DISTINCT(2, 3))},
    {.name = "distinct_slices",
     .attrs = &axis1,
     .n_out = 4,
     IGI_INPUTS(DISTINCT(2, 3, 2))},
    {.name = "scalar", .n_out = 4, IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "empty", .n_out = 4, IGI_INPUTS(IGI_IN(0, 2))},
    {.name = "no_slices", .attrs = &axis0, .n_out = 4, IGI_INPUTS(IGI_IN(0, 2))},
    {.name = "empty_slices", .attrs = &axis0, .n_out = 4, IGI_INPUTS(IGI_IN(3, 0))},
    {0},
};

IG_OPERATOR(Unique) = {
    IG_OP_HEAD,
    .name = "Unique",
    .since = 11,
    .doc =
        "The distinct elements of X, or its distinct slices along `axis`, with their "
        "first positions, their counts, and for each element its place among them. "
        "NaNs are equal to each other and come last.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(unique_attrs),
    .infer = unique_infer,
    .gradient = unique_gradient,
    .saves = saves,
    .reference = unique_reference,
    .samples = samples,
};
