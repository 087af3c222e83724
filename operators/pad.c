// Pad: elements added around a tensor, or removed where a pad is negative.
//
// Negative pads cut first; modes other than constant then extend what is left. reflect
// and wrap go on periodically when a pad is longer than the axis, as numpy.pad does.

#include <inttypes.h>

#include "operators/common_move.h"

IG_USES_OP(Expand);
IG_USES_OP(Pad);
IG_USES_OP(PadGrad);
IG_USES_OP(ReduceSum);

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor."),
    IG_PORT("pads",
            'S',
            "Elements added before each axis, then after each; negative: removed.",
            .flags = IG_VALUE),
    IG_PORT("constant_value",
            'T',
            "One element for mode constant; absent: 0, false or the empty string.",
            .flags = IG_OPTIONAL),
    IG_PORT("axes",
            'I',
            "Axes that pads belong to; absent: all.",
            .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "The padded tensor."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_ALL_TYPES},
    {'S', IG_T(INT64)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(
        igi_pad_attrs,
        mode,
        IGI_PAD_CONSTANT,
        igi_pad_modes,
        "What is added: a constant, the reflection without the edge, the edge, or "
        "the tensor again."),
    {0},
};

static ig_status
padded_dim(ig_infer *x, int axis, int64_t begin, int64_t end, int64_t *dim)
{
    bool symbols[2] = {igi_is_symbol(x, 1, begin), igi_is_symbol(x, 1, end)};
    bool sane = true, numbers = !symbols[0] && !symbols[1];
    int64_t total = 0;
    if (numbers)
        sane = igi_add_i64(begin, end, &total);
    else
        total = symbols[0] && symbols[1] ? ig_dim_add(x->syms, begin, end)
                : symbols[0]             ? igi_dim_plus(x, begin, end)
                                         : igi_dim_plus(x, end, begin);
    if (numbers && *dim >= 0)
        sane = sane && igi_add_i64(*dim, total, dim) && *dim >= 0;
    else if (*dim != -1 && sane)
        *dim = numbers       ? igi_dim_plus(x, *dim, total)
               : total == -1 ? -1
                             : ig_dim_add(x->syms, *dim, total);
    if (!sane)
        return ig_infer_fail(x,
                             "axis %d: pads %" PRId64 " and %" PRId64
                             " do not give a size (negative, or too large)",
                             axis, begin, end);
    if (*dim < 0 && !ig_dim_is_symbol(*dim))
        *dim = ig_dim_fresh(x->syms);
    return IG_OK;
}

