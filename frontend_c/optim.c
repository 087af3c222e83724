/* Optimisers: one operator call a parameter, in place; their numbers are tensors, so
 * that a traced step can change them. */
#include <math.h>
#include <string.h>

#include "frontend_c/optim.h"

#include "frontend_c/place.h"
#include "frontend_c/wrap.h"
#include "graph/core/alloc.h"
#include "graph/core/dtype.h"

typedef struct slot {
    ig_tensor *param;    /* counted */
    ig_tensor *state[2]; /* velocity, or both moments; NULL until first used */
    int64_t missed;      /* steps without a gradient: Adam counts those of the slot */
} slot;

struct ig_optim {
    ig_ctx *c;
    const ig_op_def *op;
    union {
        ig_ingot_sgd_step_opts sgd;
        ig_ingot_adam_step_opts adam;
    } opts;
    bool adam;
    int n_states;
    int n_numbers;
    ig_tensor *numbers[6]; /* lr, then the operator's further scalars, float64 */
    ig_tensor *step;       /* int64, Adam only */
    int n;
    slot *slots;
};

static ig_tensor *number(ig_ctx *c, double v)
{
    return ig_keep(c, ig_scalar(c, IG_FLOAT64, v));
}

void ig_optim_free(ig_optim *o)
{
    if (!o)
        return;
    for (int i = 0; o->slots && i < o->n; i++) {
        ig_tensor_unref(o->slots[i].param);
        ig_tensor_unref(o->slots[i].state[0]);
        ig_tensor_unref(o->slots[i].state[1]);
    }
    for (int i = 0; i < o->n_numbers; i++)
        ig_tensor_unref(o->numbers[i]);
    ig_tensor_unref(o->step);
    igi_free(o->slots);
    igi_free(o);
}

static ig_optim *
optim_new(ig_params params, const char *op, const double *numbers, int n_numbers)
{
    static const ig_op_def *sgd, *adam;
    ig_ctx *c = params.c;
    if (!c || c->status != IG_OK) /* NULL: of a module that was not made */
        return NULL;
    ig_optim *o = igi_calloc(1, sizeof(*o));
    if (o)
        o->slots = igi_calloc((size_t)params.n + 1, sizeof(*o->slots));
    if (!o || !o->slots) {
        igi_free(o);
        (void)igi_ctx_record(c, NULL, IG_OUT_OF_MEMORY);
        return NULL;
    }
    o->c = c;
    o->adam = !strcmp(op, "ingot::AdamStep");
    o->op = igi_op_once(o->adam ? &adam : &sgd, op);
    o->n = params.n;
    for (int i = 0; i < params.n; i++)
        o->slots[i].param = ig_tensor_ref(params.v[i]);
    ig_scope s = ig_scope_enter(c);
    for (int i = 0; i < n_numbers; i++)
        o->numbers[o->n_numbers++] = number(c, numbers[i]);
    if (o->adam)
        o->step = ig_keep(c, ig_scalar(c, IG_INT64, 0));
    ig_scope_leave(&s);
    if (c->status == IG_OK)
        return o;
    ig_optim_free(o);
    return NULL;
}

ig_optim *ig_sgd_new(ig_params params, const ig_sgd_opts *opts)
{
    ig_sgd_opts s = opts ? *opts : (ig_sgd_opts){0};
    double numbers[3] = {s.lr > 0 ? s.lr : 0.01, s.momentum, s.weight_decay};
    ig_optim *o = optim_new(params, "ingot::SgdStep", numbers, 3);
    if (!o)
        return NULL;
    o->opts.sgd = (ig_ingot_sgd_step_opts)IG_INGOT_SGD_STEP_OPTS_INIT;
    o->opts.sgd.nesterov = s.nesterov;
    o->n_states = s.momentum > 0 ? 1 : 0;
    return o;
}

ig_optim *ig_adam_new(ig_params params, const ig_adam_opts *opts)
{
    ig_adam_opts a = opts ? *opts : (ig_adam_opts){0};
    double numbers[5] = {a.lr > 0 ? a.lr : 1e-3, a.beta1 > 0 ? a.beta1 : 0.9,
                         a.beta2 > 0 ? a.beta2 : 0.999, a.eps > 0 ? a.eps : 1e-8,
                         a.weight_decay};
    ig_optim *o = optim_new(params, "ingot::AdamStep", numbers, 5);
    if (!o)
        return NULL;
    o->opts.adam = (ig_ingot_adam_step_opts)IG_INGOT_ADAM_STEP_OPTS_INIT;
    o->opts.adam.decoupled = a.decoupled;
    o->n_states = 2;
    return o;
}

