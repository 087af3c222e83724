// Range: start, start + delta, ... up to but without limit.
//
//   length = max(ceil((limit - start) / delta), 0), element i = start + i * delta
//
// Integers count exactly in unsigned arithmetic, so that no difference overflows.
// Floats are counted in the type that elements are computed in: float for float32 and
// below, double for float64; stash_type may make the half types compute in themselves
// or in double.

#include <inttypes.h>

#include "operators/common_move.h"

typedef struct range_attrs {
    uint32_t struct_size;
    int64_t stash_type;
} range_attrs;

static const ig_port inputs[] = {
    IG_PORT("start", 'T', "First element.", .flags = IG_VALUE),
    IG_PORT("limit", 'T', "Bound that is not reached.", .flags = IG_VALUE),
    IG_PORT("delta", 'T', "Step, not zero.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "A vector.", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS | IG_T(INT16) | IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        range_attrs,
        stash_type,
        IG_FLOAT32,
        "Computing type of the half types: 1 float32, 11 float64, or themselves."),
    {0},
};

// How floats of this type are computed: in double, in float, or rounded after each
// step.
typedef enum mode { IN_DOUBLE, IN_FLOAT, IN_HALF } mode;

static mode mode_of(ig_dtype dtype, int64_t stash)
{
    bool half = dtype == IG_FLOAT16 || dtype == IG_BFLOAT16;
    if (dtype == IG_FLOAT64 || (half && stash == IG_FLOAT64))
        return IN_DOUBLE;
    return half && stash == dtype ? IN_HALF : IN_FLOAT;
}

static double rounded(ig_dtype dtype, mode m, double v)
{
    if (m == IN_DOUBLE)
        return v;
    float f = (float)v;
    if (m == IN_HALF)
        f = dtype == IG_FLOAT16 ? igi_f16_to_f32(igi_f32_to_f16(f))
                                : igi_bf16_to_f32(igi_f32_to_bf16(f));
    return (double)f;
}

enum { ZERO_DELTA = -1, NOT_FINITE = -2, TOO_LONG = -3 };

static int64_t int_length(int64_t start, int64_t limit, int64_t delta)
{
    uint64_t gap, by;
    if (delta == 0)
        return ZERO_DELTA;
    if (delta > 0 ? start >= limit : start <= limit)
        return 0;
    gap = delta > 0 ? (uint64_t)limit - (uint64_t)start
                    : (uint64_t)start - (uint64_t)limit;
    by = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    gap = (gap - 1) / by + 1;
    return gap > INT64_MAX ? TOO_LONG : (int64_t)gap;
}

static int64_t
float_length(ig_dtype dtype, mode m, double start, double limit, double delta)
{
    if (delta == 0.0)
        return ZERO_DELTA;
    double n = ceil(rounded(dtype, m, rounded(dtype, m, limit - start) / delta));
    if (n != n)
        return NOT_FINITE;
    if (n <= 0)
        return 0;
    return n < 0x1p62 ? (int64_t)n : TOO_LONG;
}

static ig_status set_length(ig_infer *x, int64_t n)
{
    if (n == ZERO_DELTA)
        return ig_infer_fail(x, "delta is 0");
    if (n == NOT_FINITE)
        return ig_infer_fail(x,
                             "the length is not a number: start, limit or delta is NaN "
                             "or infinite");
    if (n == TOO_LONG)
        return ig_fail(IG_LIMIT, "Range: the length exceeds 2^62 elements");
    return ig_infer_set(x, 0, 1, &n);
}

// Start, limit and delta of propagated integers; *symbolic when one is no number.
static bool listed(ig_infer *x, int64_t v[3], bool *symbolic)
{
    *symbolic = false;
    for (int i = 0; i < 3; i++) {
        if (igi_move_ints(x, i, &v[i], 1) != 1)
            return false;
        *symbolic = *symbolic || (x->syms && ig_dim_is_symbol(v[i]));
    }
    return true;
}

// The same from tensors at hand, floats too.
static bool at_hand(ig_infer *x, int64_t v[3], double f[3])
{
    for (int i = 0; i < 3; i++) {
        ig_tensor *known =
            x->known && x->known[i] ? ig_value_tensor(x->known[i]) : NULL;
        if (!known || !ig_data(known) || ig_numel(known) != 1)
            return false;
        v[i] = igi_get_i64(ig_dtype_of(known), ig_data(known), 0);
        f[i] = igi_get_f64(ig_dtype_of(known), ig_data(known), 0);
    }
    return true;
}

