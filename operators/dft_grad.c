/* ingot::DFTGrad: the transpose of DFT as a map of real parts; its gradient is DFT
 * again.
 *
 * Forward: dx = sum over k of dy[k] exp(+2 pi i k t / n), what was padded or left out
 * counting 0. Inverse: the forward transform divided by n; with a real signal twice
 * that where two conjugate values came from one, and no imaginary part where there is
 * none. */
#include "operators/common_fft.h"

#include "operators/common_move.h"

IG_USES_OP(DFT);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of DFT's output."),
    IG_PORT("shape", 'I', "Shape of DFT's input.", .flags = IG_VALUE),
    IG_PORT("dft_length", 'L', "As DFT's.", .flags = IG_OPTIONAL | IG_VALUE),
    IG_PORT("axis", 'I', "As DFT's.", .flags = IG_OPTIONAL | IG_VALUE),
    {0},
};
static const ig_port outputs[] = {IG_PORT("dx", 'T', "Gradient of the input."), {0}};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS}, {'I', IG_T(INT64)}, {'L', IG_T(INT32) | IG_T(INT64)}, {0}};

static ig_status dft_grad_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX], out[IG_RANK_MAX], n;
    const ig_type *dy = x->in[0];
    int axis, rank = igi_infer_sizes(x, 1, dims);
    if (rank == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if (dy->rank < 2)
        return ig_infer_fail(x, "dy must have rank 2 or more");
    if (rank == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, dy->rank);
    if (rank != dy->rank)
        return ig_infer_fail(x, "dy has rank %d, the shape names %d dims", dy->rank,
                             rank);
    IG_TRY(igi_dft_infer(x, 2, 3, rank, dims, &axis, &n));
    if (axis >= 0) {
        igi_dft_dims(x, rank, dims, axis, n, out);
        for (int i = 0; i < rank; i++)
            IG_TRY(ig_infer_equal(x, out[i], ig_type_dims(dy)[i],
                                  "dims of dy and of the transform", NULL));
    }
    return ig_infer_set(x, 0, rank, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_IN(3, IG_BIT(0)),
    {0},
};

static ig_status dft_grad_gradient(ig_grad *g)
{
    ig_var in[3] = {ig_grad_dy(g, 0)}, y = {0};
    for (int i = 2; i < 4; i++)
        if (ig_grad_in_type(g, i))
            in[i - 1] = ig_grad_in(g, i);
    (void)ig_emit_n(g, IG_OP(DFT), ig_grad_attrs(g), in, 3, &y, 1);
    ig_grad_set(g, 0, y);
    return IG_OK;
}

static void
load_line(const igi_dft *d, ig_dtype type, const void *dy, int64_t first, double *line)
{
    const int64_t step = d->inner * d->y_parts;
    memset(line, 0, (size_t)d->n * 2 * sizeof(*line));
    for (int64_t t = 0; t < d->y_line; t++)
        for (int64_t part = 0; part < d->y_parts; part++)
            line[2 * t + part] = igi_get_f64(type, dy, first + t * step + part);
}

static void
store_line(const igi_dft *d, ig_dtype type, void *dx, int64_t first, const double *line)
{
    const bool real = d->inverse && d->onesided;
    const int64_t step = d->inner * d->x_parts, half = d->n / 2 + 1;
    const int64_t known = real ? half : d->n;
    for (int64_t t = 0; t < d->x_line; t++) {
        const bool single = t == 0 || 2 * t == d->n;
        double by = d->inverse ? 1 / (double)d->n : 1;
        by = t >= known ? 0 : real && !single ? 2 * by : by;
        for (int64_t part = 0; part < d->x_parts; part++) {
            const bool none = t >= known || (real && single && part);
            igi_store(type, dx, first + t * step + part,
                      none ? 0 : by * line[2 * t + part]);
        }
    }
}

static ig_status dft_grad_reference(ig_kernel_ctx *k)
{
    igi_dft d;
    const ig_tensor *dy = ig_in(k, 0);
    ig_tensor *dx = ig_out(k, 0);
    if (ig_numel(dx) == 0)
        return IG_OK;
    IG_TRY(igi_dft_set(&d, k, 2, 3, dx, dy));
    const igi_dft_way way = {load_line, store_line, d.y_line * d.y_parts,
                             d.x_line * d.x_parts, !d.inverse};
    return igi_dft_lines(k, &d, &way, dy, dx);
}

#define A_(name_, inverse_, onesided_)                                                 \
    static const igi_dft_attrs name_ = {sizeof(igi_dft_attrs), inverse_, onesided_}
A_(forward, 0, 0);
A_(onesided, 0, 1);
A_(real_signal, 1, 1);
static const ig_sample samples[] = {
    {.name = "forward",
     .attrs = &forward,
     IGI_INPUTS(IGI_IN(2, 6, 2), IGI_IN_INTS(2, 6, 1))},
    {.name = "onesided",
     .attrs = &onesided,
     IGI_INPUTS(IGI_IN(2, 5, 2), IGI_IN_INTS(2, 6, 1), IGI_IN_NUMBER(IG_INT64, 8))},
    {.name = "real_signal",
     .attrs = &real_signal,
     IGI_INPUTS(IGI_IN(8, 2, 1),
                IGI_IN_INTS(5, 2, 2),
                IGI_IN_ABSENT,
                IGI_IN_NUMBER(IG_INT64, 0))},
    {.name = "size_one",
     .attrs = &forward,
     IGI_INPUTS(IGI_IN(1, 1, 2), IGI_IN_INTS(1, 1, 2))},
    {.name = "empty",
     .attrs = &forward,
     IGI_INPUTS(IGI_IN(0, 4, 2), IGI_IN_INTS(0, 4, 2))},
    {0},
};

IG_OPERATOR(DFTGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "DFTGrad",
    .since = 1,
    .doc = "Gradient of DFT, given dy and the input's shape. Attributes are DFT's.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_dft_attr_rows,
    .attrs_size = sizeof(igi_dft_attrs),
    .infer = dft_grad_infer,
    .gradient = dft_grad_gradient,
    .saves = saves,
    .reference = dft_grad_reference,
    .samples = samples,
};
