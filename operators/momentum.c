/* Momentum: one step of gradient descent with momentum.
 *   g = norm_coefficient x + grad
 *   v = alpha v + (T > 0 ? beta : 1) g
 *   x = x - R v, or x - R (g + alpha v) in Nesterov's form. */
#include "operators/common_train.h"

static const char *const modes[] = {"standard", "nesterov", NULL};
typedef struct {
    uint32_t struct_size;
    float alpha, beta, norm_coefficient;
    int64_t mode;
} momentum_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(
        momentum_attrs, alpha, 0, "Decay of the momentum.", .flags = IG_REQUIRED),
    IG_ATTR_FLOAT(momentum_attrs,
                  beta,
                  0,
                  "Weight of the gradient in the momentum, from the second step on.",
                  .flags = IG_REQUIRED),
    IG_ATTR_FLOAT(momentum_attrs,
                  norm_coefficient,
                  0,
                  "c of the penalty c/2 |x|^2.",
                  .flags = IG_REQUIRED),
    IG_ATTR_ENUM(momentum_attrs,
                 mode,
                 0,
                 modes,
                 "standard, or nesterov: look ahead.",
                 .flags = IG_REQUIRED),
    {0},
};

typedef struct {
    double rate, alpha, beta, norm;
    bool nesterov;
} rates;

static void step(const void *rates_, double *v)
{
    const rates *r = rates_;
    const double g = r->norm * v[0] + v[1];
    v[2] = r->alpha * v[2] + r->beta * g;
    v[0] -= r->rate * (r->nesterov ? g + r->alpha * v[2] : v[2]);
}

static ig_status momentum_infer(ig_infer *x)
{
    return igi_train_infer(x, 1);
}

static ig_status momentum_reference(ig_kernel_ctx *k)
{
    const momentum_attrs *a = k->attrs;
    const rates r = {
        .rate = igi_scalar_f64(ig_in(k, 0), 0),
        .alpha = (double)a->alpha,
        .beta = igi_scalar_i64(ig_in(k, 1), 0) > 0 ? (double)a->beta : 1,
        .norm = (double)a->norm_coefficient,
        .nesterov = a->mode == 1,
    };
    return igi_train_run(k, 1, &r, step);
}

/* With u what R is multiplied by: dR = -dx' u, and v', g get their parts of -R dx'. */
static void rule(ig_grad *g, igi_train_tuple *t)
{
    const momentum_attrs *a = ig_grad_attrs(g);
    const double alpha = (double)a->alpha, norm = (double)a->norm_coefficient;
    ig_var grad = igi_train_regularized(g, t, norm);
    ig_var beta =
        igi_train_after_first(g, t, ig_grad_scalar(g, t->dtype, (double)a->beta));
    ig_var v = igi_emit_add(g, igi_emit_scale(g, t->state[0], alpha),
                            igi_emit_mul(g, grad, beta));
    ig_var u = a->mode ? igi_emit_add(g, grad, igi_emit_scale(g, v, alpha)) : v;
    ig_var du = igi_emit_scale(g, igi_emit_mul(g, t->dx_new, t->rate), -1);
    t->drate = igi_emit_scale(g, igi_emit_mul(g, t->dx_new, u), -1);
    ig_var dv =
        igi_emit_add(g, t->dstate_new[0], a->mode ? igi_emit_scale(g, du, alpha) : du);
    t->dg = igi_emit_mul(g, dv, beta);
    if (a->mode)
        t->dg = igi_emit_add(g, t->dg, du);
    t->dx = igi_emit_add(g, t->dx_new, igi_emit_scale(g, t->dg, norm));
    t->dstate[0] = igi_emit_scale(g, dv, alpha);
}

static ig_status momentum_gradient(ig_grad *g)
{
    return igi_train_gradient(g, 1, rule);
}

#define HEAD .struct_size = sizeof(momentum_attrs)
static const momentum_attrs standard = {HEAD, .alpha = 0.9f, .beta = 0.8f,
                                        .norm_coefficient = 0.1f};
static const momentum_attrs nesterov = {HEAD, .alpha = 0.9f, .beta = 0.8f,
                                        .norm_coefficient = 0.1f, .mode = 1};
#define TWO IGI_IN(2, 3), IGI_IN(4), IGI_IN(2, 3), IGI_IN(4), IGI_IN(2, 3), IGI_IN(4)
static const ig_sample samples[] = {
    {.name = "first",
     .attrs = &standard,
     .n_out = 2,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 0), IGI_IN(3), IGI_IN(3), IGI_IN(3))},
    {.name = "two",
     .attrs = &standard,
     .n_out = 4,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 3), TWO)},
    {.name = "nesterov",
     .attrs = &nesterov,
     .n_out = 4,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 3), TWO)},
    {.name = "size_one",
     .attrs = &nesterov,
     .n_out = 2,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 1), IGI_IN(1), IGI_IN(1), IGI_IN(1))},
    {.name = "scalar",
     .attrs = &standard,
     .n_out = 2,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 1), IGI_IN_SCALAR, IGI_IN_SCALAR, IGI_IN_SCALAR)},
    {.name = "empty",
     .attrs = &standard,
     .n_out = 2,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 1), IGI_IN(0, 2), IGI_IN(0, 2), IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(Momentum) = {
    IG_OP_HEAD,
    .domain = IGI_TRAIN_DOMAIN,
    .name = "Momentum",
    .since = 1,
    .doc = "One step of gradient descent with momentum on any number of tensors.",
    .inputs = igi_train_inputs,
    .outputs = igi_train_outputs,
    .types = igi_train_types,
    .attrs = attrs,
    .attrs_size = sizeof(momentum_attrs),
    .infer = momentum_infer,
    .gradient = momentum_gradient,
    .saves = igi_train_saves,
    .reference = momentum_reference,
    .samples = samples,
};
