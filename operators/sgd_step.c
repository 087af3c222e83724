// SgdStep: one step of stochastic gradient descent, in place.
//
//   g = grad_scale grad + weight_decay param
//   v = momentum v + g                       (with a velocity)
//   param -= lr (nesterov ? g + momentum v : v)
// Without a velocity param -= lr g. Scalars are inputs, so that a traced training step
// can change them. Sums are made in double and rounded once.

#include "operators/common_step.h"

typedef struct {
    uint32_t struct_size;
    int64_t nesterov;
} sgd_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(sgd_attrs,
                nesterov,
                0,
                "1: look ahead (Nesterov's momentum).",
                .min = 0,
                .max = 1),
    {0},
};
static const ig_port inputs[] = {
    IGI_STEP_PARAM,
    IGI_STEP_GRAD,
    IG_PORT("velocity",
            'T',
            "Momentum buffer, zero at first, updated in place.",
            .flags = IG_MUTATED | IG_OPTIONAL | IG_NODIFF),
    IGI_STEP_RATE,
    IGI_STEP_SCALAR("momentum", "Absent: 0."),
    IGI_STEP_SCALAR("weight_decay", "L2 penalty; absent: 0."),
    IGI_STEP_SCALE,
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("param_out", 'T', "The parameter.", .alias = IG_MAY_ALIAS(0)),
    IG_PORT("velocity_out",
            'T',
            "The velocity; wanted exactly when it is given.",
            .flags = IG_OPTIONAL,
            .alias = IG_MAY_ALIAS(2)),
    {0},
};
static const ig_type_rule types[] = {IGI_STEP_TYPES, {0}};
static const sgd_attrs ahead = {sizeof(sgd_attrs), 1};
#define PLAIN(...)                                                                     \
    .n_out = 1, IGI_INPUTS(IGI_IN(__VA_ARGS__), IGI_IN(__VA_ARGS__), IGI_IN_ABSENT,    \
                           IGI_IN_RATE(0.1))
static const ig_sample samples[] = {
    {.name = "plain", PLAIN(3, 5)},
    {.name = "size_one", PLAIN(1)},
    {.name = "empty", PLAIN(0, 3)},
    {.name = "momentum",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(3, 5),
                IGI_IN(3, 5),
                IGI_IN(3, 5),
                IGI_IN_RATE(0.1),
                IGI_IN_RATE(0.9),
                IGI_IN_RATE(0.01),
                IGI_IN_RATE(0.5))},
    {.name = "nesterov",
     .attrs = &ahead,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(7), IGI_IN(7), IGI_IN(7), IGI_IN_RATE(0.1), IGI_IN_RATE(0.9))},
    {0},
};

static ig_status sgd_infer(ig_infer *x)
{
    bool wanted = x->n_out > 1 && x->out[1];
    if (wanted != (x->in[2] != NULL))
        return ig_infer_fail(x, "velocity and velocity_out go together");
    return igi_step_infer(x, 3);
}

typedef struct {
    double lr, momentum, decay, scale;
    bool nesterov;
} sgd_rates;

#define SGD_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                                   \
    case dtype_: {                                                                     \
        T_ *p = (T_ *)ig_data(t[0]) + w->at[0], *v = NULL;                             \
        const T_ *old = (const T_ *)ig_data(t[1]) + w->at[1];                          \
        const T_ *grad = (const T_ *)ig_data(t[2]) + w->at[2], *v_old = NULL;          \
        if (w->n > 3) {                                                                \
            v = (T_ *)ig_data(t[3]) + w->at[3];                                        \
            v_old = (const T_ *)ig_data(t[4]) + w->at[4];                              \
        }                                                                              \
        for (int64_t i = 0; i < w->inner; i++) {                                       \
            double x = (double)LOAD_(old, i * w->step[1]);                             \
            double g = r->scale * (double)LOAD_(grad, i * w->step[2]) + r->decay * x;  \
            if (v) {                                                                   \
                double speed = r->momentum * (double)LOAD_(v_old, i * w->step[4]) + g; \
                STORE_(T_, v, i * w->step[3], speed);                                  \
                g = r->nesterov ? g + r->momentum * speed : speed;                     \
            }                                                                          \
            STORE_(T_, p, i * w->step[0], x - r->lr * g);                              \
        }                                                                              \
        break;                                                                         \
    }

static void sgd_row(const igi_walk *w, const ig_tensor *const *t, const sgd_rates *r)
{
    switch (ig_dtype_of(t[0])) {
        IGI_FLOAT_ROWS(SGD_CASE, )
    default: // the schema allows no other type
        break;
    }
}

static ig_status sgd_reference(ig_kernel_ctx *k)
{
    const ig_tensor *t[5] = {ig_out(k, 0), ig_in(k, 0), ig_in(k, 1), ig_out(k, 1),
                             ig_in(k, 2)};
    const sgd_rates r = {
        .lr = igi_scalar_f64(ig_in(k, 3), 0),
        .momentum = igi_scalar_f64(ig_in(k, 4), 0),
        .decay = igi_scalar_f64(ig_in(k, 5), 0),
        .scale = igi_scalar_f64(ig_in(k, 6), 1),
        .nesterov = ((const sgd_attrs *)k->attrs)->nesterov != 0,
    };
    igi_walk w;
    for (igi_walk_tensors(&w, t[0], t, t[4] ? 5 : 3); w.rows > 0; igi_walk_next(&w))
        sgd_row(&w, t, &r);
    return IG_OK;
}

IG_OPERATOR(SgdStep) = {
    IG_OP_HEAD,
    .name = "SgdStep",
    .domain = "ingot",
    .since = 1,
    .doc = "One step of gradient descent on param, in place, with optional momentum.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(sgd_attrs),
    .flags = IG_OP_STRIDED,
    .infer = sgd_infer,
    .gradient = ig_gradient_forbidden,
    .reference = sgd_reference,
    .samples = samples,
};
