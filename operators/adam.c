/* Adam (Kingma, Ba 2015) as ONNX has it: one step.
 *   g = norm_coefficient x + grad
 *   v = alpha v + (1 - alpha) g
 *   h = beta h + (1 - beta) g^2
 *   r = T > 0 ? R sqrt(1 - beta^T) / (1 - alpha^T) : R
 *   x = (1 - norm_coefficient_post) (x - r v / (sqrt(h) + epsilon))
 * ingot::AdamStep is the one that works in place. */
#include "operators/common_train.h"

IG_USES_OP(Div);
IG_USES_OP(Pow);
IG_USES_OP(Sqrt);

typedef struct {
    uint32_t struct_size;
    float alpha, beta, epsilon, norm_coefficient, norm_coefficient_post;
} adam_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(adam_attrs, alpha, 0.9, "Decay of the mean of gradients."),
    IG_ATTR_FLOAT(adam_attrs, beta, 0.999, "Decay of the mean of their squares."),
    IG_ATTR_FLOAT(adam_attrs, epsilon, 1e-6, "Keeps the divisor from zero."),
    IG_ATTR_FLOAT(adam_attrs, norm_coefficient, 0, "c of the penalty c/2 |x|^2."),
    IG_ATTR_FLOAT(adam_attrs,
                  norm_coefficient_post,
                  0,
                  "Part of x that is taken away after the step."),
    {0},
};

typedef struct {
    double rate, alpha, beta, epsilon, norm, keep;
} rates;

static void step(const void *rates_, double *v)
{
    const rates *r = rates_;
    const double g = r->norm * v[0] + v[1];
    v[2] = r->alpha * v[2] + (1 - r->alpha) * g;
    v[3] = r->beta * v[3] + (1 - r->beta) * g * g;
    v[0] = r->keep * (v[0] - r->rate * v[2] / (sqrt(v[3]) + r->epsilon));
}

static ig_status adam_infer(ig_infer *x)
{
    return igi_train_infer(x, 2);
}

static ig_status adam_reference(ig_kernel_ctx *k)
{
    const adam_attrs *a = k->attrs;
    const double count = (double)igi_scalar_i64(ig_in(k, 1), 0);
    rates r = {
        .rate = igi_scalar_f64(ig_in(k, 0), 0),
        .alpha = (double)a->alpha,
        .beta = (double)a->beta,
        .epsilon = (double)a->epsilon,
        .norm = (double)a->norm_coefficient,
        .keep = 1 - (double)a->norm_coefficient_post,
    };
    if (count > 0)
        r.rate *= sqrt(1 - pow(r.beta, count)) / (1 - pow(r.alpha, count));
    return igi_train_run(k, 2, &r, step);
}

/* 1 - base^T. */
static ig_var rest(ig_grad *g, const igi_train_tuple *t, double base)
{
    ig_var power =
        ig_emit2(g, IG_OP(Pow), NULL, ig_grad_scalar(g, t->dtype, base), t->count);
    return igi_emit_sub(g, ig_grad_scalar(g, t->dtype, 1), power);
}

/* With f = r / R, s = sqrt(h'), e = s + epsilon and q = -f keep dx' / e:
 * dR = q v', dv' += R q, dh' += -R q v' / e / 2s. */
static void rule(ig_grad *g, igi_train_tuple *t)
{
    const adam_attrs *a = ig_grad_attrs(g);
    const double alpha = (double)a->alpha, beta = (double)a->beta,
                 norm = (double)a->norm_coefficient,
                 keep = 1 - (double)a->norm_coefficient_post;
    ig_var grad = igi_train_regularized(g, t, norm);
    ig_var v = igi_emit_add(g, igi_emit_scale(g, t->state[0], alpha),
                            igi_emit_scale(g, grad, 1 - alpha));
    ig_var h = igi_emit_add(g, igi_emit_scale(g, t->state[1], beta),
                            igi_emit_scale(g, igi_emit_mul(g, grad, grad), 1 - beta));
    ig_var s = ig_emit1(g, IG_OP(Sqrt), NULL, h);
    ig_var e = igi_emit_add(g, s, ig_grad_scalar(g, t->dtype, (double)a->epsilon));
    ig_var f =
        ig_emit2(g, IG_OP(Div), NULL, ig_emit1(g, IG_OP(Sqrt), NULL, rest(g, t, beta)),
                 rest(g, t, alpha));
    f = igi_train_after_first(g, t, f);
    ig_var dx = igi_emit_scale(g, t->dx_new, keep);
    ig_var q =
        igi_emit_scale(g, ig_emit2(g, IG_OP(Div), NULL, igi_emit_mul(g, dx, f), e), -1);
    ig_var rq = igi_emit_mul(g, t->rate, q);
    t->drate = igi_emit_mul(g, q, v);
    ig_var dv = igi_emit_add(g, t->dstate_new[0], rq);
    ig_var dh = ig_emit2(g, IG_OP(Div), NULL, igi_emit_mul(g, rq, v),
                         igi_emit_scale(g, igi_emit_mul(g, e, s), -2));
    dh = igi_emit_add(g, t->dstate_new[1], dh);
    t->dg = igi_emit_add(g, igi_emit_scale(g, dv, 1 - alpha),
                         igi_emit_scale(g, igi_emit_mul(g, grad, dh), 2 * (1 - beta)));
    t->dx = igi_emit_add(g, dx, igi_emit_scale(g, t->dg, norm));
    t->dstate[0] = igi_emit_scale(g, dv, alpha);
    t->dstate[1] = igi_emit_scale(g, dh, beta);
}

static ig_status adam_gradient(ig_grad *g)
{
    return igi_train_gradient(g, 2, rule);
}

static const adam_attrs all = {.struct_size = sizeof(all),
                               .alpha = 0.7f,
                               .beta = 0.8f,
                               .epsilon = 1e-3f,
                               .norm_coefficient = 0.2f,
                               .norm_coefficient_post = 0.1f};
#define ONE(...)                                                                       \
    IGI_IN(__VA_ARGS__), IGI_IN(__VA_ARGS__), IGI_IN(__VA_ARGS__),                     \
        IGI_IN_POSITIVE(__VA_ARGS__)
static const ig_sample samples[] = {
    {.name = "defaults", .n_out = 3, IGI_INPUTS(IGI_TRAIN_RATE(0.1, 0), ONE(3))},
    {.name = "two",
     .attrs = &all,
     .n_out = 6,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 3),
                IGI_IN(2, 3),
                IGI_IN(4),
                IGI_IN(2, 3),
                IGI_IN(4),
                IGI_IN(2, 3),
                IGI_IN(4),
                IGI_IN_POSITIVE(2, 3),
                IGI_IN_POSITIVE(4))},
    {.name = "size_one",
     .attrs = &all,
     .n_out = 3,
     IGI_INPUTS(IGI_TRAIN_RATE(0.1, 1), ONE(1))},
    {.name = "empty", .n_out = 3, IGI_INPUTS(IGI_TRAIN_RATE(0.1, 1), ONE(0, 2))},
    {0},
};

IG_OPERATOR(Adam) = {
    IG_OP_HEAD,
    .domain = IGI_TRAIN_DOMAIN,
    .name = "Adam",
    .since = 1,
    .doc = "One step of Adam on any number of tensors.",
    .inputs = igi_train_inputs,
    .outputs = igi_train_outputs,
    .types = igi_train_types,
    .attrs = attrs,
    .attrs_size = sizeof(adam_attrs),
    .infer = adam_infer,
    .gradient = adam_gradient,
    .saves = igi_train_saves,
    .reference = adam_reference,
    .samples = samples,
};