void ig_optim_set_lr(ig_optim *o, double lr)
{
    if (!o)
        return;
    if (o->c->trace) {
        (void)ig_ctx_fail(o->c, NULL, IG_UNSUPPORTED,
                          "setting the learning rate cannot be traced: it is the input "
                          "lr of a traced step");
        return;
    }
    ig_scope s = ig_scope_enter(o->c);
    ig_tensor *t = ig_full(o->c, IG_FLOAT64, (ig_shape){0, NULL}, lr);
    if (t)
        (void)igi_ctx_record(o->c, NULL, igi_tensor_copy_into(o->numbers[0], t));
    ig_scope_leave(&s);
}

static ig_status make_states(ig_optim *o, slot *s)
{
    const ig_type *t = &s->param->v.type;
    const ig_tensor *first = o->slots[0].param;
    for (int k = 0; k < o->n_numbers; k++) /* once, or each step would send them */
        IG_TRY(igi_place_like(o->c, &o->numbers[k], first));
    if (o->step)
        IG_TRY(igi_place_like(o->c, &o->step, first));
    for (int k = 0; k < o->n_states; k++) {
        if (!s->state[k])
            s->state[k] = ig_keep(o->c, ig_zeros(o->c, (ig_dtype)t->dtype,
                                                 (ig_shape){t->rank, ig_type_dims(t)}));
        if (!s->state[k])
            return o->c->status;
        IG_TRY(igi_place_like(o->c, &s->state[k], s->param));
    }
    return IG_OK;
}

/* How many steps the slot has made, this one included. */
static ig_value *steps_of(ig_optim *o, const slot *s, const char *where)
{
    if (!s->missed)
        return (ig_value *)o->step;
    return (ig_value *)ig_sub_at(
        where, o->c, o->step, ig_scalar_at(where, o->c, IG_INT64, (double)s->missed));
}

static ig_status update(ig_optim *o, slot *s, const char *where)
{
    ig_value *in[12], *out[3];
    int n = 0;
    IG_TRY(make_states(o, s));
    in[n++] = (ig_value *)s->param;
    in[n++] = (ig_value *)s->param->grad;
    for (int k = 0; k < (o->adam ? 2 : 1); k++)
        in[n++] = (ig_value *)s->state[k];
    if (o->adam && !(in[n++] = steps_of(o, s, where)))
        return o->c->status;
    for (int k = 0; k < o->n_numbers; k++)
        in[n++] = (ig_value *)o->numbers[k];
    in[n++] = NULL; /* grad_scale: passes put the factor of clipping there */
    ig_call call = {.op = o->op,
                    .attrs = &o->opts,
                    .where = where,
                    .wanted = IG_BIT(1 + o->n_states) - 1, /* velocity is optional */
                    .n_in = n,
                    .n_out = 1 + o->n_states};
    return ig_dispatch(o->c, &call, in, out);
}

ig_status ig_optim_step_at(const char *where, ig_optim *o)
{
    ig_ctx *c = o ? o->c : NULL;
    if (!c)
        return ig_fail(IG_INVALID_ARGUMENT, "the optimiser is NULL: it was not made");
    ig_status rc = c->status;
    if (rc != IG_OK)
        return rc;
    ig_grad_mode mode = ig_grad_mode_set(c, false);
    ig_scope scope = ig_scope_enter(c);
    if (o->step &&
        !ig_add_inplace_at(where, c, o->step, ig_scalar_at(where, c, IG_INT64, 1)))
        rc = c->status;
    for (int i = 0; rc == IG_OK && i < o->n; i++) {
        if (!o->slots[i].param->grad) { /* unset differs from zero: skipped */
            o->slots[i].missed++;
            continue;
        }
        rc = update(o, &o->slots[i], where);
        ig_tensor_clear_grad(o->slots[i].param);
    }
    ig_scope_leave(&scope);
    ig_grad_mode_restore(&mode);
    return rc;
}

