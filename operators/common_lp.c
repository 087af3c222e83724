// Norms of order p.

#include "operators/common_lp.h"

IG_USES_OP(Abs);
IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(Pow);
IG_USES_OP(Sign);

double igi_lp_power(double v, int64_t p)
{
    return p == 1 ? fabs(v) : p == 2 ? v * v : pow(fabs(v), (double)p);
}

double igi_lp_root(double s, int64_t p)
{
    return p == 1 ? s : p == 2 ? sqrt(s) : pow(s, 1 / (double)p);
}

// dS = dy y^(1 - p) / p
ig_var igi_emit_lp_root_gradient(ig_grad *g, ig_var y, ig_var dy, int64_t p)
{
    if (p == 1)
        return dy;
    ig_var zero = ig_emit2(g, IG_OP(Equal), NULL, y, igi_grad_const(g, 0));
    ig_var safe = igi_emit_where(g, zero, igi_grad_const(g, 1), y);
    ig_var power = p == 2 ? safe
                          : ig_emit2(g, IG_OP(Pow), NULL, safe,
                                     igi_grad_const(g, (double)(p - 1)));
    ig_var d =
        ig_emit2(g, IG_OP(Div), NULL, igi_emit_scale(g, dy, 1 / (double)p), power);
    return igi_emit_where(g, zero, igi_grad_const(g, 0), d);
}

// dx = d p |x|^(p - 1) sign(x)
ig_var igi_emit_lp_power_gradient(ig_grad *g, ig_var d, int64_t p)
{
    ig_var x = ig_grad_in(g, 0);
    if (p == 2)
        return igi_emit_mul(g, d, igi_emit_scale(g, x, 2));
    d = igi_emit_mul(g, d, ig_emit1(g, IG_OP(Sign), NULL, x));
    if (p == 1)
        return d;
    ig_var power = ig_emit2(g, IG_OP(Pow), NULL, ig_emit1(g, IG_OP(Abs), NULL, x),
                            igi_grad_const(g, (double)(p - 1)));
    return igi_emit_mul(g, d, igi_emit_scale(g, power, (double)p));
}
