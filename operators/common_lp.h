/* LpPool and GlobalLpPool: y = (sum |x|^p)^(1/p). */
#ifndef OPERATORS_COMMON_LP_H
#define OPERATORS_COMMON_LP_H

#include "operators/common_unary.h"

/* |v|^p, and s^(1/p), exact for p 1 and 2. */
double igi_lp_power(double v, int64_t p);
double igi_lp_root(double s, int64_t p);
/* The two halves of the gradient: dS from dy, where S = y^p; and dx from d(|x|^p), x
 * being input 0. Derivatives at 0 are 0. */
ig_var igi_emit_lp_root_gradient(ig_grad *g, ig_var y, ig_var dy, int64_t p);
ig_var igi_emit_lp_power_gradient(ig_grad *g, ig_var d, int64_t p);

#endif
