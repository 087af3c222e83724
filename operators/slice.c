// Slice: every step-th element between start and end, per axis.
//
// Starts and ends are clamped as in ONNX Slice-13 (igi_slice_span). Over a symbolic dim
// the common forms keep a symbolic size: [k:], [:k], [:-k], [-k:], [::step], [::-1].

#include <inttypes.h>

#include "operators/common_move.h"

IG_USES_OP(SliceGrad);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Tensor of rank >= 1."),
    IG_PORT("starts",
            'I',
            "First index per axis; negative: from the end.",
            .flags = IG_VALUE),
    IG_PORT("ends",
            'I',
            "Index after the last; negative: from the end.",
            .flags = IG_VALUE),
    IG_PORT("axes",
            'I',
            "Axes that starts and ends belong to; absent: 0, 1, ...",
            .flags = IG_VALUE | IG_OPTIONAL),
    IG_PORT("steps",
            'I',
            "Step per axis, negative: backwards; absent: 1.",
            .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "The selected elements."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};

// What is known of the four lists. symbolic: some start, end or step is a symbol.
typedef struct slice_lists {
    igi_slices s;
    bool axes, rest;     // known: the axes; starts, ends and steps
    uint64_t symbols[3]; // of start, end and step i
} slice_lists;

static ig_status
read_list(ig_infer *x, int port, int64_t *list, int *n, bool *known, uint64_t *symbols)
{
    int64_t length;
    if (port >= x->n_in || !x->in[port])
        return IG_OK;
    IG_TRY(igi_infer_vector(x, port, &length));
    int got = ig_infer_ints(x, port, list, IG_RANK_MAX);
    if (got == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (got < 0)
        *known = false;
    for (int i = 0; i < got; i++)
        if (igi_is_symbol(x, port, list[i]))
            *symbols |= IG_BIT(i);
    length = got >= 0 ? got : length;
    if (*n >= 0 && length >= 0 && length != *n)
        return ig_infer_fail(x, "%s has %" PRId64 " elements, starts has %d",
                             x->op->inputs[port].name, length, *n);
    if (length > x->in[0]->rank)
        return ig_infer_fail(x, "%s has %" PRId64 " elements, more than data has axes",
                             x->op->inputs[port].name, length);
    *n = length >= 0 ? (int)length : *n;
    return IG_OK;
}

static ig_status read_lists(ig_infer *x, slice_lists *l)
{
    int64_t axis[IG_RANK_MAX];
    uint64_t axis_symbols = 0;
    int n = -1;
    memset(l->symbols, 0, sizeof(l->symbols));
    l->axes = l->rest = true;
    IG_TRY(read_list(x, 1, l->s.start, &n, &l->rest, &l->symbols[0]));
    IG_TRY(read_list(x, 2, l->s.end, &n, &l->rest, &l->symbols[1]));
    IG_TRY(read_list(x, 3, axis, &n, &l->axes, &axis_symbols));
    IG_TRY(read_list(x, 4, l->s.step, &n, &l->rest, &l->symbols[2]));
    l->s.n = n;
    bool axes = x->n_in > 3 && x->in[3], steps = x->n_in > 4 && x->in[4];
    l->axes = l->axes && n >= 0 && !axis_symbols;
    for (int i = 0; i < n && !axes; i++)
        axis[i] = i;
    for (int i = 0; i < n && !steps; i++)
        l->s.step[i] = 1;
    if (l->axes)
        IG_TRY(ig_infer_axes(x, axis, n, x->in[0]->rank, l->s.axis));
    for (int i = 0; i < n && l->rest; i++)
        if (l->s.step[i] == 0)
            return ig_infer_fail(x, "steps[%d] is 0", i);
    return IG_OK;
}

enum { TO_THE_END = INT32_MAX }; // exporters write this or more where they mean "all"

// Number of elements of start:end over a symbolic dim, step 1; -1: not expressible.
static int64_t
symbolic_count(ig_infer *x, int64_t dim, int64_t start, int64_t end, bool to_end)
{
    ig_symtab *t = x->syms;
    if (start < 0 && to_end) // [-k:]
        return start < -TO_THE_END ? dim : ig_dim_min(t, dim, -start);
    if (start < 0)
        return -1;
    if (to_end) // [k:]
        return start == 0 ? dim : ig_dim_max(t, igi_dim_plus(x, dim, -start), 0);
    if (end < 0) // [k:-m]
        return end < -TO_THE_END ? 0
                                 : ig_dim_max(t, igi_dim_plus(x, dim, end - start), 0);
    return start == 0 ? ig_dim_min(t, dim, end) : -1; // [:m]
}

static int64_t slice_dim(ig_infer *x, const slice_lists *l, int i, int64_t dim)
{
    int64_t start = l->s.start[i], end = l->s.end[i], step = l->s.step[i], n = -1;
    bool symbols[3];
    for (int j = 0; j < 3; j++)
        symbols[j] = l->symbols[j] >> i & 1;
    bool to_end = symbols[1] ? end == dim : end >= TO_THE_END;
    if (dim >= 0 && !symbols[0] && !symbols[1] && !symbols[2])
        return igi_slice_span(dim, start, end, step).count;
    if (dim == -1 || symbols[0] || symbols[2] || (symbols[1] && !to_end))
        return ig_dim_fresh(x->syms);
    if (step > 0 && start <= TO_THE_END)
        n = symbolic_count(x, dim, start, end, to_end);
    else if (step == -1 && (start == -1 || start >= TO_THE_END) && end < -TO_THE_END)
        return dim; // [::-1]
    if (step > 1 && n != -1)
        n = ig_dim_div(x->syms, igi_dim_plus(x, n, step - 1), step);
    return n == -1 ? ig_dim_fresh(x->syms) : n;
}

static ig_status slice_infer(ig_infer *x)
{
    slice_lists l;
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    if (rank == 0)
        return ig_infer_fail(x, "data has no axes");
    IG_TRY(read_lists(x, &l));
    if (!l.axes) // any axis may be cut
        return ig_infer_fresh(x, 0, rank);
    memcpy(dims, ig_type_dims(x->in[0]), (size_t)rank * sizeof(*dims));
    for (int i = 0; i < l.s.n; i++) {
        int a = l.s.axis[i];
        dims[a] = l.rest ? slice_dim(x, &l, i, dims[a]) : ig_dim_fresh(x->syms);
    }
    return ig_infer_set(x, 0, rank, dims);
}

static int slice_values(ig_infer *x, int64_t *out, int cap)
{
    slice_lists l;
    int64_t all[64];
    int n = igi_move_ints(x, 0, all, 64);
    if (n < 0 || x->in[0]->rank != 1 || read_lists(x, &l) != IG_OK)
        return IG_INTS_UNKNOWN;
    if (!l.axes || !l.rest || l.symbols[0] || l.symbols[1] || l.symbols[2])
        return IG_INTS_UNKNOWN;
    igi_span span = {0, 1, n};
    if (l.s.n == 1)
        span = igi_slice_span(n, l.s.start[0], l.s.end[0], l.s.step[0]);
    if (span.count > cap)
        return IG_INTS_UNKNOWN;
    for (int64_t i = 0; i < span.count; i++)
        out[i] = all[span.start + i * span.step];
    return (int)span.count;
}

// Forward steps only: kernels may rely on strides >= 0.
static bool slice_view(ig_view *v)
{
    slice_lists l;
    igi_span spans[IG_RANK_MAX];
    int rank = v->x->in[0]->rank;
    if (!igi_viewable(v) || read_lists(v->x, &l) != IG_OK || !l.axes || !l.rest)
        return false;
    igi_slices_apply(&l.s, rank, ig_type_dims(v->x->in[0]), spans);
    for (int a = 0; a < rank; a++) {
        if (spans[a].step < 0)
            return false;
        v->stride[a] = v->in_stride[a] * spans[a].step;
        v->offset += v->in_stride[a] * spans[a].start;
    }
    return true;
}

static ig_status slice_gradient(ig_grad *g)
{
    ig_var in[6] = {ig_grad_dy(g, 0), ig_grad_in_shape(g, 0)}, dx;
    for (int i = 1; i <= 4; i++)
        in[i + 1] = ig_grad_in(g, i);
    IG_TRY(ig_emit_n(g, IG_OP(SliceGrad), NULL, in, 6, &dx, 1));
    ig_grad_set(g, 0, dx);
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_IN(3, IG_BIT(0)),
    IG_SAVE_IN(4, IG_BIT(0)),
    {0},
};

static ig_status slice_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t stride[IG_RANK_MAX], from = 0;
    igi_span spans[IG_RANK_MAX];
    igi_slices s;
    IG_TRY(igi_slices_read(k, 1, ig_rank(x), &s));
    igi_slices_apply(&s, ig_rank(x), ig_dims(x), spans);
    for (int a = 0; a < ig_rank(x); a++) {
        if (spans[a].count != ig_dims(y)[a])
            return ig_kernel_fail(k, IG_INTERNAL,
                                  "axis %d was planned for another size", a);
        stride[a] = ig_strides(x)[a] * spans[a].step;
        from += ig_strides(x)[a] * spans[a].start;
    }
    igi_copy_nd(ig_dtype_of(x), ig_rank(y), ig_dims(y), ig_data(y), 0, ig_strides(y),
                ig_data(x), ig_numel(y) > 0 ? from : 0, stride);
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "usual",
     IGI_INPUTS(IGI_IN(4, 5),
                IGI_IN_INTS(1, 0),
                IGI_IN_INTS(3, 4),
                IGI_IN_INTS(0, 1),
                IGI_IN_INTS(1, 2))},
    {.name = "defaults",
     IGI_INPUTS(IGI_IN(4, 5), IGI_IN_INTS(0, 1), IGI_IN_INTS(-1, 1000))},
    {.name = "negative_axis",
     IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN_INTS(-3), IGI_IN_INTS(-1), IGI_IN_INTS(-1))},
    {.name = "backwards",
     IGI_INPUTS(IGI_IN(2, 5),
                IGI_IN_INTS(-1),
                IGI_IN_INTS(-2147483648),
                IGI_IN_INTS(1),
                IGI_IN_INTS(-2))},
    {.name = "steps_without_axes",
     IGI_INPUTS(
         IGI_IN(6), IGI_IN_INTS(20), IGI_IN_INTS(1), IGI_IN_ABSENT, IGI_IN_INTS(-1))},
    {.name = "nothing_left", IGI_INPUTS(IGI_IN(4, 2), IGI_IN_INTS(3), IGI_IN_INTS(1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 3), IGI_IN_INTS(0), IGI_IN_INTS(2))},
    {.name = "no_axis_cut", IGI_INPUTS(IGI_IN(2, 3), IGI_IN_NO_INTS, IGI_IN_NO_INTS)},
    {0},
};

IG_OPERATOR(Slice) = {
    IG_OP_HEAD,
    .name = "Slice",
    .since = 13,
    .doc = "Every step-th element from starts up to ends, along the given axes.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = slice_infer,
    .values = slice_values,
    .view = slice_view,
    .gradient = slice_gradient,
    .saves = saves,
    .reference = slice_reference,
    .samples = samples,
};
