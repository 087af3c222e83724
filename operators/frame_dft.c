// FrameDft: the discrete Fourier transform of each frame, as STFT applies it.

#include "operators/common_frames.h"

IG_USES_OP(FrameDftGrad);

static const ig_port inputs[] = {
    IG_PORT(
        "frames", 'T', "[N, frames, n, 1 or 2]: real, or real and imaginary parts."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "[N, frames, bins, 2]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status frame_dft_infer(ig_infer *x)
{
    bool onesided = ((const igi_onesided_attrs *)x->attrs)->onesided;
    const int64_t *in = ig_type_dims(x->in[0]);
    if (x->in[0]->rank != 4 || in[3] == 0 || in[3] > 2)
        return ig_infer_fail(x, "frames must be [N, frames, n, 1 or 2]");
    const int64_t dims[4] = {in[0], in[1], igi_frames_bins(x->syms, in[2], onesided),
                             2};
    return ig_infer_set(x, 0, 4, dims);
}

static ig_status frame_dft_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(FrameDftGrad), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in_shape(g, 0)));
    return IG_OK;
}

static ig_status frame_dft_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_frames f;
    if (ig_numel(y) == 0)
        return IG_OK;
    int64_t n = ig_dims(x)[2], parts = ig_dims(x)[3],
            rows = ig_dims(x)[0] * ig_dims(x)[1];
    IG_TRY(
        igi_frames_begin(k, n, ((const igi_onesided_attrs *)k->attrs)->onesided, &f));
    ig_status rc = IG_OK;
    for (int64_t r = 0; r < rows && rc == IG_OK; r++) {
        igi_frames_load(&f, x, r * n * parts, parts);
        rc = igi_frames_forward(&f);
        igi_frames_store(&f, y, 2 * r * f.bins, f.bins, 2);
    }
    igi_frames_end(&f);
    return rc;
}

static const igi_onesided_attrs two = {sizeof(igi_onesided_attrs), 0};
static const ig_sample samples[] = {
    {.name = "real", IGI_INPUTS(IGI_IN(1, 2, 5, 1))},
    {.name = "complex", .attrs = &two, IGI_INPUTS(IGI_IN(2, 1, 4, 2))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2, 5, 1))},
    {0},
};

IG_OPERATOR(FrameDft) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "FrameDft",
    .since = 1,
    .doc = "The discrete Fourier transform of each frame.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_onesided_options,
    .attrs_size = sizeof(igi_onesided_attrs),
    .infer = frame_dft_infer,
    .gradient = frame_dft_gradient,
    .reference = frame_dft_reference,
    .samples = samples,
};
