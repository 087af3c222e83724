// Hardmax: 1 at the first maximum along an axis, 0 elsewhere. NaN counts as the
// maximum. Its derivative is 0 wherever there is one.

#include "operators/common_softmax.h"

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status hardmax_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_lines l = igi_lines_of(x, ((const igi_axis_attrs *)k->attrs)->axis);
    IGI_EACH_FLOAT(k, ig_dtype_of(x), {
        for (int64_t j = 0; j < l.count && l.n > 0; j++) {
            int64_t at = igi_lines_at(&l, j), best = 0;
            double most = igi_load(T, ig_data(x), at);
            for (int64_t i = 1; i < l.n; i++) {
                double v = igi_load(T, ig_data(x), at + i * l.step);
                if (v > most || (v != v && most == most)) {
                    most = v;
                    best = i;
                }
            }
            for (int64_t i = 0; i < l.n; i++)
                igi_store(T, ig_data(y), at + i * l.step, i == best);
        }
    })
    return IG_OK;
}

IG_OPERATOR(Hardmax) = {
    IG_OP_HEAD,
    .name = "Hardmax",
    .since = 13,
    .doc = "1 at the first maximum along `axis`, 0 elsewhere. The gradient is 0.",
    .inputs = igi_softmax_inputs,
    .outputs = igi_softmax_outputs,
    .types = types,
    .attrs = igi_softmax_options,
    .attrs_size = sizeof(igi_axis_attrs),
    .infer = igi_softmax_infer,
    .gradient = ig_gradient_none,
    .reference = hardmax_reference,
    .samples = igi_softmax_samples,
};
