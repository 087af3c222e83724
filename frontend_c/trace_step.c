/* Traces of training steps: module and optimiser state become inputs and outputs. */
#include <string.h>

#include "frontend_c/optim.h"
#include "frontend_c/trace.h"
#include "graph/core/alloc.h"

static void state_fini(igi_trace_state *s)
{
    for (size_t i = 0; i < s->tensors.n; i++) {
        s->tensors.p[i]->v.flags &= (uint16_t)~IGI_TRACED;
        if (s->before)
            ig_tensor_unref(s->before[i]);
    }
    for (size_t i = 0; i < s->names.n; i++)
        igi_free(s->names.p[i]);
    igi_free(s->before);
    IGI_VEC_FREE(&s->tensors);
    IGI_VEC_FREE(&s->names);
}

static ig_status add(igi_trace_state *s, ig_tensor *t, const char *name)
{
    char *own = igi_strdup(name);
    if (!own || !IGI_PUSH(&s->names, own)) {
        igi_free(own);
        return IG_OUT_OF_MEMORY;
    }
    return IGI_PUSH(&s->tensors, t) ? IG_OK : IG_OUT_OF_MEMORY;
}

typedef struct collecting {
    igi_trace_state *state;
    ig_ctx *c;
} collecting;

/* The optimiser's: "fc1.weight.m" beside "fc1.weight". */
static ig_status
add_optim(void *user, const char *what, ig_tensor *t, const ig_tensor *of)
{
    collecting *to = user;
    igi_text text = {0};
    const char *name = of && to->c->param_name ? to->c->param_name(to->c, of) : NULL;
    if (name)
        igi_text_add(&text, "%s.%s", name, what);
    else if (of)
        igi_text_add(&text, "state%zu.%s", to->state->tensors.n, what);
    else
        igi_text_add(&text, "%s", what);
    ig_status rc = text.p ? add(to->state, t, text.p) : IG_OUT_OF_MEMORY;
    igi_text_fini(&text);
    return rc;
}

static ig_status collect(igi_trace_state *s, ig_ctx *c, ig_module *m, ig_optim *o)
{
    collecting to = {s, c};
    if (m) {
        ig_params p = ig_module_state(m);
        for (int i = 0; i < p.n; i++)
            IG_TRY(add(s, p.v[i], p.names[i]));
    }
    return o ? igi_optim_state(o, add_optim, &to) : IG_OK;
}

/* Contents as they are, and what a step could not take in. */
static ig_status keep_contents(igi_trace_state *s)
{
    s->before = igi_calloc(s->tensors.n + 1, sizeof(*s->before));
    if (!s->before)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < s->tensors.n; i++) {
        const ig_tensor *t = s->tensors.p[i];
        if (t->grad)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "%s has a gradient from before: apply or clear it before a "
                           "step is traced",
                           s->names.p[i]);
        IG_TRY(igi_tensor_contiguous_copy(&s->before[i], NULL, t));
    }
    return IG_OK;
}

ig_status igi_trace_state_restore(const igi_trace_state *s)
{
    for (size_t i = 0; i < s->tensors.n; i++) {
        ig_tensor *t = s->tensors.p[i];
        ig_tensor_clear_grad(t);
        t->st->version++;
        IG_TRY(igi_tensor_copy_into(t, s->before[i]));
    }
    return IG_OK;
}

ig_graph *ig_trace_step_at(const char *where,
                           ig_ctx *c,
                           ig_trace_fn fn,
                           void *user,
                           struct ig_module *m,
                           struct ig_optim *o,
                           const ig_trace_opts *opts)
{
    igi_trace_state s = {0};
    igi_trace_job j = {
        .c = c, .fn = fn, .user = user, .o = opts, .n_out = 1, .state = &s};
    if (c->status != IG_OK)
        return NULL;
    ig_status rc = collect(&s, c, m, o);
    if (rc == IG_OK)
        rc = keep_contents(&s);
    ig_graph *g = rc == IG_OK ? igi_trace(where, &j) : NULL;
    state_fini(&s);
    (void)igi_ctx_record(c, where, rc);
    return g;
}

int ig_step_state(struct ig_module *m, struct ig_optim *o, ig_tensor **out, int cap)
{
    igi_trace_state s = {0};
    ig_ctx *c = o ? igi_optim_ctx(o) : m ? ig_module_ctx(m) : NULL;
    if (!c)
        return 0;
    ig_status rc = c->status != IG_OK ? c->status : collect(&s, c, m, o);
    int n = (int)s.tensors.n;
    if (rc == IG_OK && n > 0 && cap > 0)
        memcpy(out, s.tensors.p, sizeof(*out) * (size_t)(n < cap ? n : cap));
    state_fini(&s);
    return igi_ctx_record(c, NULL, rc) == IG_OK ? n : -1;
}
