// Pieces of slopes of elementwise functions.

#include "operators/common_unary.h"

IG_USES_OP(Exp);
IG_USES_OP(Greater);
IG_USES_OP(Less);
IG_USES_OP(Reciprocal);
IG_USES_OP(Sqrt);
IG_USES_OP(Where);

const ig_type_rule igi_float_types[] = {{'T', IG_FLOATS}, {0}};
const ig_save igi_save_x[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};
const ig_save igi_save_y[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};

ig_var igi_emit_square(ig_grad *g, ig_var v)
{
    return igi_emit_mul(g, v, v);
}

ig_var igi_emit_plus(ig_grad *g, double c, ig_var v)
{
    return igi_emit_add(g, v, igi_grad_const(g, c));
}

ig_var igi_emit_minus(ig_grad *g, double c, ig_var v)
{
    return igi_emit_sub(g, igi_grad_const(g, c), v);
}

ig_var igi_emit_where(ig_grad *g, ig_var mask, ig_var yes, ig_var no)
{
    return ig_emit3(g, IG_OP(Where), NULL, mask, yes, no);
}

ig_var igi_emit_reciprocal(ig_grad *g, ig_var v)
{
    return ig_emit1(g, IG_OP(Reciprocal), NULL, v);
}

ig_var igi_emit_below(ig_grad *g, ig_var v, double c)
{
    return ig_emit2(g, IG_OP(Less), NULL, v, igi_grad_const(g, c));
}

ig_var igi_emit_above(ig_grad *g, ig_var v, double c)
{
    return ig_emit2(g, IG_OP(Greater), NULL, v, igi_grad_const(g, c));
}

// e^x of the other side could be infinite, and 0 * inf would spoil second derivatives.
ig_var igi_emit_exp_below(ig_grad *g, double factor, double scale, double right)
{
    ig_var x = ig_grad_in(g, 0), below = igi_emit_below(g, x, 0);
    ig_var safe = igi_emit_scale(g, igi_emit_masked(g, below, x), 1 / scale);
    ig_var bell = igi_emit_scale(g, ig_emit1(g, IG_OP(Exp), NULL, safe), factor);
    return igi_emit_where(g, below, bell, igi_grad_const(g, right));
}

ig_var igi_emit_rsqrt(ig_grad *g, ig_var v)
{
    return igi_emit_reciprocal(g, ig_emit1(g, IG_OP(Sqrt), NULL, v));
}
