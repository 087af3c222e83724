/* Halve: y = x / 2, a small operator that each file of this folder breaks in one way.
 * A file overrides one of the macros below before the include. */
#ifndef TESTS_PLUGINS_BROKEN_H
#define TESTS_PLUGINS_BROKEN_H

#include <ingot/plugin.h>

IG_PLUGIN("broken", 1);
IG_USES_OP(Mul);

#ifndef BROKEN_TYPES
#define BROKEN_TYPES (IG_T(FLOAT32) | IG_T(FLOAT64))
#endif
#ifndef BROKEN_SLOPE
#define BROKEN_SLOPE 0.5
#endif
#ifndef BROKEN_EXTRA
#define BROKEN_EXTRA 0 /* elements written beyond the output */
#endif
#ifndef BROKEN_LEAK
#define BROKEN_LEAK() (void)0
#endif
#ifndef BROKEN_ROWS
#define BROKEN_ROWS(n_) (n_) /* inferred for n of them */
#endif

static const ig_port inputs[] = {IG_PORT("x", 'T', "Input tensor."), {0}};
static const ig_port outputs[] = {IG_PORT("y", 'T', "Half of x."), {0}};
static const ig_type_rule types[] = {{'T', BROKEN_TYPES}, {0}};

static ig_status halve_infer(ig_infer *x)
{
    const ig_type *t = x->in[0];
    int64_t dims[IG_RANK_MAX];
    for (int i = 0; i < t->rank; i++)
        dims[i] = i ? ig_type_dims(t)[i] : BROKEN_ROWS(ig_type_dims(t)[i]);
    return ig_infer_set(x, 0, t->rank, dims);
}

static ig_status halve_gradient(ig_grad *g)
{
    ig_dtype type = (ig_dtype)ig_grad_in_type(g, 0)->dtype;
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0),
                         ig_grad_scalar(g, type, BROKEN_SLOPE)));
    return IG_OK;
}

static ig_status halve_reference(ig_kernel_ctx *k)
{
    int64_t n = ig_numel(ig_in(k, 0)) ? ig_numel(ig_in(k, 0)) + BROKEN_EXTRA : 0;
    const void *x = ig_data(ig_in(k, 0));
    void *y = ig_data(ig_out(k, 0));
    BROKEN_LEAK();
    for (int64_t i = 0; i < n; i++)
        if (ig_dtype_of(ig_in(k, 0)) == IG_FLOAT64)
            ((double *)y)[i] = ((const double *)x)[i] / 2;
        else if (ig_dtype_of(ig_in(k, 0)) == IG_FLOAT32)
            ((float *)y)[i] = ((const float *)x)[i] / 2;
        else
            ((uint16_t *)y)[i] = (uint16_t)(((const uint16_t *)x)[i] / 2);
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "matrix", .n_in = 1, .in = (const ig_sample_in[]){{IG_SHAPE_IN(3, 4)}}},
    {.name = "one", .n_in = 1, .in = (const ig_sample_in[]){{IG_SHAPE_IN(1)}}},
    {.name = "empty", .n_in = 1, .in = (const ig_sample_in[]){{IG_SHAPE_IN(0, 2)}}},
    {0}};

IG_OPERATOR(Halve) = {
    IG_OP_HEAD,
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
    .samples = samples,
};
IG_PLUGIN_OPS(Halve);

#endif