// Pads of the n axes; *known is false when they cannot be told.
static ig_status infer_pads(ig_infer *x, int64_t *pads, int *axes, int *n, bool *known)
{
    int64_t list[IG_RANK_MAX];
    int rank = x->in[0]->rank, n_axes = ig_infer_ints(x, 3, list, IG_RANK_MAX);
    int n_pads = ig_infer_ints(x, 1, pads, 2 * IG_RANK_MAX);
    if (n_axes == IG_INTS_TOO_MANY || n_pads == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    *n = n_axes == IG_INTS_ABSENT ? rank : n_axes;
    *known = *n >= 0 && n_pads >= 0;
    if (!*known)
        return IG_OK;
    for (int i = 0; i < *n && n_axes == IG_INTS_ABSENT; i++)
        list[i] = i;
    for (int i = 0; i < *n; i++)
        *known = *known && !igi_is_symbol(x, 3, list[i]);
    if (n_pads != 2 * *n)
        return ig_infer_fail(x, "pads has %d elements, %d axes need %d", n_pads, *n,
                             2 * *n);
    return *known ? ig_infer_axes(x, list, *n, rank, axes) : IG_OK;
}

static ig_status pad_infer(ig_infer *x)
{
    int64_t pads[2 * IG_RANK_MAX], dims[IG_RANK_MAX], count;
    int axes[IG_RANK_MAX] = {0}, n, rank = x->in[0]->rank;
    bool known;
    IG_TRY(igi_infer_vector(x, 1, &count));
    if (x->n_in > 3 && x->in[3])
        IG_TRY(igi_infer_vector(x, 3, &count));
    const ig_type *value = x->n_in > 2 ? x->in[2] : NULL;
    if (value && value->rank >= 0) {
        int64_t size = ig_infer_count(x, 2, 0, value->rank);
        if (size >= 0 && size != 1)
            return ig_infer_fail(x, "constant_value must have one element");
    }
    IG_TRY(infer_pads(x, pads, axes, &n, &known));
    if (!known)
        return ig_infer_fresh(x, 0, rank);
    memcpy(dims, ig_type_dims(x->in[0]), (size_t)rank * sizeof(*dims));
    for (int i = 0; i < n; i++)
        IG_TRY(padded_dim(x, axes[i], pads[i], pads[n + i], &dims[axes[i]]));
    return ig_infer_set(x, 0, rank, dims);
}

// dy where the constant was put, summed. (All of dy less what came from data would be
// that too, but for numbers that cancel and for infinities.)
static ig_var value_gradient(ig_grad *g, ig_var dy)
{
    const igi_reduce_attrs all = {sizeof(all), 0, 0};
    ig_var in[4] = {ig_emit2(g, IG_OP(Expand), NULL, ig_grad_scalar(g, IG_BOOL, 0),
                             ig_grad_in_shape(g, 0)),
                    ig_grad_in(g, 1), ig_grad_scalar(g, IG_BOOL, 1), ig_grad_in(g, 3)},
           added;
    (void)ig_emit_n(g, IG_OP(Pad), NULL, in, 4, &added, 1);
    ig_var sum = ig_emit1(g, IG_OP(ReduceSum), &all, igi_emit_masked(g, added, dy));
    return igi_emit_reshape(g, sum, ig_grad_in_shape(g, 2));
}

static ig_status pad_gradient(ig_grad *g)
{
    const igi_pad_attrs *o = ig_grad_attrs(g);
    ig_var dy = ig_grad_dy(g, 0), dx;
    if (ig_grad_wants(g, 0)) {
        ig_var in[4] = {dy, ig_grad_in_shape(g, 0), ig_grad_in(g, 1), ig_grad_in(g, 3)};
        IG_TRY(ig_emit_n(g, IG_OP(PadGrad), o, in, 4, &dx, 1));
        ig_grad_set(g, 0, dx);
    }
    if (o->mode == IGI_PAD_CONSTANT && ig_grad_wants(g, 2))
        ig_grad_set(g, 2, value_gradient(g, dy));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(2)),
    IG_SAVE_IN(3, IG_BIT(0) | IG_BIT(2)),
    {0},
};

// One row of the output: runs of neighbours, of one element repeated, or of the
// constant.
static void copy_row(const ig_tensor *x,
                     const ig_tensor *y,
                     const ig_tensor *value,
                     const int64_t *map,
                     int64_t n,
                     int64_t to,
                     int64_t from)
{
    static const uint64_t zero[2]; // an element of any type that is not a string
    ig_dtype dtype = ig_dtype_of(y);
    int64_t stride = ig_rank(x) > 0 ? ig_strides(x)[ig_rank(x) - 1] : 1;
    for (int64_t i = 0, run; i < n; i += run) {
        int64_t step =
            i + 1 < n && map[i] >= 0 && map[i + 1] >= 0 ? map[i + 1] - map[i] : 0;
        run = 1;
        while (i + run < n && (map[i + run] >= 0) == (map[i] >= 0) &&
               (map[i] < 0 || map[i + run] - map[i + run - 1] == step))
            run++;
        const int64_t one = 1, by = map[i] < 0 ? 0 : step * stride;
        const void *source = map[i] >= 0 ? ig_data(x) : value ? ig_data(value) : zero;
        igi_copy_nd(dtype, 1, &run, ig_data(y), to + i, &one, source,
                    map[i] < 0 ? 0 : from + map[i] * stride, &by);
    }
}

