// Split: a tensor cut into pieces along one axis; the inverse of Concat.
//
// Equal pieces have ceil(size / pieces) elements while there are any, so that the last
// ones may be smaller or empty (5 in 4 pieces: 2, 2, 1, 0). Without `split` and
// num_outputs the number of outputs of the call counts.

#include <inttypes.h>

#include "operators/common_index.h"
#include "operators/common_move.h"

IG_USES_OP(Concat);
IG_USES_OP(Split);

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Tensor of rank >= 1."),
    IG_PORT("split",
            'S',
            "Length of each piece, >= 0; their sum is the size of the axis.",
            .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("outputs", 'T', "The pieces, in order.", .flags = IG_VARIADIC),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'S', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_split_attrs, axis, 0, "Axis to cut, -rank to rank - 1."),
    IG_ATTR_INT(igi_split_attrs,
                num_outputs,
                0,
                "Number of equal pieces; 0: not given.",
                .min = 0,
                .max = INT32_MAX),
    {0},
};

static ig_status set_piece(ig_infer *x, int i, int axis, int64_t size)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    memcpy(dims, ig_type_dims(x->in[0]), (size_t)rank * sizeof(*dims));
    dims[axis] = size;
    return ig_infer_set(x, i, rank, dims);
}

static ig_status infer_equal(ig_infer *x, int axis, int64_t size)
{
    int64_t asked = ((const igi_split_attrs *)x->attrs)->num_outputs;
    if (asked && asked != x->n_out)
        return ig_infer_fail(x,
                             "num_outputs is %" PRId64 ", but the call has %d outputs",
                             asked, x->n_out);
    int64_t part = size < 0 ? ig_dim_div(x->syms, size, x->n_out) : 0;
    bool exact = part != -1 && ig_dim_mul(x->syms, part, x->n_out) == size;
    for (int i = 0; i < x->n_out; i++) {
        int64_t piece = size >= 0           ? igi_equal_piece(size, x->n_out, i)
                        : exact && part < 0 ? part
                                            : ig_dim_fresh(x->syms);
        IG_TRY(set_piece(x, i, axis, piece));
    }
    return IG_OK;
}

static ig_status
infer_listed(ig_infer *x, int axis, int64_t size, const int64_t *length)
{
    int64_t sum = 0;
    bool numbers = size >= 0;
    for (int i = 0; i < x->n_out; i++) {
        numbers = numbers && length[i] >= 0;
        sum = ig_dim_add(x->syms, sum, length[i]);
        IG_TRY(set_piece(x, i, axis, length[i]));
    }
    if (numbers && sum != size)
        return ig_infer_fail(x,
                             "the lengths in split add up to %" PRId64
                             ", but axis %d has %" PRId64 " elements",
                             sum, axis, size);
    return IG_OK;
}

static ig_status split_infer(ig_infer *x)
{
    const igi_split_attrs *o = x->attrs;
    int64_t length[IG_PORTS_MAX], count;
    int axis;
    IG_TRY(ig_infer_axis(x, o->axis, x->in[0]->rank, false, &axis));
    int64_t size = ig_type_dims(x->in[0])[axis];
    if (x->n_in < 2 || !x->in[1])
        return infer_equal(x, axis, size);
    if (o->num_outputs)
        return ig_infer_fail(x, "split and num_outputs must not both be given");
    IG_TRY(igi_infer_vector(x, 1, &count));
    int n = ig_infer_ints(x, 1, length, IG_PORTS_MAX);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (n >= 0)
        count = n;
    if (x->n_out > IG_PORTS_MAX)
        return ig_infer_fail(x, "%d outputs are over the limit of %d", x->n_out,
                             IG_PORTS_MAX);
    if (count >= 0 && count != x->n_out)
        return ig_infer_fail(x, "split has %" PRId64 " lengths for %d outputs", count,
                             x->n_out);
    for (int i = 0; i < x->n_out; i++) {
        if (n < 0 || length[i] == -1)
            length[i] = ig_dim_fresh(x->syms);
        bool known = n >= 0 && (!x->syms || (x->known && x->known[1]));
        if (length[i] < 0 && !igi_is_symbol(x, 1, length[i]) &&
            (known || length[i] != -1))
            return ig_infer_fail(x, "split[%d] is %" PRId64, i, length[i]);
    }
    return infer_listed(x, axis, size, length);
}

