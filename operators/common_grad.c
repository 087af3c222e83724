/* Emits what many gradient rules need. */
#include "operators/common_grad.h"

IG_USES_OP(Add);
IG_USES_OP(Div);
IG_USES_OP(DivByDims);
IG_USES_OP(Mul);
IG_USES_OP(Neg);
IG_USES_OP(Reciprocal);
IG_USES_OP(ReduceMean);
IG_USES_OP(ReduceSum);
IG_USES_OP(Sqrt);
IG_USES_OP(Squeeze);
IG_USES_OP(Sub);
IG_USES_OP(Unsqueeze);

static ig_dtype type_of(ig_grad *g, ig_var v)
{
    const ig_type *t = ig_grad_type(g, v);
    return t ? (ig_dtype)t->dtype : IG_FLOAT32;
}

ig_var igi_emit_mul(ig_grad *g, ig_var a, ig_var b)
{
    return ig_emit2(g, IG_OP(Mul), NULL, a, b);
}

ig_var igi_emit_add(ig_grad *g, ig_var a, ig_var b)
{
    if (!a.h || !b.h)
        return a.h ? a : b;
    return ig_emit2(g, IG_OP(Add), NULL, a, b);
}

ig_var igi_emit_sub(ig_grad *g, ig_var a, ig_var b)
{
    if (!b.h)
        return a;
    if (!a.h)
        return ig_emit1(g, IG_OP(Neg), NULL, b);
    return ig_emit2(g, IG_OP(Sub), NULL, a, b);
}

ig_var igi_emit_scale(ig_grad *g, ig_var v, double factor)
{
    if (factor == 1 || !v.h)
        return v;
    return igi_emit_mul(g, v, ig_grad_scalar(g, type_of(g, v), factor));
}

ig_var igi_emit_sum(ig_grad *g, ig_var v, const int64_t *axes, int n)
{
    return n ? ig_emit2(g, IG_OP(ReduceSum), NULL, v, ig_grad_ints(g, axes, n)) : v;
}

ig_var igi_emit_mean(ig_grad *g, ig_var v, const int64_t *axes, int n)
{
    return n ? ig_emit2(g, IG_OP(ReduceMean), NULL, v, ig_grad_ints(g, axes, n)) : v;
}

ig_var igi_emit_div_count(ig_grad *g, ig_var v, int i, const int64_t *axes, int n)
{
    const int64_t *d = ig_type_dims(ig_grad_in_type(g, i));
    double count = 1;
    bool known = true;
    for (int j = 0; j < n; j++) {
        known = known && d[axes[j]] >= 0;
        count *= (double)d[axes[j]];
    }
    if (n == 0)
        return v;
    if (known)
        return ig_emit2(g, IG_OP(Div), NULL, v,
                        ig_grad_scalar(g, type_of(g, v), count));
    return ig_emit3(g, IG_OP(DivByDims), NULL, v, ig_grad_in_shape(g, i),
                    ig_grad_ints(g, axes, n));
}

ig_var igi_emit_unsqueeze(ig_grad *g, ig_var v, const int64_t *axes, int n)
{
    return n ? ig_emit2(g, IG_OP(Unsqueeze), NULL, v, ig_grad_ints(g, axes, n)) : v;
}

ig_var igi_emit_squeeze(ig_grad *g, ig_var v, const int64_t *axes, int n)
{
    return n ? ig_emit2(g, IG_OP(Squeeze), NULL, v, ig_grad_ints(g, axes, n)) : v;
}

ig_var igi_emit_inverse_root(ig_grad *g, ig_var v, double epsilon)
{
    v = igi_emit_add(g, v, ig_grad_scalar(g, type_of(g, v), epsilon));
    return ig_emit1(g, IG_OP(Reciprocal), NULL, ig_emit1(g, IG_OP(Sqrt), NULL, v));
}

igi_standard
igi_emit_standard(ig_grad *g, ig_var x, const int64_t *axes, int n_axes, double epsilon)
{
    igi_standard s;
    s.d = igi_emit_sub(g, x, igi_emit_mean(g, x, axes, n_axes));
    ig_var var = igi_emit_mean(g, igi_emit_mul(g, s.d, s.d), axes, n_axes);
    s.inv = igi_emit_inverse_root(g, var, epsilon);
    s.n = igi_emit_mul(g, s.d, s.inv);
    return s;
}

ig_var igi_emit_standard_dx(
    ig_grad *g, const igi_standard *s, ig_var h, const int64_t *axes, int n_axes)
{
    ig_var t = igi_emit_mean(g, igi_emit_mul(g, h, s->n), axes, n_axes);
    t = igi_emit_add(g, igi_emit_mean(g, h, axes, n_axes), igi_emit_mul(g, s->n, t));
    return igi_emit_mul(g, s->inv, igi_emit_sub(g, h, t));
}
