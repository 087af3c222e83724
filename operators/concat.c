// Concat: tensors joined along one axis; their other dims agree.

#include "operators/common_move.h"

IG_USES_OP(Concat);
IG_USES_OP(Gather);
IG_USES_OP(Split);

static const ig_port inputs[] = {
    IG_PORT("inputs", 'T', "Tensors of rank >= 1.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("concat_result", 'T', "All of them, in order."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_axis_attrs,
                axis,
                0,
                "Axis to join along, -rank to rank - 1.",
                .flags = IG_REQUIRED),
    {0},
};

static ig_status concat_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank, axis;
    IG_TRY(
        ig_infer_axis(x, ((const igi_axis_attrs *)x->attrs)->axis, rank, false, &axis));
    memcpy(dims, ig_type_dims(x->in[0]), (size_t)rank * sizeof(*dims));
    for (int i = 1; i < x->n_in - x->n_captures; i++) {
        const int64_t *d = ig_type_dims(x->in[i]);
        if (x->in[i]->rank != rank)
            return ig_infer_fail(x, "input %d has another rank than input 0", i);
        for (int a = 0; a < rank; a++)
            if (a == axis)
                dims[a] = ig_dim_add(x->syms, dims[a], d[a]);
            else
                IG_TRY(ig_infer_equal(x, dims[a], d[a], "dims beside the joined axis",
                                      &dims[a]));
    }
    return ig_infer_set(x, 0, rank, dims);
}

static int concat_values(ig_infer *x, int64_t *out, int cap)
{
    int n = 0;
    for (int i = 0; i < x->n_in - x->n_captures; i++) {
        const ig_type *t = x->in[i];
        if (t->rank != 1 || ig_type_dims(t)[0] < 0 || ig_type_dims(t)[0] > cap - n)
            return IG_INTS_UNKNOWN;
        int length = (int)ig_type_dims(t)[0];
        int got = igi_move_ints(x, i, out + n, cap - n);
        if (got != length && !x->syms)
            return IG_INTS_UNKNOWN;
        for (int j = 0; got != length && j < length; j++)
            out[n + j] = ig_int_fresh(x->syms); // the other parts may still be known
        n += length;
    }
    return n;
}

// Lengths of the inputs along the axis, as a value: numbers when they are, else from
// shapes.
static ig_var lengths(ig_grad *g, int axis)
{
    int64_t number[IG_PORTS_MAX];
    ig_var part[IG_PORTS_MAX], all;
    int n = ig_grad_n_in(g);
    bool numbers = true;
    for (int i = 0; i < n; i++) {
        number[i] = ig_type_dims(ig_grad_in_type(g, i))[axis];
        numbers = numbers && number[i] >= 0;
    }
    if (numbers)
        return ig_grad_ints(g, number, n);
    ig_var at = ig_grad_ints(g, &(int64_t){axis}, 1);
    for (int i = 0; i < n; i++)
        part[i] = ig_emit2(g, IG_OP(Gather), NULL, ig_grad_in_shape(g, i), at);
    const igi_axis_attrs first = {sizeof(first), 0};
    (void)ig_emit_n(g, IG_OP(Concat), &first, part, n, &all, 1);
    return all;
}

static ig_status concat_gradient(ig_grad *g)
{
    int n = ig_grad_n_in(g), rank = ig_grad_in_type(g, 0)->rank;
    int64_t axis = ((const igi_axis_attrs *)ig_grad_attrs(g))->axis;
    ig_var part[IG_PORTS_MAX];
    if (n > IG_PORTS_MAX || rank < 1)
        return ig_grad_fail(g, IG_UNSUPPORTED,
                            "%d inputs of rank %d (limits: %d, known)", n, rank,
                            IG_PORTS_MAX);
    axis = igi_index(axis, rank);
    const igi_split_attrs along = {sizeof(along), axis, 0};
    ig_var in[2] = {ig_grad_dy(g, 0), lengths(g, (int)axis)};
    IG_TRY(ig_emit_n(g, IG_OP(Split), &along, in, 2, part, n));
    for (int i = 0; i < n; i++)
        ig_grad_set(g, i, part[i]);
    return IG_OK;
}

static ig_status concat_reference(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    int rank = ig_rank(y);
    int64_t at = 0, axis = igi_index(((const igi_axis_attrs *)k->attrs)->axis, rank);
    for (int i = 0; i < k->n_in - k->n_captures; i++) {
        const ig_tensor *x = ig_in(k, i);
        igi_copy_nd(ig_dtype_of(y), rank, ig_dims(x), ig_data(y),
                    at * ig_strides(y)[axis], ig_strides(y), ig_data(x), 0,
                    ig_strides(x));
        at += ig_dims(x)[axis];
    }
    return IG_OK;
}

static const igi_axis_attrs axis0 = {sizeof(igi_axis_attrs), 0};
static const igi_axis_attrs axis1 = {sizeof(igi_axis_attrs), 1};
static const igi_axis_attrs last = {sizeof(igi_axis_attrs), -1};
static const ig_sample samples[] = {
    {.name = "first_axis", .attrs = &axis0, IGI_INPUTS(IGI_IN(2, 3), IGI_IN(4, 3))},
    {.name = "middle", .attrs = &axis1, IGI_INPUTS(IGI_IN(2, 1, 3), IGI_IN(2, 2, 3))},
    {.name = "three_last",
     .attrs = &last,
     IGI_INPUTS(IGI_IN(2, 3), IGI_IN(2, 1), IGI_IN(2, 2))},
    {.name = "one", .attrs = &axis0, IGI_INPUTS(IGI_IN(3))},
    {.name = "empty_part", .attrs = &last, IGI_INPUTS(IGI_IN(2, 0), IGI_IN(2, 3))},
    {.name = "all_empty", .attrs = &axis1, IGI_INPUTS(IGI_IN(0, 2), IGI_IN(0, 1))},
    {0},
};

IG_OPERATOR(Concat) = {
    IG_OP_HEAD,
    .name = "Concat",
    .since = 13,
    .doc = "Joins tensors along `axis`; their other dims agree.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_axis_attrs),
    .flags = IG_OP_STRIDED,
    .infer = concat_infer,
    .values = concat_values,
    .gradient = concat_gradient,
    .reference = concat_reference,
    .samples = samples,
};
