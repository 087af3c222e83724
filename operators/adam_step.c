// AdamStep: one step of Adam (Kingma, Ba 2015) or AdamW (Loshchilov, Hutter 2019), in
// place.
//
//   g = grad_scale grad + weight_decay param    (Adam)
//   param *= 1 - lr weight_decay                (AdamW, in place of it)
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2
//   param -= lr (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)
// `step` counts from 1. Scalars are inputs, so that a traced training step can change
// them. Sums are made in double and rounded once.

#include "operators/common_step.h"

typedef struct {
    uint32_t struct_size;
    int64_t decoupled;
} adam_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(adam_attrs,
                decoupled,
                0,
                "1: weight decay acts on the parameter itself (AdamW).",
                .min = 0,
                .max = 1),
    {0},
};
static const ig_port inputs[] = {
    IGI_STEP_PARAM,
    IGI_STEP_GRAD,
    IG_PORT("m", 'T', "First moment, zero at first.", .flags = IG_MUTATED | IG_NODIFF),
    IG_PORT("v", 'T', "Second moment, zero at first.", .flags = IG_MUTATED | IG_NODIFF),
    IG_PORT("step", 'I', "Number of this step, from 1; a scalar."),
    IGI_STEP_RATE,
    IGI_STEP_SCALAR("beta1", "Absent: 0.9."),
    IGI_STEP_SCALAR("beta2", "Absent: 0.999."),
    IGI_STEP_SCALAR("eps", "Absent: 1e-8."),
    IGI_STEP_SCALAR("weight_decay", "Absent: 0."),
    IGI_STEP_SCALE,
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("param_out", 'T', "The parameter.", .alias = IG_MAY_ALIAS(0)),
    IG_PORT("m_out", 'T', "The first moment.", .alias = IG_MAY_ALIAS(2)),
    IG_PORT("v_out", 'T', "The second moment.", .alias = IG_MAY_ALIAS(3)),
    {0},
};
static const ig_type_rule types[] = {IGI_STEP_TYPES, {'I', IG_T(INT64)}, {0}};
// param, grad, m, v, step, lr
#define STATE(...)                                                                     \
    IGI_IN(__VA_ARGS__), IGI_IN(__VA_ARGS__), IGI_IN(__VA_ARGS__),                     \
        IGI_IN_POSITIVE(__VA_ARGS__), IGI_IN_NUMBER(IG_INT64, 2), IGI_IN_RATE(0.01)
#define ALL                                                                            \
    IGI_INPUTS(STATE(7), IGI_IN_RATE(0.8), IGI_IN_RATE(0.99), IGI_IN_RATE(1e-6),       \
               IGI_IN_RATE(0.1), IGI_IN_RATE(0.5))
static const adam_attrs adamw = {sizeof(adam_attrs), 1};
static const ig_sample samples[] = {
    {.name = "defaults", IGI_INPUTS(STATE(3, 5))},
    {.name = "size_one", IGI_INPUTS(STATE(1))},
    {.name = "empty", IGI_INPUTS(STATE(0, 3))},
    {.name = "all", ALL},
    {.name = "decoupled", .attrs = &adamw, ALL},
    {0},
};

static ig_status adam_infer(ig_infer *x)
{
    for (int i = 0; i < 3; i++)
        if (i >= x->n_out || !x->out[i])
            return ig_infer_fail(
                x, "all three outputs must be wanted: they are the state");
    return igi_step_infer(x, 4);
}

typedef struct {
    double lr, beta1, beta2, eps, decay, scale;
    double fix1, fix2; // 1 - beta^step
    bool decoupled;
} adam_rates;

#define ADAM_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                                  \
    case dtype_: {                                                                     \
        T_ *p = (T_ *)ig_data(t[0]) + w->at[0];                                        \
        T_ *m = (T_ *)ig_data(t[1]) + w->at[1];                                        \
        T_ *v = (T_ *)ig_data(t[2]) + w->at[2];                                        \
        const T_ *grad = (const T_ *)ig_data(t[3]) + w->at[3];                         \
        for (int64_t i = 0; i < w->inner; i++) {                                       \
            double x = (double)LOAD_(p, i * w->step[0]);                               \
            double g = r->scale * (double)LOAD_(grad, i * w->step[3]);                 \
            if (r->decoupled)                                                          \
                x *= 1 - r->lr * r->decay;                                             \
            else                                                                       \
                g += r->decay * x;                                                     \
            double mi = (double)LOAD_(m, i * w->step[1]);                              \
            double vi = (double)LOAD_(v, i * w->step[2]);                              \
            mi = r->beta1 * mi + (1 - r->beta1) * g;                                   \
            vi = r->beta2 * vi + (1 - r->beta2) * g * g;                               \
            STORE_(T_, m, i * w->step[1], mi);                                         \
            STORE_(T_, v, i * w->step[2], vi);                                         \
            x -= r->lr * (mi / r->fix1) / (sqrt(vi / r->fix2) + r->eps);               \
            STORE_(T_, p, i * w->step[0], x);                                          \
        }                                                                              \
        break;                                                                         \
    }

static void adam_row(const igi_walk *w, const ig_tensor *const *t, const adam_rates *r)
{
    switch (ig_dtype_of(t[0])) {
        IGI_FLOAT_ROWS(ADAM_CASE, )
    default: // the schema allows no other type
        break;
    }
}

static ig_status adam_reference(ig_kernel_ctx *k)
{
    const ig_tensor *t[4] = {ig_out(k, 0), ig_out(k, 1), ig_out(k, 2), ig_in(k, 1)};
    const int64_t step = igi_scalar_i64(ig_in(k, 4), 1);
    adam_rates r = {
        .lr = igi_scalar_f64(ig_in(k, 5), 0),
        .beta1 = igi_scalar_f64(ig_in(k, 6), 0.9),
        .beta2 = igi_scalar_f64(ig_in(k, 7), 0.999),
        .eps = igi_scalar_f64(ig_in(k, 8), 1e-8),
        .decay = igi_scalar_f64(ig_in(k, 9), 0),
        .scale = igi_scalar_f64(ig_in(k, 10), 1),
        .decoupled = ((const adam_attrs *)k->attrs)->decoupled != 0,
    };
    if (step < 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "step is %lld; steps count from 1", (long long)step);
    r.fix1 = 1 - pow(r.beta1, (double)step);
    r.fix2 = 1 - pow(r.beta2, (double)step);
    IG_TRY(igi_copy_to_output(k, 0, 0)); // nothing to do where the output is the input
    IG_TRY(igi_copy_to_output(k, 1, 2));
    IG_TRY(igi_copy_to_output(k, 2, 3));
    igi_walk w;
    for (igi_walk_tensors(&w, t[0], t, 4); w.rows > 0; igi_walk_next(&w))
        adam_row(&w, t, &r);
    return IG_OK;
}

IG_OPERATOR(AdamStep) = {
    IG_OP_HEAD,
    .name = "AdamStep",
    .domain = "ingot",
    .since = 1,
    .doc = "One step of Adam, or of AdamW with decoupled = 1, on param, in place.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(adam_attrs),
    .flags = IG_OP_STRIDED,
    .infer = adam_infer,
    .gradient = ig_gradient_forbidden,
    .reference = adam_reference,
    .samples = samples,
};
