// Mod: c = a mod b with NumPy broadcasting.
//
// fmod = 0: integers only, the sign is the divisor's (Python's %). fmod = 1: C's fmod,
// also for integers; the sign is the dividend's. A zero divisor gives 0 for integers,
// NaN for floats, and anything mod -1 is 0. Gradient of fmod: da = dy, db = -dy trunc(a
// / b), written as (a - c) / b so that it holds at the second order too.

#include "operators/common.h"

IG_USES_OP(Div);
IG_USES_OP(Mul);
IG_USES_OP(Neg);
IG_USES_OP(Sub);

typedef struct {
    uint32_t struct_size;
    int64_t fmod;
} mod_attrs;
static const ig_attr_def attrs[] = {
    {.name = "fmod",
     .kind = IG_A_INT,
     .offset = IG_FIELD(int64_t, mod_attrs, fmod),
     .doc = "1: C's fmod; 0: Python's %, integers only.",
     .max = 1},
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("A", 'T', "Dividend."),
    IG_PORT("B", 'T', "Divisor."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("C", 'T', "Remainder.", .alias = IG_MAY_ALIAS(0, 1)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(1)),
    IG_SAVE_OUT(0, IG_BIT(1)),
    {0},
};
static const mod_attrs truncated = {sizeof(mod_attrs), 1};
// Quotients stay away from whole numbers, where fmod jumps.
static const double dividend[] = {5.25, -5.25, 7.5, -1.25, 0.75, 9.25};
static const double divisor[] = {2, 2, -3, 3, -4, 5};
// Quotients far from 1, and what has no remainder or is it.
static const double far_dividend[] = {3e9, -3e38, 1e-40, 6, -6, 0, 5, 1e30};
static const double far_divisor[] = {7, 1e-3, 1e-41, 3, 3, 2, 1e30, 0.7};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_NORMAL, IG_FILL_NONZERO, IG_INTEGERS),
    IGI_SAMPLES_BINARY(&truncated, IG_FILL_NORMAL, IG_FILL_NONZERO, IG_INTEGERS),
    {.name = "fmod",
     .attrs = &truncated,
     .n_in = 2,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(2, 3), .data = dividend},
                                  {IG_SHAPE_IN(2, 3), .data = divisor}}},
    {.name = "fmod_far",
     .attrs = &truncated,
     .types = IG_T(FLOAT32),
     .no_gradient = true,
     .n_in = 2,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(8), .data = far_dividend},
                                  {IG_SHAPE_IN(8), .data = far_divisor}}},
    {.name = "fmod_broadcast",
     .attrs = &truncated,
     .n_in = 2,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(6), .data = dividend},
                                  {.rank = 0, .data = divisor}}},
    {0},
};

static bool is_fmod(const void *a)
{
    return ((const mod_attrs *)a)->fmod != 0;
}

static ig_status mod_infer(ig_infer *x)
{
    if (!is_fmod(x->attrs) && (IG_FLOATS >> x->in[0]->dtype & 1))
        return ig_infer_fail(x, "floats need fmod = 1; fmod = 0 takes integers");
    return ig_infer_broadcast(x);
}

static int64_t mod_dim(ig_symtab *s, int64_t a, int64_t b)
{
    return a >= 0 && b > 0 ? a % b : ig_int_fresh(s);
}

static int mod_values(ig_infer *x, int64_t *out, int cap)
{
    return ig_values_binary(x, out, cap, mod_dim);
}

static ig_status mod_gradient(ig_grad *g)
{
    ig_var dy = ig_grad_dy(g, 0);
    ig_grad_set(g, 0, dy);
    if (ig_grad_wants(g, 1)) {
        ig_var whole =
            ig_emit2(g, IG_OP(Sub), NULL, ig_grad_in(g, 0), ig_grad_out(g, 0));
        ig_var n = ig_emit2(g, IG_OP(Div), NULL, whole, ig_grad_in(g, 1));
        ig_var db = ig_emit2(g, IG_OP(Mul), NULL, dy, n);
        ig_grad_set(g, 1, ig_emit1(g, IG_OP(Neg), NULL, db));
    }
    return IG_OK;
}

static int64_t remainder_of(int64_t a, int64_t b, bool truncate)
{
    if (b == 0 || b == -1) // MIN % -1 would trap
        return 0;
    int64_t r = a % b;
    return !truncate && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static ig_status mod_reference(ig_kernel_ctx *k)
{
    const bool truncate = is_fmod(k->attrs);
    IGI_BINARY(k, IGI_CASES2_FLOAT(fmod(a, b))
                      IGI_CASES2_SIGNED(remainder_of(a, b, truncate))
                          IGI_CASES2_UNSIGNED(b == 0 ? 0 : a % b));
}

IG_OPERATOR(Mod) = {
    IG_OP_HEAD,
    .name = "Mod",
    .since = 13,
    .doc = "Remainder of a / b, elementwise with broadcasting: Python's % for "
           "integers, C's fmod with fmod = 1. An integer modulo 0 is 0.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(mod_attrs),
    .flags = IG_OP_STRIDED, // infer also refuses floats, so it must not be skipped
    .infer = mod_infer,
    .values = mod_values,
    .gradient = mod_gradient,
    .saves = saves,
    .reference = mod_reference,
    .samples = samples,
};
