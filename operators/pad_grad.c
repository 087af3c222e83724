// PadGrad: the linear map that is Pad's gradient: each element of dy is added to the
// element of data that it was copied from. Its own gradient is Pad with zeros.

#include "operators/common_move.h"

IG_USES_OP(Pad);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Of the padded shape."),
    IG_PORT("shape", 'S', "Dims of the tensor that was padded.", .flags = IG_VALUE),
    IG_PORT("pads", 'S', "As given to Pad.", .flags = IG_VALUE),
    IG_PORT("axes", 'I', "As given to Pad.", .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Of dims `shape`."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'S', IG_T(INT64)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(
        igi_pad_attrs, mode, IGI_PAD_CONSTANT, igi_pad_modes, "As given to Pad."),
    {0},
};

static ig_status pad_grad_infer(ig_infer *x)
{
    return igi_infer_listed(x, 1);
}

static ig_status pad_grad_gradient(ig_grad *g)
{
    ig_var in[4] = {ig_grad_dy(g, 0), ig_grad_in(g, 2), {0}, ig_grad_in(g, 3)}, dx;
    IG_TRY(ig_emit_n(g, IG_OP(Pad), ig_grad_attrs(g), in, 4, &dx, 1));
    ig_grad_set(g, 0, dx);
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(2, IG_BIT(0)), IG_SAVE_IN(3, IG_BIT(0)), {0}};

// sum[i] += dy, in row-major order of dy; sums are doubles, rounded once at the end.
static void
add_all(const ig_tensor *dy, const ig_tensor *dx, const igi_pad_map *m, double *sum)
{
    const int64_t *dims = ig_dims(dy), *stride = ig_strides(dx);
    int64_t index[IG_RANK_MAX] = {0}, total = ig_numel(dy);
    int rank = ig_rank(dy);
    for (int64_t i = 0; i < total; i++) {
        int64_t to = 0;
        bool padding = false;
        for (int a = 0; a < rank; a++) {
            int64_t at = m->map[a][index[a]];
            padding = padding || at < 0;
            to += at * stride[a];
        }
        if (!padding)
            sum[to] += igi_get_f64(ig_dtype_of(dy), ig_data(dy), i);
        for (int a = rank - 1; a >= 0; a--) {
            if (++index[a] < dims[a])
                break;
            index[a] = 0;
        }
    }
}

static ig_status pad_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    int64_t count = ig_numel(dx);
    igi_pads p;
    igi_pad_map m;
    if (ig_rank(dy) != ig_rank(dx))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "dy and shape differ in rank");
    igi_fill_zero(dx);
    IG_TRY(igi_pads_read(k, ig_in(k, 2), ig_in(k, 3), ig_rank(dx), &p));
    if (ig_numel(dy) == 0 || count == 0)
        return IG_OK;
    IG_TRY(igi_pad_map_make(k, ig_rank(dx), ig_dims(dx), ig_dims(dy), &p, &m));
    double *sum = igi_calloc((size_t)count, sizeof(double));
    if (sum) {
        add_all(dy, dx, &m, sum);
        for (int64_t i = 0; i < count; i++)
            igi_put_f64(ig_dtype_of(dx), ig_data(dx), i, sum[i]);
    }
    igi_free(sum);
    igi_free(m.all);
    return sum ? IG_OK : IG_OUT_OF_MEMORY;
}

static const igi_pad_attrs wrap = {sizeof(igi_pad_attrs), IGI_PAD_WRAP};
static const igi_pad_attrs reflect = {sizeof(igi_pad_attrs), IGI_PAD_REFLECT};
static const ig_sample samples[] = {
    {.name = "constant",
     IGI_INPUTS(IGI_IN(3, 5), IGI_IN_INTS(2, 3), IGI_IN_INTS(1, 0, 0, 2))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(3), IGI_IN_INTS(1), IGI_IN_INTS(1, 1))},
    {.name = "empty",
     IGI_INPUTS(IGI_IN(0, 2), IGI_IN_INTS(0, 1), IGI_IN_INTS(0, 1, 0, 0))},
    {.name = "wrap",
     .attrs = &wrap,
     IGI_INPUTS(IGI_IN(2, 9), IGI_IN_INTS(2, 3), IGI_IN_INTS(2, 4), IGI_IN_INTS(-1))},
    {.name = "reflect_cut",
     .attrs = &reflect,
     IGI_INPUTS(IGI_IN(6), IGI_IN_INTS(5), IGI_IN_INTS(-1, 2))},
    {0},
};

IG_OPERATOR(PadGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "PadGrad",
    .since = 1,
    .doc = "Zeros of dims `shape` into which dy is added where Pad would have copied "
           "from.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_pad_attrs),
    .infer = pad_grad_infer,
    .gradient = pad_grad_gradient,
    .saves = saves,
    .reference = pad_grad_reference,
    .samples = samples,
};
