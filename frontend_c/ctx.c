/* Contexts, scopes, the first error. */
#include "frontend_c/module.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/runtime/remote.h"
#include "graph/runtime/team.h"

ig_status ig_ctx_new(ig_ctx **out, const ig_ctx_opts *opts)
{
    igi_error_clear();
    *out = NULL;
    ig_ctx *c = igi_calloc(1, sizeof(*c));
    if (!c)
        return IG_OUT_OF_MEMORY;
    if (opts)
        c->opts = *opts;
    c->grad_mode = true;
    c->reg =
        igi_registry_ref(c->opts.registry ? c->opts.registry : ig_registry_builtin());
    c->seed = c->opts.seed ? c->opts.seed : IGI_DEFAULT_SEED;
    ig_status rc = c->reg ? igi_pool_new(&c->pool) : ig_error_status();
    if (rc == IG_OK)
        rc = igi_tape_init(&c->tape);
    if (rc != IG_OK) {
        igi_pool_unref(c->pool);
        igi_registry_free(c->reg);
        igi_free(c);
        return rc;
    }
    igi_invoker_init(&c->invoker, c->reg, c->pool,
                     c->opts.threads ? c->opts.threads : igi_cpu_count());
    c->invoker.env.seed = c->seed;
    c->invoker.deterministic = c->opts.deterministic;
    igi_queue *q;
    rc = igi_registry_find_device(c->reg, c->opts.device, &c->device);
    if (rc == IG_OK && c->device) /* says now what hardware is missing */
        rc = igi_remote_queue(&c->invoker, c->device, &q);
    if (rc != IG_OK) {
        ig_ctx_free(c);
        return rc;
    }
    *out = c;
    return IG_OK;
}

void ig_ctx_free(ig_ctx *c)
{
    if (!c)
        return;
    while (c->scope.n)
        ig_value_unref(c->scope.p[--c->scope.n]);
    IGI_VEC_FREE(&c->scope);
    for (ig_module *m = c->modules; m; m = m->next)
        m->c = NULL; /* freed later, they must not look for it */
    igi_tape_fini(&c->tape);
    igi_derived_free(c->derived);
    igi_invoker_fini(&c->invoker);
    igi_pool_unref(c->pool);
    igi_registry_free(c->reg);
    igi_free(c);
}

ig_status ig_ctx_status(const ig_ctx *c)
{
    return c->status;
}

const char *ig_ctx_message(const ig_ctx *c)
{
    return c->status == IG_OK ? "" : c->first.text;
}

void ig_ctx_clear(ig_ctx *c)
{
    c->status = IG_OK;
    igi_error_clear();
}

void ig_ctx_seed(ig_ctx *c, uint64_t seed)
{
    c->seed = seed;
    c->invoker.env.seed = seed;
    c->invoker.draw = 0;
}

ig_status igi_ctx_record(ig_ctx *c, const char *where, ig_status code)
{
    if (code == IG_OK || c->status != IG_OK)
        return code;
    if (where)
        (void)ig_fail_context("%s", where);
    igi_error_get(&c->first);
    c->status = code;
    return code;
}

ig_status
ig_ctx_fail(ig_ctx *c, const char *where, ig_status code, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return igi_ctx_record(c, where, ig_fail(code, "%s", text));
}

ig_status igi_answer(const ig_ctx *c, ig_status rc)
{
    if (c->status != IG_OK)
        return c->status;
    if (rc != IG_OK && ig_error_status() == IG_OK)
        return ig_fail(rc, "the function returned status %d (%s) without a message",
                       (int)rc, ig_status_string(rc));
    return rc;
}

/* ---- scopes ---- */

ig_scope ig_scope_enter(ig_ctx *c)
{
    return (ig_scope){c, c->scope.n};
}

void ig_scope_leave(ig_scope *s)
{
    ig_ctx *c = s->c;
    if (!c)
        return;
    while (c->scope.n > s->mark)
        ig_value_unref(c->scope.p[--c->scope.n]);
    igi_tape_collect(&c->tape);
    s->c = NULL;
}

ig_tensor *ig_keep(ig_ctx *c, ig_tensor *t)
{
    (void)c; /* the scope drops its own reference; this one is the caller's */
    return ig_tensor_ref(t);
}

ig_grad_mode ig_grad_mode_set(ig_ctx *c, bool record)
{
    ig_grad_mode m = {c, c->grad_mode};
    c->grad_mode = record;
    return m;
}

void ig_grad_mode_restore(ig_grad_mode *m)
{
    if (m->c)
        m->c->grad_mode = m->before;
    m->c = NULL;
}

bool ig_grad_enabled(const ig_ctx *c)
{
    return c->grad_mode;
}

ig_status igi_escape(ig_ctx *c, const char *where, const char *what, ig_tensor *t)
{
    if (!c->trace)
        return IG_OK;
    return igi_ctx_record(c, where, c->trace->escaped(c->trace, c, where, what, t));
}

bool igi_misses(ig_ctx *c, const char *where, const char *what, const void *p)
{
    if (c->status == IG_OK && !p)
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT, "%s is NULL", what);
    return c->status != IG_OK;
}

bool igi_refuses(ig_ctx *c, const char *where, const char *what, const ig_tensor *t)
{
    if (c->status == IG_OK && !t)
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT, "%s: the tensor is NULL",
                          what);
    return c->status != IG_OK;
}
