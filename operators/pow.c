// Pow: Z = X^Y with NumPy broadcasting; the result has the type of the base.
//
// Floats go through C's pow in double. An integer base with an integer exponent
// multiplies and wraps; a negative exponent gives 1 / X^|Y| truncated (so 0 unless X is
// 1 or -1; 0 for X = 0 too, like an integer division by zero). An integer base with a
// float exponent goes through double, toward zero and saturating.
//
// Gradient: dX = dy Y X^(Y-1), 0 where X = Y = 0; dY = dy Z ln X, 0 where X = 0 and Y
// >= 0. The bases 0 are replaced by 1 before the critical step, so no NaN arises at any
// order.

#include "operators/common.h"

IG_USES_OP(And);
IG_USES_OP(Equal);
IG_USES_OP(Less);
IG_USES_OP(Log);
IG_USES_OP(Mul);
IG_USES_OP(Not);
IG_USES_OP(Pow);
IG_USES_OP(Sub);
IG_USES_OP(Where);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Base."),
    IG_PORT("Y", 'E', "Exponent."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Z",
            'T',
            "Shape of the broadcast, type of the base.",
            .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS | IG_T(INT32) | IG_T(INT64)},
    {'E', IG_NUMERIC},
    {0},
};
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0) | IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(1)),
    IG_SAVE_OUT(0, IG_BIT(1)),
    {0},
};
static const double whole[] = {2, 0, 3};
#define MIXED_(name_, type_)                                                           \
    {                                                                                  \
        .name = name_, .n_in = 2, .in = (const ig_sample_in[])                         \
        {                                                                              \
            {IG_SHAPE_IN(2, 3), .fill = IG_FILL_POSITIVE},                             \
            {                                                                          \
                IG_SHAPE_IN(3), .dtype = type_, .data = whole                          \
            }                                                                          \
        }                                                                              \
    }
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_POSITIVE, IG_FILL_NORMAL, 0),
    MIXED_("int64_exponent", IG_INT64),
    MIXED_("uint8_exponent", IG_UINT8),
    MIXED_("float32_exponent", IG_FLOAT32),
    {.name = "square_of_any_sign",
     .n_in = 2,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(2, 3), .fill = IG_FILL_NONZERO},
                                  {.rank = 0, .dtype = IG_INT64, .data = whole}}},
    {0},
};
#undef MIXED_

static ig_var safe_base(ig_grad *g, ig_var unsafe, ig_var x)
{
    return ig_emit3(g, IG_OP(Where), NULL, unsafe, igi_grad_const(g, 1), x);
}

static ig_var base_gradient(ig_grad *g, ig_var dy, ig_var x, ig_var y, ig_var zero_x)
{
    ig_var zero_y = ig_emit2(g, IG_OP(Equal), NULL, y, igi_grad_const(g, 0));
    ig_var base = safe_base(g, ig_emit2(g, IG_OP(And), NULL, zero_x, zero_y), x);
    ig_var less = ig_emit2(g, IG_OP(Sub), NULL, y, igi_grad_const(g, 1));
    ig_var power = ig_emit2(g, IG_OP(Pow), NULL, base, less);
    return ig_emit2(g, IG_OP(Mul), NULL, dy, ig_emit2(g, IG_OP(Mul), NULL, y, power));
}

static ig_var
exponent_gradient(ig_grad *g, ig_var dy, ig_var x, ig_var y, ig_var zero_x)
{
    ig_var negative = ig_emit2(g, IG_OP(Less), NULL, y, igi_grad_const(g, 0));
    ig_var calm = ig_emit1(g, IG_OP(Not), NULL, negative);
    ig_var base = safe_base(g, ig_emit2(g, IG_OP(And), NULL, zero_x, calm), x);
    ig_var log = ig_emit1(g, IG_OP(Log), NULL, base);
    ig_var slope = ig_emit2(g, IG_OP(Mul), NULL, ig_grad_out(g, 0), log);
    return ig_emit2(g, IG_OP(Mul), NULL, dy, slope);
}

