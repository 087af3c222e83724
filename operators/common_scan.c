// Running sums and products along an axis.

#include "operators/common_scan.h"

#include <inttypes.h>

#include "operators/common_grad.h"

IG_USES_OP(Pad);

const ig_port igi_cum_inputs[] = {
    IG_PORT("x", 'T', "Tensor of rank >= 1."),
    IG_PORT("axis", 'I', "A scalar: the axis, -rank to rank - 1."),
    {0},
};
const ig_port igi_cum_outputs[] = {
    IG_PORT("y", 'T', "Same shape as x.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
const ig_type_rule igi_cum_types[] = {
    {'T', IGI_SUMMABLE},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
const ig_attr_def igi_cum_options[] = {
    IG_ATTR_INT(igi_cum_attrs,
                exclusive,
                0,
                "1: an element's own value is left out.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(igi_cum_attrs,
                reverse,
                0,
                "1: from the end of the axis to its beginning.",
                .min = 0,
                .max = 1),
    {0},
};

ig_status
igi_scan_lines(const ig_kernel_ctx *k, const ig_tensor *t, int port, igi_lines *l)
{
    const ig_tensor *axis = ig_in(k, port);
    int rank = ig_rank(t);
    *l = (igi_lines){0};
    if (ig_numel(axis) != 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "axis must be one number");
    int64_t a = igi_scalar_i64(axis, 0);
    if (igi_index(a, rank) < 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axis %" PRId64 " is outside [-%d, %d]", a, rank,
                              rank - 1);
    *l = igi_lines_of(t, a);
    return IG_OK;
}

// `sum` is in double for floats, in uint64_t for integers: those wrap. Each element is
// read before it is written, since y may be x.
#define CUM_CASE(dtype_, T_, C_, LOAD_, STORE_, S_)                                    \
    case dtype_: {                                                                     \
        const T_ *from = ig_data(x);                                                   \
        T_ *to = ig_data(y);                                                           \
        for (int64_t j = 0; j < l.count; j++) {                                        \
            int64_t at = igi_lines_at(&l, j) + (o->reverse ? (l.n - 1) * l.step : 0);  \
            S_ sum = product;                                                          \
            for (int64_t i = 0; i < l.n; i++, at += step) {                            \
                S_ v = (S_)LOAD_(from, at), next = product ? sum * v : sum + v;        \
                STORE_(T_, to, at, o->exclusive ? sum : next);                         \
                sum = next;                                                            \
            }                                                                          \
        }                                                                              \
        return IG_OK;                                                                  \
    }

ig_status igi_cumulate(ig_kernel_ctx *k, bool product)
{
    const igi_cum_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_lines l;
    IG_TRY(igi_scan_lines(k, x, 1, &l));
    int64_t step = o->reverse ? -l.step : l.step;
    switch (ig_dtype_of(x)) {
        IGI_FLOAT_ROWS(CUM_CASE, double)
        IGI_INTEGER_ROWS(CUM_CASE, uint64_t)
    default:
        return igi_bad_dtype(k, ig_dtype_of(x));
    }
}

ig_var igi_emit_shift(ig_grad *g, ig_var v, ig_var axis, bool reverse, bool later)
{
    const int64_t pads[2] = {later != reverse ? 1 : -1, later != reverse ? -1 : 1};
    const ig_var in[4] = {v,
                          ig_grad_ints(g, pads, 2),
                          {0},
                          igi_emit_unsqueeze(g, axis, (const int64_t[]){0}, 1)};
    ig_var out = {0};
    (void)ig_emit_n(g, IG_OP(Pad), NULL, in, 4, &out, 1);
    return out;
}

static const igi_cum_attrs exclusive = {sizeof(igi_cum_attrs), 1, 0};
static const igi_cum_attrs reverse = {sizeof(igi_cum_attrs), 0, 1};
static const igi_cum_attrs both = {sizeof(igi_cum_attrs), 1, 1};
#define AXIS(type_, v_) IGI_IN_NUMBER(type_, v_)
const ig_sample igi_cum_samples[] = {
    {.name = "last", IGI_INPUTS(IGI_IN(3, 4), AXIS(IG_INT64, -1))},
    {.name = "middle", IGI_INPUTS(IGI_IN(2, 5, 3), AXIS(IG_INT32, 1))},
    {.name = "exclusive",
     .attrs = &exclusive,
     IGI_INPUTS(IGI_IN(4, 2), AXIS(IG_INT64, 0))},
    {.name = "reverse", .attrs = &reverse, IGI_INPUTS(IGI_IN(2, 4), AXIS(IG_INT64, 1))},
    {.name = "exclusive_reverse",
     .attrs = &both,
     IGI_INPUTS(IGI_IN(5), AXIS(IG_INT64, 0))},
    {.name = "zeros",
     IGI_INPUTS({IG_SHAPE_IN(6), .data = (const double[]){2, 0, 3, 0, 5, 1}},
                AXIS(IG_INT64, 0))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(3, 1), AXIS(IG_INT64, 1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 3), AXIS(IG_INT64, 1))},
    {.name = "empty_axis", IGI_INPUTS(IGI_IN(2, 0), AXIS(IG_INT64, 1))},
    {0},
};
