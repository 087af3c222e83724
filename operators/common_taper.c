// Windows that are sums of cosines. A symmetric one of a single element is 1; the first
// element of a periodic one is that of any length.

#include "operators/common_taper.h"

#include <inttypes.h>

const ig_port igi_taper_inputs[] = {
    IG_PORT("size", 'I', "A scalar: the length.", .flags = IG_VALUE),
    {0},
};
const ig_port igi_taper_outputs[] = {
    IG_PORT("output", 'T', "A vector of that length.", .flags = IG_NODIFF),
    {0},
};
const ig_type_rule igi_taper_types[] = {
    {'I', IG_T(INT32) | IG_T(INT64)},
    {'T', IG_NUMERIC},
    {0},
};
const ig_attr_def igi_taper_options[] = {
    IG_ATTR_DTYPE(igi_taper_attrs, output_datatype, IG_FLOAT32, "Element type."),
    IG_ATTR_INT(igi_taper_attrs,
                periodic,
                1,
                "1: the first elements of a symmetric window that is one longer; 0: "
                "symmetric.",
                .min = 0,
                .max = 1),
    {0},
};

ig_status igi_infer_size(ig_infer *x, int port, int64_t *out)
{
    const ig_type *t = x->in[port];
    if (t->rank > 1 ||
        (t->rank == 1 && ig_type_dims(t)[0] >= 0 && ig_type_dims(t)[0] != 1))
        return ig_infer_fail(x, "%s must be a scalar", x->op->inputs[port].name);
    int n = ig_infer_ints(x, port, out, 1);
    if (n != 1)
        *out = -1;
    else if (*out < 0 && !igi_is_symbol(x, port, *out))
        return ig_infer_fail(x, "%s is %" PRId64 ", but sizes are >= 0",
                             x->op->inputs[port].name, *out);
    return n == IG_INTS_TOO_MANY ? IG_INVALID_ARGUMENT : IG_OK; // message set
}

ig_status igi_taper_infer(ig_infer *x)
{
    int64_t n = -1;
    IG_TRY(ig_infer_dtype(x, 0, ((const igi_taper_attrs *)x->attrs)->output_datatype));
    if (x->in[0]->rank < 0)
        return ig_infer_fresh(x, 0, 1);
    IG_TRY(igi_infer_size(x, 0, &n));
    return n == -1 ? ig_infer_fresh(x, 0, 1) : ig_infer_set(x, 0, 1, &n);
}

void igi_put_cut(const ig_tensor *t, int64_t i, double v)
{
    ig_dtype type = ig_dtype_of(t);
    igi_put_f64(type, ig_data(t), i, igi_dtype_is_int(type) ? trunc(v) : v);
}

ig_status igi_taper(ig_kernel_ctx *k, double a0, double a1, double a2)
{
    const ig_tensor *y = ig_out(k, 0);
    int64_t n = ig_numel(y);
    int64_t period = ((const igi_taper_attrs *)k->attrs)->periodic ? n : n - 1;
    for (int64_t i = 0; i < n; i++) { /* in this order ends are 0 and the middle is 1 */
        double turn = 6.283185307179586 * (double)i / (double)(period ? period : 1);
        igi_put_cut(y, i, period == 0 ? 1 : a2 * cos(2 * turn) - a1 * cos(turn) + a0);
    }
    return IG_OK;
}

static const igi_taper_attrs symmetric = {sizeof(igi_taper_attrs), IG_FLOAT64, 0};
static const igi_taper_attrs ints = {sizeof(igi_taper_attrs), IG_INT16, 1};
static const igi_taper_attrs half = {sizeof(igi_taper_attrs), IG_FLOAT16, 1};
const ig_sample igi_taper_samples[] = {
    {.name = "periodic", IGI_INPUTS({.rank = 0, .data = (const double[]){10}})},
    {.name = "symmetric",
     .attrs = &symmetric,
     IGI_INPUTS({.rank = 0, .data = (const double[]){9}})},
    {.name = "integers",
     .attrs = &ints,
     IGI_INPUTS({.rank = 0, .data = (const double[]){8}})},
    {.name = "half",
     .attrs = &half,
     IGI_INPUTS({.rank = 0, .data = (const double[]){5}})},
    {.name = "one", IGI_INPUTS({.rank = 0, .data = (const double[]){1}})},
    {.name = "none", IGI_INPUTS({.rank = 0, .data = (const double[]){0}})},
    {0},
};
