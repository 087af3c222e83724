// STFT: the discrete Fourier transforms of windowed frames of a signal.
//
//   output[n, f] = DFT(window * signal[n, f * frame_step + (0 ... frame_length - 1)])
//
// Gradient: frames are gathers and transforms are linear, so FrameDftGrad, times the
// window, goes back to where the frames lie; times the frames it is the window's.

#include <inttypes.h>

#include "operators/common_frames.h"
#include "operators/common_grad.h"

IG_USES_OP(Concat);
IG_USES_OP(FrameDftGrad);
IG_USES_OP(Gather);
IG_USES_OP(GatherGrad);
IG_USES_OP(Range);
IG_USES_OP(ReduceSum);
IG_USES_OP(Shape);

static const ig_port inputs[] = {
    IG_PORT("signal",
            'T',
            "[N, length] or [N, length, 1], or 2 for real and imaginary parts."),
    IG_PORT("frame_step", 'I', "A scalar: distance of frames.", .flags = IG_VALUE),
    IG_PORT("window", 'T', "Factors of a frame; absent: 1.", .flags = IG_OPTIONAL),
    IG_PORT("frame_length",
            'I',
            "A scalar: elements of a frame; absent: those of the window, or all.",
            .flags = IG_OPTIONAL | IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "[N, frames, bins, 2]."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};

// The integer of port i, *n; a fresh symbol where it is not known.
static ig_status one_integer(ig_infer *x, int i, int64_t *n)
{
    bool known = false;
    *n = -1;
    IG_TRY(igi_infer_number(x, i, "one number", n, &known));
    if (!known)
        *n = ig_dim_fresh(x->syms);
    else if (*n < 1 && !igi_is_symbol(x, i, *n))
        return ig_infer_fail(x, "%s is %" PRId64, inputs[i].name, *n);
    return IG_OK;
}

// Elements of a frame as a dim, checked where numbers are known.
static ig_status frame_length(ig_infer *x, int64_t *out)
{
    bool window = x->n_in > 2 && x->in[2], given = x->n_in > 3 && x->in[3];
    *out = ig_type_dims(x->in[0])[1];
    if (window && x->in[2]->rank != 1)
        return ig_infer_fail(x, "window must be a vector");
    if (window)
        *out = ig_type_dims(x->in[2])[0];
    if (!given)
        return IG_OK;
    int64_t n;
    IG_TRY(one_integer(x, 3, &n));
    if (!window) {
        *out = n;
        return IG_OK;
    }
    return ig_infer_equal(x, *out, n, "frame_length and the length of window", out);
}

static ig_status stft_infer(ig_infer *x)
{
    bool onesided = ((const igi_onesided_attrs *)x->attrs)->onesided;
    const int64_t *in = ig_type_dims(x->in[0]);
    int64_t n, step, frames, rank = x->in[0]->rank;
    if (rank != 2 && (rank != 3 || in[2] == 0 || in[2] > 2))
        return ig_infer_fail(x, "signal must be [N, length] or [N, length, 1 or 2]");
    if (rank == 3 && in[2] == 2 && onesided)
        return ig_infer_fail(x, "a complex signal has no onesided transform");
    IG_TRY(frame_length(x, &n));
    IG_TRY(one_integer(x, 1, &step));
    if (in[1] >= 0 && n >= 0 && n > in[1])
        return ig_infer_fail(x, "frames of %" PRId64 " do not fit a signal of %" PRId64,
                             n, in[1]);
    frames = ig_dim_add(x->syms,
                        ig_dim_div(x->syms, ig_dim_sub(x->syms, in[1], n), step), 1);
    const int64_t dims[4] = {in[0], frames, igi_frames_bins(x->syms, n, onesided), 2};
    return ig_infer_set(x, 0, 4, dims);
}

// 0, 1, ... up to n, a scalar.
static ig_var counted(ig_grad *g, ig_var n)
{
    return ig_emit3(g, IG_OP(Range), NULL, ig_grad_scalar(g, IG_INT64, 0), n,
                    ig_grad_scalar(g, IG_INT64, 1));
}

static ig_var item(ig_grad *g, ig_var list, int64_t i)
{
    return ig_emit2(g, IG_OP(Gather), NULL, list,
                    ig_grad_scalar(g, IG_INT64, (double)i));
}

static ig_status stft_gradient(ig_grad *g)
{
    static const int64_t first[1] = {0}, second[1] = {1}, last[1] = {3}, flat[1] = {-1},
                         others[3] = {0, 1, 3};
    const bool parts = ig_grad_in_type(g, 0)->rank == 3; /* else [N, length] */
    const igi_axis_attrs zero = {sizeof(zero), 0}, one = {sizeof(one), 1};
    const igi_reduce_attrs drop = {sizeof(drop), 0, 0};
    ig_var dy = ig_grad_dy(g, 0);
    ig_var shape = ig_grad_in_shape(g, 0), n = item(g, shape, 1);
    if (ig_grad_in_type(g, 2))
        n = item(g, ig_grad_in_shape(g, 2), 0);
    else if (ig_grad_in_type(g, 3))
        n = item(g,
                 igi_emit_reshape(g, igi_emit_cast(g, ig_grad_in(g, 3), IG_INT64),
                                  ig_grad_ints(g, flat, 1)),
                 0);
    ig_var frames = item(g, ig_emit1(g, IG_OP(Shape), NULL, dy), 1);
    ig_var step = igi_emit_reshape(g, igi_emit_cast(g, ig_grad_in(g, 1), IG_INT64),
                                   ig_grad_ints(g, flat, 1));
    ig_var begin = igi_emit_mul(g, counted(g, frames), step);
    ig_var at = igi_emit_add(g, igi_emit_unsqueeze(g, begin, second, 1), counted(g, n));
    ig_var dims[4] = {item(g, shape, 0), frames, n,
                      parts ? item(g, shape, 2) : ig_grad_scalar(g, IG_INT64, 1)};
    ig_var all = {0};
    for (int i = 0; i < 4; i++)
        dims[i] = igi_emit_unsqueeze(g, dims[i], first, 1);
    (void)ig_emit_n(g, IG_OP(Concat), &zero, dims, 4, &all, 1);
    ig_var back = ig_emit2(g, IG_OP(FrameDftGrad), ig_grad_attrs(g), dy, all);
    if (!parts)
        back = igi_emit_squeeze(g, back, last, 1);
    if (ig_grad_wants(g, 0)) {
        ig_var d = back;
        if (ig_grad_in_type(g, 2)) {
            ig_var window = ig_grad_in(g, 2);
            d = igi_emit_mul(g, d,
                             parts ? igi_emit_unsqueeze(g, window, second, 1) : window);
        }
        ig_grad_set(g, 0, ig_emit3(g, IG_OP(GatherGrad), &one, d, at, shape));
    }
    if (ig_grad_wants(g, 2)) {
        ig_var read = ig_emit2(g, IG_OP(Gather), &one, ig_grad_in(g, 0), at);
        ig_grad_set(g, 2,
                    ig_emit2(g, IG_OP(ReduceSum), &drop, igi_emit_mul(g, back, read),
                             ig_grad_ints(g, others, parts ? 3 : 2)));
    }
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(2)),
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(2)),
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_IN(3, IG_BIT(0) | IG_BIT(2)),
    {0},
};

