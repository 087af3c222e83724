// HannWindow: y[i] = 0.5 - 0.5 cos(2 pi i / n).

#include "operators/common_taper.h"

static ig_status hann_window_reference(ig_kernel_ctx *k)
{
    return igi_taper(k, 0.5, 0.5, 0);
}

IG_OPERATOR(HannWindow) = {
    IG_OP_HEAD,
    .name = "HannWindow",
    .since = 17,
    .doc = "A Hann window: a raised cosine.",
    .inputs = igi_taper_inputs,
    .outputs = igi_taper_outputs,
    .types = igi_taper_types,
    .attrs = igi_taper_options,
    .attrs_size = sizeof(igi_taper_attrs),
    .infer = igi_taper_infer,
    .gradient = ig_gradient_none,
    .reference = hann_window_reference,
    .samples = igi_taper_samples,
};
