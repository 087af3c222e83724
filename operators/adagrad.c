/* Adagrad (Duchi, Hazan, Singer 2011): one step.
 *   r = R / (1 + T decay_factor)
 *   g = norm_coefficient x + grad
 *   h = h + g^2
 *   x = x - r g / (sqrt(h) + epsilon) */
#include "operators/common_train.h"

IG_USES_OP(Div);
IG_USES_OP(Sqrt);

typedef struct {
    uint32_t struct_size;
    float decay_factor, epsilon, norm_coefficient;
} adagrad_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(
        adagrad_attrs, decay_factor, 0, "The rate is R / (1 + T decay_factor)."),
    IG_ATTR_FLOAT(adagrad_attrs, epsilon, 1e-6, "Keeps the divisor from zero."),
    IG_ATTR_FLOAT(adagrad_attrs, norm_coefficient, 0, "c of the penalty c/2 |x|^2."),
    {0},
};

typedef struct {
    double rate, epsilon, norm;
} rates;

static void step(const void *rates_, double *v)
{
    const rates *r = rates_;
    const double g = r->norm * v[0] + v[1];
    v[2] += g * g;
    v[0] -= r->rate * g / (sqrt(v[2]) + r->epsilon);
}

static ig_status adagrad_infer(ig_infer *x)
{
    return igi_train_infer(x, 1);
}

static ig_status adagrad_reference(ig_kernel_ctx *k)
{
    const adagrad_attrs *a = k->attrs;
    const double count = (double)igi_scalar_i64(ig_in(k, 1), 0);
    const rates r = {
        .rate = igi_scalar_f64(ig_in(k, 0), 0) / (1 + count * (double)a->decay_factor),
        .epsilon = (double)a->epsilon,
        .norm = (double)a->norm_coefficient,
    };
    return igi_train_run(k, 1, &r, step);
}

/* With s = sqrt(h), e = s + epsilon and q = -f dx' / e, f = 1 / (1 + T decay):
 * dR = q g, dg = R q + 2 g dh', dh' = dh - R q g / e / 2s. */
static void rule(ig_grad *g, igi_train_tuple *t)
{
    const adagrad_attrs *a = ig_grad_attrs(g);
    const double norm = (double)a->norm_coefficient;
    ig_var one = ig_grad_scalar(g, t->dtype, 1);
    ig_var grad = igi_train_regularized(g, t, norm);
    ig_var h = igi_emit_add(g, t->state[0], igi_emit_mul(g, grad, grad));
    ig_var s = ig_emit1(g, IG_OP(Sqrt), NULL, h);
    ig_var e = igi_emit_add(g, s, ig_grad_scalar(g, t->dtype, (double)a->epsilon));
    ig_var slow =
        igi_emit_add(g, igi_emit_scale(g, t->count, (double)a->decay_factor), one);
    ig_var q = ig_emit2(g, IG_OP(Div), NULL, igi_emit_scale(g, t->dx_new, -1),
                        igi_emit_mul(g, e, slow));
    ig_var rq = igi_emit_mul(g, t->rate, q);
    t->drate = igi_emit_mul(g, q, grad);
    ig_var de = ig_emit2(g, IG_OP(Div), NULL, igi_emit_mul(g, rq, grad),
                         igi_emit_scale(g, igi_emit_mul(g, e, s), -2));
    t->dstate[0] = igi_emit_add(g, t->dstate_new[0], de);
    t->dg =
        igi_emit_add(g, rq, igi_emit_scale(g, igi_emit_mul(g, grad, t->dstate[0]), 2));
    t->dx = igi_emit_add(g, t->dx_new, igi_emit_scale(g, t->dg, norm));
}

static ig_status adagrad_gradient(ig_grad *g)
{
    return igi_train_gradient(g, 1, rule);
}

static const adagrad_attrs all = {.struct_size = sizeof(all),
                                  .decay_factor = 0.1f,
                                  .epsilon = 1e-3f,
                                  .norm_coefficient = 0.2f};
static const ig_sample samples[] = {
    {.name = "defaults",
     .n_out = 2,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 0), IGI_IN(3), IGI_IN(3), IGI_IN_POSITIVE(3))},
    {.name = "two",
     .attrs = &all,
     .n_out = 4,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 3),
                IGI_IN(2, 3),
                IGI_IN(4),
                IGI_IN(2, 3),
                IGI_IN(4),
                IGI_IN_POSITIVE(2, 3),
                IGI_IN_POSITIVE(4))},
    {.name = "size_one",
     .attrs = &all,
     .n_out = 2,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 1), IGI_IN(1), IGI_IN(1), IGI_IN_POSITIVE(1))},
    {.name = "empty",
     .n_out = 2,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 1), IGI_IN(0, 2), IGI_IN(0, 2), IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(Adagrad) = {
    IG_OP_HEAD,
    .domain = IGI_TRAIN_DOMAIN,
    .name = "Adagrad",
    .since = 1,
    .doc = "One step of Adagrad on any number of tensors.",
    .inputs = igi_train_inputs,
    .outputs = igi_train_outputs,
    .types = igi_train_types,
    .attrs = attrs,
    .attrs_size = sizeof(adagrad_attrs),
    .infer = adagrad_infer,
    .gradient = adagrad_gradient,
    .saves = igi_train_saves,
    .reference = adagrad_reference,
    .samples = samples,
};
