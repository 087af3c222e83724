// StringConcat: Z = X followed by Y, elementwise with broadcasting.

#include "operators/common_string.h"

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Begins each string."),
    IG_PORT("Y", 'T', "Ends each string."),
    {0},
};
static const ig_port outputs[] = {IG_PORT("Z", 'T', "Shape of the broadcast."), {0}};
static const ig_type_rule types[] = {{'T', IG_T(STRING)}, {0}};
static const ig_sample samples[] = {IGI_SAMPLES_BINARY(NULL, 0, 0, 0), {0}};

static ig_status string_concat_reference(ig_kernel_ctx *k)
{
    const ig_tensor *t[3] = {ig_out(k, 0), ig_in(k, 0), ig_in(k, 1)};
    igi_pace pace = igi_pace_of(k);
    igi_walk w;
    for (igi_walk_tensors(&w, t[0], t, 3); w.rows > 0; igi_walk_next(&w))
        for (int64_t i = 0; i < w.inner; i++) {
            igi_str **to = (igi_str **)ig_data(t[0]) + w.at[0] + i * w.step[0];
            const igi_str *a = ((igi_str **)ig_data(t[1]))[w.at[1] + i * w.step[1]],
                          *b = ((igi_str **)ig_data(t[2]))[w.at[2] + i * w.step[2]];
            const size_t text = (a ? a->length : 0) + (size_t)(b ? b->length : 0);
            IG_TRY(igi_pace_go(&pace, igi_string_work(text)));
            IG_TRY(igi_string_join(k, to, a, b));
        }
    return IG_OK;
}

IG_OPERATOR(StringConcat) = {
    IG_OP_HEAD,
    .name = "StringConcat",
    .since = 20,
    .doc = "Z = X followed by Y, elementwise with broadcasting.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = ig_gradient_none,
    .reference = string_concat_reference,
    .samples = samples,
};
