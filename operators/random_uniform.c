/* RandomUniform and RandomUniformLike: numbers uniform in [low, high)
 * (common_random.h says from which stream). */
#include "operators/common.h"
#include "operators/common_random.h"

#define LAW(S_)                                                                        \
    IGI_ATTR_LAW(S_, first, "low", 0, "Smallest number."),                             \
        IGI_ATTR_LAW(S_, second, "high", 1, "Bound above; reached by rounding only.")
static const ig_attr_def attrs[] = {LAW(igi_random_attrs), IGI_RANDOM_ATTRS, {0}};
static const ig_attr_def attrs_like[] = {
    LAW(igi_random_like_attrs), IGI_RANDOM_LIKE_ATTRS, {0}};

/* Of both: their attributes begin alike. */
static ig_status uniform_reference(ig_kernel_ctx *k)
{
    const igi_random_like_attrs *a = k->attrs;
    return igi_random_fill(k, a->seed, false, (double)a->first,
                           (double)a->second - (double)a->first);
}

IGI_RANDOM_SAMPLES(samples, .first = -1, .second = 3);

IG_OPERATOR(RandomUniform) = {
    IG_OP_HEAD,
    .name = "RandomUniform",
    .since = 22,
    .doc = "A tensor of numbers uniform in [low, high).",
    .inputs = igi_random_inputs,
    .outputs = igi_random_outputs,
    .types = igi_random_types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_random_attrs),
    .flags = IG_OP_RANDOM,
    .infer = igi_random_infer,
    .gradient = ig_gradient_none,
    .reference = uniform_reference,
    .samples = samples,
};

IG_OPERATOR(RandomUniformLike) = {
    IG_OP_HEAD,
    .name = "RandomUniformLike",
    .since = 22,
    .doc = "Numbers uniform in [low, high), in the shape of a tensor.",
    .inputs = igi_random_like_inputs,
    .outputs = igi_random_outputs,
    .types = igi_random_like_types,
    .attrs = attrs_like,
    .attrs_size = sizeof(igi_random_like_attrs),
    .flags = IG_OP_RANDOM | IG_OP_UNRANKED,
    .infer = igi_random_like_infer,
    .gradient = ig_gradient_none,
    .reference = uniform_reference,
    .samples = samples_like,
};