static ig_status stft_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *window = ig_in(k, 2), *y = ig_out(k, 0);
    igi_stft s;
    igi_frames f;
    if (ig_numel(y) == 0)
        return IG_OK;
    IG_TRY(igi_stft_set(k, &s));
    IG_TRY(
        igi_frames_begin(k, s.n, ((const igi_onesided_attrs *)k->attrs)->onesided, &f));
    ig_status rc = IG_OK;
    for (int64_t r = 0; r < s.signals * s.frames && rc == IG_OK; r++) {
        igi_frames_load(&f, x,
                        (r / s.frames * s.length + r % s.frames * s.step) * s.parts,
                        s.parts);
        for (int64_t i = 0; window && i < 2 * s.n; i++)
            f.line[i] *= igi_get_f64(ig_dtype_of(window), ig_data(window), i / 2);
        rc = igi_frames_forward(&f);
        igi_frames_store(&f, y, 2 * r * f.bins, f.bins, 2);
    }
    igi_frames_end(&f);
    return rc;
}

static const igi_onesided_attrs two = {sizeof(igi_onesided_attrs), 0};
#define STEP(v_) IGI_IN_NUMBER(IG_INT64, v_)
static const ig_sample samples[] = {
    {.name = "window", IGI_INPUTS(IGI_IN(2, 9, 1), STEP(2), IGI_IN(4))},
    {.name = "frame_length",
     IGI_INPUTS(IGI_IN(1, 8, 1), STEP(3), IGI_IN_ABSENT, IGI_IN_NUMBER(IG_INT64, 5))},
    {.name = "both",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(1, 7, 1), STEP(2), IGI_IN(3), IGI_IN_NUMBER(IG_INT64, 3))},
    {.name = "complex", .attrs = &two, IGI_INPUTS(IGI_IN(1, 6, 2), STEP(2), IGI_IN(4))},
    {.name = "no_parts", IGI_INPUTS(IGI_IN(2, 11), STEP(3), IGI_IN(5))},
    {.name = "no_parts_or_window",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(1, 14), STEP(1), IGI_IN_ABSENT, IGI_IN_NUMBER(IG_INT64, 12))},
    {.name = "many_frames", IGI_INPUTS(IGI_IN(1, 40, 1), STEP(2), IGI_IN(6))},
    {.name = "prime", IGI_INPUTS(IGI_IN(1, 40, 1), STEP(3), IGI_IN(34))},
    {.name = "odd_prime",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(1, 21, 2), STEP(1), IGI_IN(17))},
    {.name = "one_frame", IGI_INPUTS(IGI_IN(1, 6, 1), STEP(9e18), IGI_IN(4))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 6, 1), STEP(2), IGI_IN(4))},
    {0},
};

IG_OPERATOR(STFT) = {
    IG_OP_HEAD,
    .name = "STFT",
    .since = 17,
    .doc = "The discrete Fourier transforms of windowed frames of a signal.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_onesided_options,
    .attrs_size = sizeof(igi_onesided_attrs),
    .infer = stft_infer,
    .gradient = stft_gradient,
    .saves = saves,
    .reference = stft_reference,
    .samples = samples,
};