static void copy_padded(ig_kernel_ctx *k, const igi_pad_map *m)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0), *value = ig_in(k, 2);
    const int64_t *dims = ig_dims(y), *stride = ig_strides(x);
    int64_t index[IG_RANK_MAX] = {0}, nothing = -1, whole = 0;
    int outer = ig_rank(y) - 1;
    int64_t length = outer >= 0 ? dims[outer] : 1, total = ig_numel(y);
    for (int64_t to = 0; to < total; to += length) {
        int64_t from = 0;
        bool padding = false;
        for (int a = 0; a < outer; a++) {
            int64_t at = m->map[a][index[a]];
            padding = padding || at < 0;
            from += at * stride[a];
        }
        const int64_t *map = outer >= 0 ? m->map[outer] : &whole;
        if (!padding)
            copy_row(x, y, value, map, length, to, from);
        for (int64_t i = 0; padding && i < length; i++)
            copy_row(x, y, value, &nothing, 1, to + i, 0);
        for (int a = outer - 1; a >= 0; a--) {
            if (++index[a] < dims[a])
                break;
            index[a] = 0;
        }
    }
}

static ig_status pad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0), *value = ig_in(k, 2);
    igi_pads p;
    igi_pad_map m;
    if (value && ig_numel(value) != 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "constant_value must have one element");
    IG_TRY(igi_pads_read(k, ig_in(k, 1), ig_in(k, 3), ig_rank(x), &p));
    if (ig_numel(y) == 0)
        return IG_OK;
    IG_TRY(igi_pad_map_make(k, ig_rank(x), ig_dims(x), ig_dims(y), &p, &m));
    copy_padded(k, &m);
    igi_free(m.all);
    return IG_OK;
}

#define MODE(mode_)                                                                    \
    {                                                                                  \
        sizeof(igi_pad_attrs), mode_                                                   \
    }
static const igi_pad_attrs reflect = MODE(IGI_PAD_REFLECT), edge = MODE(IGI_PAD_EDGE);
static const igi_pad_attrs wrap = MODE(IGI_PAD_WRAP);
static const ig_sample samples[] = {
    {.name = "constant", IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(1, 0, 0, 2))},
    {.name = "value", IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(0, 1, 2, 1), IGI_IN_SCALAR)},
    {.name = "axes",
     IGI_INPUTS(IGI_IN(2, 3, 2), IGI_IN_INTS(2, 1), IGI_IN_ABSENT, IGI_IN_INTS(-2))},
    {.name = "negative", IGI_INPUTS(IGI_IN(4, 3), IGI_IN_INTS(-1, 1, 2, -2))},
    {.name = "reflect",
     .attrs = &reflect,
     IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(2, 5, 1, 3))},
    {.name = "edge", .attrs = &edge, IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(1, 2, 1, 2))},
    {.name = "wrap", .attrs = &wrap, IGI_INPUTS(IGI_IN(3, 2), IGI_IN_INTS(2, 1, 4, 1))},
    {.name = "wrap_negative",
     .attrs = &wrap,
     IGI_INPUTS(IGI_IN(5), IGI_IN_INTS(-1, 3))},
    {.name = "size_one", .attrs = &reflect, IGI_INPUTS(IGI_IN(1), IGI_IN_INTS(1, 2))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2), IGI_IN_INTS(1, 0, 1, 1))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_NO_INTS)},
    {0},
};

IG_OPERATOR(Pad) = {
    IG_OP_HEAD,
    .name = "Pad",
    .since = 25,
    .doc = "Adds elements around a tensor, by `mode`; negative pads remove elements.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_pad_attrs),
    .flags = IG_OP_STRIDED,
    .infer = pad_infer,
    .gradient = pad_gradient,
    .saves = saves,
    .reference = pad_reference,
    .samples = samples,
};