static int split_values(ig_infer *x, int64_t *out, int cap)
{
    int64_t all[64];
    int n = igi_move_ints(x, 0, all, 64);
    const ig_type *first = x->out[0];
    if (n < 0 || !first || first->rank != 1)
        return IG_INTS_UNKNOWN;
    int64_t length = ig_type_dims(first)[0];
    if (length < 0 || length > n || length > cap)
        return IG_INTS_UNKNOWN;
    memcpy(out, all, (size_t)length * sizeof(*out));
    return (int)length;
}

// One piece is the whole tensor.
static bool split_view(ig_view *v)
{
    return v->x->n_out == 1 && ig_view_contiguous(v);
}

static ig_status split_gradient(ig_grad *g)
{
    int n = ig_grad_n_out(g);
    bool all = true;
    ig_var part[IG_PORTS_MAX], none[IG_PORTS_MAX], dx;
    const igi_axis_attrs along = {sizeof(along),
                                  ((const igi_split_attrs *)ig_grad_attrs(g))->axis};
    if (n > IG_PORTS_MAX)
        return ig_grad_fail(g, IG_UNSUPPORTED, "%d outputs, at most %d", n,
                            IG_PORTS_MAX);
    for (int i = 0; i < n; i++) {
        part[i] = ig_grad_dy(g, i);
        all = all && part[i].h;
    }
    if (!all) { // zeros, cut the same way: an output that nobody asked for has no shape
        ig_var in[2] = {igi_emit_zeros_of_input(g, 0), ig_grad_in(g, 1)};
        IG_TRY(
            ig_emit_n(g, IG_OP(Split), ig_grad_attrs(g), in, in[1].h ? 2 : 1, none, n));
    }
    for (int i = 0; i < n; i++)
        part[i] = part[i].h ? part[i] : none[i];
    IG_TRY(ig_emit_n(g, IG_OP(Concat), &along, part, n, &dx, 1));
    ig_grad_set(g, 0, dx);
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status split_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    int64_t at = 0, length;
    igi_pieces p;
    IG_TRY(igi_pieces_read(k, ((const igi_split_attrs *)k->attrs)->axis, &p));
    for (int i = 0; i < k->n_out; i++, at += length) {
        const ig_tensor *y = ig_out(k, i);
        IG_TRY(igi_pieces_take(k, &p, i, at, &length));
        if (y)
            igi_copy_nd(ig_dtype_of(y), ig_rank(y), ig_dims(y), ig_data(y), 0,
                        ig_strides(y), ig_data(x), at * ig_strides(x)[p.axis],
                        ig_strides(x));
    }
    return IG_OK;
}

static const igi_split_attrs three = {sizeof(igi_split_attrs), 0, 3};
static const igi_split_attrs last = {sizeof(igi_split_attrs), -1, 0};
static const ig_sample samples[] = {
    {.name = "equal", .attrs = &three, .n_out = 3, IGI_INPUTS(IGI_IN(6, 2))},
    {.name = "uneven", .attrs = &three, .n_out = 3, IGI_INPUTS(IGI_IN(7, 2))},
    {.name = "lengths",
     .attrs = &last,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 5), IGI_IN_INTS(2, 3))},
    {.name = "zero_length",
     .attrs = &last,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(1, 0, 2))},
    {.name = "empty",
     .attrs = &last,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 0), IGI_IN_INTS(0, 0))},
    {.name = "single", .n_out = 1, IGI_INPUTS(IGI_IN(4), IGI_IN_INTS(4))},
    {0},
};

IG_OPERATOR(Split) = {
    IG_OP_HEAD,
    .name = "Split",
    .since = 18,
    .doc = "Cuts a tensor into pieces along `axis`, of given lengths or equal ones.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_split_attrs),
    .flags = IG_OP_STRIDED,
    .infer = split_infer,
    .values = split_values,
    .view = split_view,
    .gradient = split_gradient,
    .saves = saves,
    .reference = split_reference,
    .samples = samples,
};
