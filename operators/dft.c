/* DFT: the discrete Fourier transform along one axis (precision: common_fft.h).
 *
 *   y[k] = sum over t of x[t] exp(-2 pi i k t / n), inverse: + and divided by n.
 * The last axis holds the parts of numbers: 1 (real) or 2. The signal is cut or padded
 * with zeros to dft_length. onesided keeps k <= n / 2; its inverse makes the other half
 * from symmetry and returns the real signal. The gradient is the transposed map,
 * ingot::DFTGrad. */
#include "operators/common_fft.h"

IG_USES_OP(DFTGrad);

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Signal [..., 1] or [..., 2]."),
    IG_PORT("dft_length",
            'I',
            "Length of the transform; absent: that of the axis.",
            .flags = IG_OPTIONAL | IG_VALUE),
    IG_PORT("axis",
            'A',
            "Axis of the signal; absent: -2.",
            .flags = IG_OPTIONAL | IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Spectrum [..., 2], or signal [..., 1]."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS}, {'I', IG_T(INT32) | IG_T(INT64)}, {'A', IG_T(INT64)}, {0}};

static ig_status dft_infer(ig_infer *x)
{
    int axis, rank = x->in[0]->rank;
    int64_t n, dims[IG_RANK_MAX];
    IG_TRY(igi_dft_infer(x, 1, 2, rank, ig_type_dims(x->in[0]), &axis, &n));
    if (axis < 0)
        return ig_infer_fresh(x, 0, rank);
    igi_dft_dims(x, rank, ig_type_dims(x->in[0]), axis, n, dims);
    return ig_infer_set(x, 0, rank, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(2, IG_BIT(0)),
    {0},
};

static ig_status dft_gradient(ig_grad *g)
{
    ig_var in[4] = {ig_grad_dy(g, 0), ig_grad_in_shape(g, 0)}, dx = {0};
    for (int i = 1; i < 3; i++)
        if (ig_grad_in_type(g, i))
            in[1 + i] = ig_grad_in(g, i);
    (void)ig_emit_n(g, IG_OP(DFTGrad), ig_grad_attrs(g), in, 4, &dx, 1);
    ig_grad_set(g, 0, dx);
    return IG_OK;
}

/* The signal's line at element `first` (of parts), in the form that is transformed. */
static void
load_line(const igi_dft *d, ig_dtype type, const void *x, int64_t first, double *line)
{
    const bool real = d->inverse && d->onesided;
    const int64_t step = d->inner * d->x_parts, half = d->n / 2 + 1;
    int64_t take = real && half < d->n ? half : d->n;
    take = take < d->x_line ? take : d->x_line;
    memset(line, 0, (size_t)d->n * 2 * sizeof(*line));
    for (int64_t t = 0; t < take; t++) {
        line[2 * t] = igi_get_f64(type, x, first + t * step);
        if (d->x_parts == 2)
            line[2 * t + 1] = igi_get_f64(type, x, first + t * step + 1);
    }
    if (!real)
        return;
    line[1] = 0;
    if (d->n % 2 == 0)
        line[2 * (d->n / 2) + 1] = 0;
    for (int64_t t = 1; t < (d->n + 1) / 2; t++) { /* the other half is conjugate */
        line[2 * (d->n - t)] = line[2 * t];
        line[2 * (d->n - t) + 1] = -line[2 * t + 1];
    }
}

/* Part `part` of value t of the transform. The spectrum of a real signal is conjugate
 * about n / 2: its second half is made from the first, and what has no partner is real.
 */
static double value_of(const igi_dft *d, const double *line, int64_t t, int64_t part)
{
    const int64_t other = t ? d->n - t : 0;
    if (d->inverse || d->x_parts == 2 || t < other)
        return line[2 * t + part];
    if (t == other)
        return part ? 0 : line[2 * t];
    return part ? -line[2 * other + 1] : line[2 * other];
}

static void
store_line(const igi_dft *d, ig_dtype type, void *y, int64_t first, const double *line)
{
    const int64_t step = d->inner * d->y_parts;
    const double by = d->inverse ? (double)d->n : 1;
    for (int64_t t = 0; t < d->y_line; t++)
        for (int64_t part = 0; part < d->y_parts; part++)
            igi_store(type, y, first + t * step + part,
                      value_of(d, line, t, part) / by);
}

static ig_status dft_reference(ig_kernel_ctx *k)
{
    igi_dft d;
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    if (ig_numel(y) == 0)
        return IG_OK;
    IG_TRY(igi_dft_set(&d, k, 1, 2, x, y));
    const igi_dft_way way = {load_line, store_line, d.x_line * d.x_parts,
                             d.y_line * d.y_parts, d.inverse};
    return igi_dft_lines(k, &d, &way, x, y);
}

#define A_(name_, inverse_, onesided_)                                                 \
    static const igi_dft_attrs name_ = {sizeof(igi_dft_attrs), inverse_, onesided_}
A_(forward, 0, 0);
A_(inverse, 1, 0);
A_(onesided, 0, 1);
A_(real_signal, 1, 1);
#define LENGTH_(v_) IGI_IN_NUMBER(IG_INT64, v_)
static const ig_sample samples[] = {
    {.name = "complex", .attrs = &forward, IGI_INPUTS(IGI_IN(2, 12, 2))},
    {.name = "real", .attrs = &forward, IGI_INPUTS(IGI_IN(2, 10, 1))},
    {.name = "prime", .attrs = &forward, IGI_INPUTS(IGI_IN(1, 17, 2))},
    {.name = "prime_inverse", .attrs = &inverse, IGI_INPUTS(IGI_IN(1, 19, 2))},
    {.name = "inverse", .attrs = &inverse, IGI_INPUTS(IGI_IN(2, 15, 2))},
    {.name = "onesided_even", .attrs = &onesided, IGI_INPUTS(IGI_IN(2, 8, 1))},
    {.name = "onesided_odd", .attrs = &onesided, IGI_INPUTS(IGI_IN(2, 7, 1))},
    {.name = "real_signal", .attrs = &real_signal, IGI_INPUTS(IGI_IN(2, 5, 2))},
    {.name = "real_signal_odd",
     .attrs = &real_signal,
     IGI_INPUTS(IGI_IN(2, 5, 2), LENGTH_(9))},
    {.name = "padded", .attrs = &forward, IGI_INPUTS(IGI_IN(2, 5, 1), LENGTH_(8))},
    {.name = "cut", .attrs = &inverse, IGI_INPUTS(IGI_IN(2, 9, 2), LENGTH_(6))},
    {.name = "first_axis",
     .attrs = &forward,
     IGI_INPUTS(IGI_IN(6, 3, 2), IGI_IN_ABSENT, IGI_IN_NUMBER(IG_INT64, 0))},
    {.name = "axis_from_the_end",
     .attrs = &onesided,
     IGI_INPUTS(IGI_IN(2, 6, 3, 1), LENGTH_(9), IGI_IN_NUMBER(IG_INT64, -3))},
    {.name = "size_one", .attrs = &forward, IGI_INPUTS(IGI_IN(1, 1, 1))},
    {.name = "empty", .attrs = &forward, IGI_INPUTS(IGI_IN(0, 4, 2))},
    {0},
};

IG_OPERATOR(DFT) = {
    IG_OP_HEAD,
    .name = "DFT",
    .since = 20,
    .doc = "Discrete Fourier transform along an axis, of any length: complex, onesided "
           "from a real signal, and their inverses.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_dft_attr_rows,
    .attrs_size = sizeof(igi_dft_attrs),
    .infer = dft_infer,
    .gradient = dft_gradient,
    .saves = saves,
    .reference = dft_reference,
    .samples = samples,
};