static ig_status pow_gradient(ig_grad *g)
{
    ig_dtype type = (ig_dtype)ig_grad_in_type(g, 0)->dtype;
    ig_var dy = ig_grad_dy(g, 0), x = ig_grad_in(g, 0);
    ig_var y = igi_emit_cast(g, ig_grad_in(g, 1), type);
    ig_var zero_x = ig_emit2(g, IG_OP(Equal), NULL, x, igi_grad_const(g, 0));
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, base_gradient(g, dy, x, y, zero_x));
    if (ig_grad_wants(g, 1) && igi_grad_is_float(g, 1)) {
        ig_var de = exponent_gradient(g, dy, x, y, zero_x);
        ig_grad_set(g, 1, igi_emit_cast(g, de, (ig_dtype)ig_grad_in_type(g, 1)->dtype));
    }
    return IG_OK;
}

// Square and multiply, wrapping.
static int64_t power_of(int64_t base, uint64_t exponent)
{
    int64_t r = 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            r = igi_wrap_mul(r, base);
        base = igi_wrap_mul(base, base);
    }
    return r;
}

static int64_t integer_power(int64_t base, int64_t exponent)
{
    if (exponent >= 0)
        return power_of(base, (uint64_t)exponent);
    if (base == -1)
        return exponent % 2 ? -1 : 1;
    return base == 1;
}

static void put_integer(ig_dtype type, void *p, int64_t i, int64_t v)
{
    if (type == IG_INT32)
        ((int32_t *)p)[i] = (int32_t)v;
    else
        ((int64_t *)p)[i] = v;
}

static void put_truncated(ig_dtype type, void *p, int64_t i, double v)
{
    int64_t n = igi_f64_to_i64(v);
    if (type == IG_INT32)
        n = n > INT32_MAX ? INT32_MAX : n < INT32_MIN ? INT32_MIN : n;
    put_integer(type, p, i, n);
}

static ig_status pow_reference(ig_kernel_ctx *k)
{
    const ig_tensor *t[3] = {ig_out(k, 0), ig_in(k, 0), ig_in(k, 1)};
    const ig_dtype tx = ig_dtype_of(t[1]), ty = ig_dtype_of(t[2]);
    const bool whole_base = igi_dtype_is_int(tx), whole_power = igi_dtype_is_int(ty);
    void *z = ig_data(t[0]);
    const void *x = ig_data(t[1]), *y = ig_data(t[2]);
    igi_walk w;
    for (igi_walk_tensors(&w, t[0], t, 3); w.rows > 0; igi_walk_next(&w))
        for (int64_t i = 0; i < w.inner; i++) {
            int64_t iz = w.at[0] + i * w.step[0], ix = w.at[1] + i * w.step[1];
            int64_t iy = w.at[2] + i * w.step[2];
            if (whole_base && ty == IG_UINT64)
                put_integer(
                    tx, z, iz,
                    power_of(igi_get_i64(tx, x, ix), ((const uint64_t *)y)[iy]));
            else if (whole_base && whole_power)
                put_integer(
                    tx, z, iz,
                    integer_power(igi_get_i64(tx, x, ix), igi_get_i64(ty, y, iy)));
            else if (whole_base)
                put_truncated(tx, z, iz,
                              pow(igi_get_f64(tx, x, ix), igi_get_f64(ty, y, iy)));
            else
                igi_put_f64(tx, z, iz,
                            pow(igi_get_f64(tx, x, ix), igi_get_f64(ty, y, iy)));
        }
    return IG_OK;
}

IG_OPERATOR(Pow) = {
    IG_OP_HEAD,
    .name = "Pow",
    .since = 15,
    .doc = "Z = X^Y, elementwise with broadcasting, in the type of X. Integers wrap "
           "around; negative exponents of integers give 1 / X^|Y| truncated.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = pow_gradient,
    .saves = saves,
    .reference = pow_reference,
    .samples = samples,
};
