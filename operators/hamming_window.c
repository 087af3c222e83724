// HammingWindow: y[i] = 25/46 - 21/46 cos(2 pi i / n).

#include "operators/common_taper.h"

static ig_status hamming_window_reference(ig_kernel_ctx *k)
{
    return igi_taper(k, 25.0 / 46, 21.0 / 46, 0);
}

IG_OPERATOR(HammingWindow) = {
    IG_OP_HEAD,
    .name = "HammingWindow",
    .since = 17,
    .doc = "A Hamming window: a raised cosine that ends above 0.",
    .inputs = igi_taper_inputs,
    .outputs = igi_taper_outputs,
    .types = igi_taper_types,
    .attrs = igi_taper_options,
    .attrs_size = sizeof(igi_taper_attrs),
    .infer = igi_taper_infer,
    .gradient = ig_gradient_none,
    .reference = hamming_window_reference,
    .samples = igi_taper_samples,
};
