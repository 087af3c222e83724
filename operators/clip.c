// Clip: y = Min(max, Max(x, min)); an absent bound does not bound. NaN stays NaN.
//
// Gradient: x gets dy inside the closed interval (at a bound too), min gets the sum of
// dy where x lies below it, max where x lies above it; when min > max everything is
// max.

#include "operators/common.h"

IG_USES_OP(And);
IG_USES_OP(Greater);
IG_USES_OP(Less);
IG_USES_OP(Not);
IG_USES_OP(Or);

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Values to clip."),
    IG_PORT("min", 'T', "Scalar lower bound.", .flags = IG_OPTIONAL),
    IG_PORT("max", 'T', "Scalar upper bound.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY),
    IG_SAVE_IN(1, IG_SAVE_ANY),
    IG_SAVE_IN(2, IG_SAVE_ANY),
    {0},
};

static const double values[] = {-3.5, -1.25, 0.5, 2.25, 4.5, 1.75};
static const double one[] = {1}, two[] = {2}, three[] = {3};
#define IN_                                                                            \
    {                                                                                  \
        IG_SHAPE_IN(2, 3), .data = values                                              \
    }
#define SAMPLE_(name_, n_, ...)                                                        \
    {                                                                                  \
        .name = name_, .n_in = n_, .in = (const ig_sample_in[])                        \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
static const ig_sample samples[] = {
    SAMPLE_("both", 3, IN_, {.rank = 0, .data = one}, {.rank = 0, .data = three}),
    SAMPLE_("min_only", 2, IN_, {.rank = 0, .data = one}),
    SAMPLE_("max_only", 3, IN_, {.rank = -1}, {.rank = 0, .data = two}),
    SAMPLE_("no_bounds", 1, IN_),
    SAMPLE_(
        "min_above_max", 3, IN_, {.rank = 0, .data = three}, {.rank = 0, .data = one}),
    SAMPLE_("scalar", 2, {.rank = 0, .data = two}, {.rank = 0, .data = one}),
    SAMPLE_(
        "size_one", 2, {IG_SHAPE_IN(1, 1), .data = three}, {.rank = 0, .data = one}),
    SAMPLE_("empty", 2, {IG_SHAPE_IN(0, 2)}, {.rank = 0, .data = one}),
    {0},
};
#undef IN_
#undef SAMPLE_

static ig_status clip_infer(ig_infer *x)
{
    for (int i = 1; i < x->n_in; i++) {
        int64_t count = x->in[i] ? ig_infer_count(x, i, 0, x->in[i]->rank) : 1;
        if (count >= 0 && count != 1)
            return ig_infer_fail(x, "%s must be a scalar", inputs[i].name);
    }
    return ig_infer_copy(x, 0, 0);
}

static ig_var either(ig_grad *g, ig_var a, ig_var b)
{
    if (!a.h || !b.h)
        return a.h ? a : b;
    return ig_emit2(g, IG_OP(Or), NULL, a, b);
}

static ig_status clip_gradient(ig_grad *g)
{
    ig_var dy = ig_grad_dy(g, 0), x = ig_grad_in(g, 0);
    ig_var lo = ig_grad_in(g, 1), hi = ig_grad_in(g, 2);
    ig_var below = {0}, above = {0}, crossed = {0};
    if (lo.h)
        below = ig_emit2(g, IG_OP(Less), NULL, x, lo);
    if (hi.h)
        above = ig_emit2(g, IG_OP(Greater), NULL, x, hi);
    if (lo.h && hi.h)
        crossed = ig_emit2(g, IG_OP(Greater), NULL, lo, hi);
    if (ig_grad_wants(g, 0)) {
        ig_var outside = either(g, below, above);
        ig_grad_set(g, 0, outside.h ? igi_emit_unmasked(g, outside, dy) : dy);
    }
    if (ig_grad_wants(g, 1)) {
        if (crossed.h)
            below = ig_emit2(g, IG_OP(And), NULL, below,
                             ig_emit1(g, IG_OP(Not), NULL, crossed));
        ig_grad_set(g, 1, igi_emit_masked(g, below, dy));
    }
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, igi_emit_masked(g, either(g, above, crossed), dy));
    return IG_OK;
}

// Bounds in the three computing types; an absent one is beyond every value.
typedef struct {
    bool has_lo, has_hi;
    double lo, hi;
    int64_t slo, shi;
    uint64_t ulo, uhi;
} bounds;

static uint64_t read_u64(const ig_tensor *t)
{
    return ig_dtype_of(t) == IG_UINT64 ? *(const uint64_t *)ig_data(t)
                                       : (uint64_t)igi_scalar_i64(t, 0);
}

static bounds read_bounds(const ig_tensor *lo, const ig_tensor *hi)
{
    bounds b = {.has_lo = lo, .has_hi = hi};
    if (lo) {
        b.lo = igi_scalar_f64(lo, 0);
        b.slo = igi_scalar_i64(lo, 0);
        b.ulo = read_u64(lo);
    }
    if (hi) {
        b.hi = igi_scalar_f64(hi, 0);
        b.shi = igi_scalar_i64(hi, 0);
        b.uhi = read_u64(hi);
    }
    return b;
}

static double clip_f(double a, const bounds *b)
{
    if (b->has_lo && !(a >= b->lo) && a == a) // a NaN bound gives NaN
        a = b->lo;
    return b->has_hi && !(a <= b->hi) && a == a ? b->hi : a;
}

static int64_t clip_s(int64_t a, const bounds *b)
{
    if (b->has_lo && a < b->slo)
        a = b->slo;
    return b->has_hi && a > b->shi ? b->shi : a;
}

static uint64_t clip_u(uint64_t a, const bounds *b)
{
    if (b->has_lo && a < b->ulo)
        a = b->ulo;
    return b->has_hi && a > b->uhi ? b->uhi : a;
}

static ig_status clip_reference(ig_kernel_ctx *k)
{
    const bounds b = read_bounds(ig_in(k, 1), ig_in(k, 2));
    IGI_UNARY(k, IGI_CASES_FLOAT(clip_f(a, &b)) IGI_CASES_SIGNED(clip_s(a, &b))
                     IGI_CASES_UNSIGNED(clip_u(a, &b)));
}

IG_OPERATOR(Clip) = {
    IG_OP_HEAD,
    .name = "Clip",
    .since = 13,
    .doc =
        "y = Min(max, Max(x, min)), elementwise; an absent bound does not bound. The "
        "derivative at a bound is 1.",
    .inputs = inputs,
    .outputs = igi_unary_output,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = clip_infer,
    .gradient = clip_gradient,
    .saves = saves,
    .reference = clip_reference,
    .samples = samples,
};