/* ---- what a traced step takes in ---- */

ig_ctx *igi_optim_ctx(const ig_optim *o)
{
    return o->c;
}

ig_status igi_optim_state(ig_optim *o, igi_optim_visit visit, void *user)
{
    static const char *const names[2][2] = {{"velocity", NULL}, {"m", "v"}};
    IG_TRY(visit(user, "lr", o->numbers[0], NULL));
    if (o->step)
        IG_TRY(visit(user, "step", o->step, NULL));
    for (int i = 0; i < o->n; i++) {
        slot *s = &o->slots[i];
        IG_TRY(make_states(o, s));
        for (int k = 0; k < o->n_states; k++)
            IG_TRY(visit(user, names[o->adam][k], s->state[k], s->param));
    }
    return IG_OK;
}

/* ---- clipping ---- */

enum {
    CLIP_BLOCK = IG_PORTS_MAX - 1
}; /* gradients of one ClipScale, beside the bound */

/* The norm of g[n], float64; *scale: what clipping multiplies by. Norms of blocks have
 * the norm of all of them. */
static ig_tensor *norm_of(const char *where,
                          ig_ctx *c,
                          double max_norm,
                          ig_tensor **g,
                          int n,
                          ig_tensor **scale)
{
    ig_tensor *in[IG_PORTS_MAX], *out[2] = {NULL};
    for (int at = 0, made = 0; n > CLIP_BLOCK; n = made, at = made = 0)
        for (; at < n && c->status == IG_OK; at += CLIP_BLOCK)
            g[made++] = norm_of(where, c, max_norm, g + at,
                                n - at < CLIP_BLOCK ? n - at : CLIP_BLOCK, scale);
    in[0] = ig_scalar_at(where, c, IG_FLOAT64, max_norm);
    memcpy(in + 1, g, (size_t)n * sizeof(*g));
    (void)ig_call_op_at(where, c, "ingot::ClipScale", NULL, in, 1 + n, out, 2);
    *scale = out[1];
    return out[0];
}

/* NULL: no gradient, or an error. */
static ig_tensor *
global_norm(const char *where, ig_params params, double max_norm, ig_tensor **scale)
{
    ig_tensor **g = igi_alloc_array((size_t)params.n + 1, sizeof(*g));
    int n = 0;
    if (!g) {
        (void)igi_ctx_record(params.c, where, IG_OUT_OF_MEMORY);
        return NULL;
    }
    for (int p = 0; p < params.n; p++)
        if (params.v[p]->grad)
            g[n++] = params.v[p]->grad;
    ig_tensor *norm = n ? norm_of(where, params.c, max_norm, g, n, scale) : NULL;
    igi_free(g);
    return norm;
}

static void scale_grads(const char *where, ig_params params, ig_tensor *scale)
{
    for (int p = 0; p < params.n; p++) {
        ig_tensor *g = params.v[p]->grad;
        if (g)
            (void)ig_mul_inplace_at(
                where, params.c, g,
                ig_cast_at(where, params.c, scale, ig_tensor_dtype(g)));
    }
}

ig_tensor *ig_clip_grads_at(const char *where, ig_params params, double max_norm)
{
    ig_ctx *c = params.c;
    if (!c || c->status != IG_OK)
        return NULL;
    ig_grad_mode mode = ig_grad_mode_set(c, false);
    ig_scope scope = ig_scope_enter(c);
    ig_tensor *scale = NULL;
    ig_tensor *norm = global_norm(where, params, max_norm, &scale);
    if (norm)
        scale_grads(where, params, scale);
    else
        norm = ig_scalar_at(where, c, IG_FLOAT64, 0);
    norm = c->status == IG_OK ? ig_tensor_ref(norm) : NULL;
    ig_scope_leave(&scope);
    ig_grad_mode_restore(&mode);
    return norm && igi_scope_push(c, &norm->v) == IG_OK ? norm : NULL;
}

double ig_clip_grad_norm_at(const char *where, ig_params params, double max_norm)
{
    ig_tensor *norm = ig_clip_grads_at(where, params, max_norm);
    return norm ? ig_item_at(where, params.c, norm) : NAN;
}