static ig_status symbolic_length(ig_infer *x, const int64_t v[3])
{
    int64_t n = -1;
    if (v[2] == 1 && ig_dim_is_symbol(v[0]))
        n = ig_dim_sub(x->syms, v[1], v[0]);
    else if (v[2] == 1)
        n = v[0] == 0 ? v[1] : igi_dim_plus(x, v[1], -v[0]);
    if (n != -1)
        n = ig_dim_max(x->syms, n, 0);
    return n == -1 ? ig_infer_fresh(x, 0, 1) : ig_infer_set(x, 0, 1, &n);
}

static ig_status range_infer(ig_infer *x)
{
    int64_t stash = ((const range_attrs *)x->attrs)->stash_type, v[3];
    ig_dtype dtype = (ig_dtype)x->in[0]->dtype;
    bool is_float = IG_FLOATS >> dtype & 1, symbolic;
    double f[3];
    if (IG_F16S >> dtype & 1 && stash != IG_FLOAT32 && stash != IG_FLOAT64 &&
        stash != dtype)
        return ig_infer_fail(x, "stash_type %" PRId64 " is not supported", stash);
    for (int i = 0; i < 3; i++)
        if (x->in[i]->rank > 1 ||
            (x->in[i]->rank == 1 && ig_type_dims(x->in[i])[0] >= 0 &&
             ig_type_dims(x->in[i])[0] != 1))
            return ig_infer_fail(x, "%s must be a scalar", x->op->inputs[i].name);
    if (at_hand(x, v, f))
        return set_length(
            x, is_float ? float_length(dtype, mode_of(dtype, stash), f[0], f[1], f[2])
                        : int_length(v[0], v[1], v[2]));
    if (is_float || !listed(x, v, &symbolic))
        return ig_infer_fresh(x, 0, 1);
    return symbolic ? symbolic_length(x, v)
                    : set_length(x, int_length(v[0], v[1], v[2]));
}

static int range_values(ig_infer *x, int64_t *out, int cap)
{
    int64_t v[3];
    bool symbolic;
    if (IG_FLOATS >> x->in[0]->dtype & 1 || !listed(x, v, &symbolic) || symbolic)
        return IG_INTS_UNKNOWN;
    int64_t n = int_length(v[0], v[1], v[2]);
    if (n < 0 || n > cap)
        return IG_INTS_UNKNOWN;
    for (int64_t i = 0; i < n; i++)
        out[i] = igi_wrap_add(v[0], igi_wrap_mul(i, v[2]));
    return (int)n;
}

static ig_status range_reference(ig_kernel_ctx *k)
{
    ig_tensor *y = ig_out(k, 0);
    ig_dtype dtype = ig_dtype_of(y);
    mode m = mode_of(dtype, ((const range_attrs *)k->attrs)->stash_type);
    int64_t n = ig_numel(y);
    if (IG_FLOATS >> dtype & 1) {
        double start = igi_scalar_f64(ig_in(k, 0), 0),
               delta = igi_scalar_f64(ig_in(k, 2), 0);
        for (int64_t i = 0; i < n; i++) {
            double step = rounded(dtype, m, rounded(dtype, m, (double)i) * delta);
            igi_put_f64(dtype, ig_data(y), i, rounded(dtype, m, start + step));
        }
    } else {
        int64_t start = igi_scalar_i64(ig_in(k, 0), 0),
                delta = igi_scalar_i64(ig_in(k, 2), 0);
        for (int64_t i = 0; i < n; i++)
            igi_put_i64(dtype, ig_data(y), i,
                        igi_wrap_add(start, igi_wrap_mul(i, delta)));
    }
    return IG_OK;
}

#define NUMBER(v_)                                                                     \
    {                                                                                  \
        .rank = 0, .data = (const double[])                                            \
        {                                                                              \
            v_                                                                         \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "up", IGI_INPUTS(NUMBER(1), NUMBER(10), NUMBER(3))},
    {.name = "down", IGI_INPUTS(NUMBER(10), NUMBER(4), NUMBER(-2))},
    {.name = "empty", IGI_INPUTS(NUMBER(3), NUMBER(3), NUMBER(1))},
    {.name = "wrong_way", IGI_INPUTS(NUMBER(3), NUMBER(8), NUMBER(-1))},
    {.name = "fractions",
     .types = IG_FLOATS,
     IGI_INPUTS(NUMBER(0.5), NUMBER(3), NUMBER(0.75))},
    {0},
};

IG_OPERATOR(Range) = {
    IG_OP_HEAD,
    .name = "Range",
    .since = 27,
    .doc = "start, start + delta, ... up to but without limit, as a vector.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(range_attrs),
    .infer = range_infer,
    .values = range_values,
    .gradient = ig_gradient_none,
    .reference = range_reference,
    .samples = samples,
};
