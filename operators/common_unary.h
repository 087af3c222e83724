/* Elementwise y = f(x) over the float types: what is the same in all of them.
 *
 * A file says f as an expression in `a`, and y' as what it emits:
 *
 *     static ig_var slope(ig_grad *g) { return ig_emit1(g, IG_OP(Cos), NULL, ...); }
 *     IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(sin(a)))
 *     static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, ...), {0}};
 *     IG_OPERATOR(Sin) = {IGI_UNARY_FIELDS("Sin", 22, igi_save_x), .doc = "...", ...};
 */
#ifndef OPERATORS_COMMON_UNARY_H
#define OPERATORS_COMMON_UNARY_H

#include "operators/common.h"
#include "operators/common_grad.h"

extern const ig_type_rule igi_float_types[];     /* T: the four float types */
extern const ig_save igi_save_x[], igi_save_y[]; /* input 0; output 0 */

/* `gradient`: dx = dy * slope_, seeing g; `reference`: rows_ of IGI_UNARY. */
#define IGI_UNARY_PARTS(slope_, ...)                                                   \
    static ig_status gradient(ig_grad *g)                                              \
    {                                                                                  \
        ig_grad_set(g, 0, igi_emit_mul(g, ig_grad_dy(g, 0), slope_));                  \
        return IG_OK;                                                                  \
    }                                                                                  \
    static ig_status reference(ig_kernel_ctx *k)                                       \
    {                                                                                  \
        IGI_UNARY(k, __VA_ARGS__);                                                     \
    }

#define IGI_UNARY_FIELDS(name_, since_, saves_)                                        \
    IG_OP_HEAD, .name = name_, .since = since_,                                        \
                .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED, .infer = ig_infer_same,    \
                .types = igi_float_types, .gradient = gradient, .saves = saves_,       \
                .reference = reference, .samples = samples

/* Attributes alpha and beta of activations. */
typedef struct igi_alpha_attrs {
    uint32_t struct_size;
    float alpha;
} igi_alpha_attrs;
#define IGI_ALPHA(k_) (((const igi_alpha_attrs *)(k_)->attrs)->alpha)
#define IGI_ALPHA_FIELDS                                                               \
    .attrs = attrs, .attrs_size = sizeof(igi_alpha_attrs), .inputs = igi_unary_x,      \
    .outputs = igi_unary_y

/* ---- pieces of slopes; v is any value of the type of input 0 ---- */

ig_var igi_emit_square(ig_grad *g, ig_var v);
/* c + v, c - v, and c where mask else v. */
ig_var igi_emit_plus(ig_grad *g, double c, ig_var v);
ig_var igi_emit_minus(ig_grad *g, double c, ig_var v);
ig_var igi_emit_where(ig_grad *g, ig_var mask, ig_var yes, ig_var no);
ig_var igi_emit_reciprocal(ig_grad *g, ig_var v);
/* v < c, v > c. */
ig_var igi_emit_below(ig_grad *g, ig_var v, double c);
ig_var igi_emit_above(ig_grad *g, ig_var v, double c);
/* factor * e^(x / scale) where x < 0, else `right`; finite for every x. */
ig_var igi_emit_exp_below(ig_grad *g, double factor, double scale, double right);
/* 1 / sqrt(v). */
ig_var igi_emit_rsqrt(ig_grad *g, ig_var v);

#endif
