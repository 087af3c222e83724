/* As a newer version built it: a longer descriptor, whose new member is zero or, with
 * NEW_MEMBER, used. */
#include <ingot/plugin.h>

#ifndef NEW_MEMBER
#define NEW_MEMBER 0
#endif
typedef struct newer_op_def {
    struct ig_op_def op;
    uint64_t member;
} newer_op_def;

#define Halve Halve_short
#undef IG_PLUGIN_OPS
#define IG_PLUGIN_OPS(...) _Static_assert(1, "below")
#include "tests/plugins/broken.h"
#undef Halve

static const newer_op_def newer = {.op = {.struct_size = sizeof(newer_op_def),
                                          .domain = "broken",
                                          .name = "Halve",
                                          .since = 1,
                                          .doc = "y = x / 2.",
                                          .inputs = inputs,
                                          .outputs = outputs,
                                          .types = types,
                                          .infer = halve_infer,
                                          .gradient = halve_gradient,
                                          .reference = halve_reference,
                                          .samples = samples},
                                   .member = NEW_MEMBER};
static const ig_op_def *const ops[] = {&newer.op, NULL};
IG_PLUGIN_EXPORT(.ops = ops);
