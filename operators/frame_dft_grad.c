// FrameDftGrad: the transpose of the transform that STFT applies to each frame.

#include "operators/common_frames.h"

IG_USES_OP(FrameDft);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "[N, frames, bins, 2]."),
    IG_PORT(
        "shape", 'I', "Dims of the frames, [N, frames, n, 1 or 2].", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {IG_PORT("dx", 'T', "Of dims `shape`."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};

static ig_status frame_dft_grad_infer(ig_infer *x)
{
    return igi_infer_listed(x, 1);
}

static ig_status frame_dft_grad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_emit1(g, IG_OP(FrameDft), ig_grad_attrs(g), ig_grad_dy(g, 0)));
    return IG_OK;
}

static ig_status frame_dft_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    igi_frames f;
    if (ig_rank(dx) != 4 || ig_rank(dy) != 4)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "dy and shape must be of rank 4");
    if (ig_numel(dx) == 0)
        return IG_OK;
    int64_t n = ig_dims(dx)[2], parts = ig_dims(dx)[3],
            rows = ig_dims(dx)[0] * ig_dims(dx)[1];
    IG_TRY(
        igi_frames_begin(k, n, ((const igi_onesided_attrs *)k->attrs)->onesided, &f));
    ig_status rc = IG_OK;
    if (parts > 2 || ig_numel(dy) != rows * f.bins * 2)
        rc = ig_kernel_fail(k, IG_INVALID_ARGUMENT, "dy does not fit shape");
    for (int64_t r = 0; r < rows && rc == IG_OK; r++) {
        for (int64_t i = 0; i < 2 * f.bins; i++)
            f.line[i] = igi_get_f64(ig_dtype_of(dy), ig_data(dy), 2 * r * f.bins + i);
        rc = igi_frames_back(&f);
        igi_frames_store(&f, dx, r * n * parts, n, parts);
    }
    igi_frames_end(&f);
    return rc;
}

static const igi_onesided_attrs two = {sizeof(igi_onesided_attrs), 0};
static const ig_sample samples[] = {
    {.name = "real", IGI_INPUTS(IGI_IN(1, 2, 3, 2), IGI_IN_INTS(1, 2, 5, 1))},
    {.name = "complex",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(2, 1, 4, 2), IGI_IN_INTS(2, 1, 4, 2))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2, 3, 2), IGI_IN_INTS(0, 2, 5, 1))},
    {0},
};

IG_OPERATOR(FrameDftGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "FrameDftGrad",
    .since = 1,
    .doc = "The transpose of FrameDft.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_onesided_options,
    .attrs_size = sizeof(igi_onesided_attrs),
    .infer = frame_dft_grad_infer,
    .gradient = frame_dft_grad_gradient,
    .reference = frame_dft_grad_reference,
    .samples = samples,
};
