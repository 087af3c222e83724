/* Instances: from an input signature to a plan, and one run from end to end. */
#include "graph/runtime/instance.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/runtime/profile.h"

/* Plans that differ in integers only: so many, then integers are no part of signatures
 * any more, and nodes whose shapes depend on them are late. */
#define INT_PLANS 6

ig_status igi_instance_new(igi_instance **out, ig_net *net)
{
    igi_instance *x = *out = igi_calloc(1, sizeof(*x));
    if (!x)
        return IG_OUT_OF_MEMORY;
    x->net = igi_net_ref(net);
    igi_invoker_init(&x->invoker, NULL, NULL, net->threads);
    x->invoker.host = net->host;
    x->invoker.reg = net->graph->reg;
    x->invoker.owner = x;
    x->invoker.deterministic = net->deterministic;
    x->bodies = igi_calloc(net->n_bodies + 1, sizeof(*x->bodies));
    x->plans = igi_calloc(net->plan_cache, sizeof(igi_plan *));
    x->in = igi_calloc((size_t)net->n_in + 1, sizeof(ig_value *));
    x->direct = igi_calloc((size_t)net->n_out + 1, sizeof(bool));
    x->made = igi_calloc((size_t)net->n_out + 1, sizeof(bool));
    if (x->plans && x->in && x->direct && x->made && x->bodies)
        return IG_OK;
    igi_instance_free(x);
    *out = NULL;
    return IG_OUT_OF_MEMORY;
}

void igi_instance_free(igi_instance *x)
{
    if (!x)
        return;
    for (size_t i = 0; x->plans && i < x->n_plans; i++)
        igi_plan_free(x->plans[i]);
    for (size_t i = 0; x->bodies && i < x->net->n_bodies; i++)
        igi_instance_free(x->bodies[i]);
    igi_free(x->bodies);
    igi_free(x->arena[IGI_HOST]);
    if (x->arena[IGI_THERE])
        igi_queue_release(x->invoker.queue[x->net->device], x->arena[IGI_THERE],
                          x->arena_bytes[IGI_THERE]);
    igi_invoker_fini(&x->invoker);
    igi_free(x->plans);
    igi_free(x->key);
    igi_free(x->in);
    igi_free(x->real);
    igi_free(x->direct);
    igi_free(x->made);
    ig_net_free(x->net);
    igi_free(x);
}

ig_net *igi_instance_net(const igi_instance *x)
{
    return x->net;
}

bool igi_instance_keyed(const igi_instance *x)
{
    return x->int_plans < INT_PLANS;
}

/* ---- signatures ---- */

static ig_status key_room(igi_instance *x, size_t more)
{
    if (x->key_n + more <= x->key_cap)
        return IG_OK;
    size_t cap = 2 * (x->key_n + more) + 256;
    char *key = igi_realloc(x->key, cap);
    if (!key)
        return IG_OUT_OF_MEMORY;
    x->key = key;
    x->key_cap = cap;
    return IG_OK;
}

static inline void key_put(igi_instance *x, int64_t word)
{
    memcpy(x->key + x->key_n, &word, sizeof(word));
    x->key_n += sizeof(word);
}

/* Elements of a keyed input, floats and truth values by their bits. */
static void key_elements(igi_instance *x, const ig_tensor *t)
{
    int64_t n = igi_tensor_count(t), step = t->v.type.rank ? igi_strides(t)[0] : 0;
    size_t size = (size_t)ig_dtype_bits((ig_dtype)t->v.type.dtype) / 8;
    for (int64_t i = 0; i < n; i++) {
        int64_t word = 0;
        memcpy(&word, t->data + i * step * (int64_t)size, size);
        key_put(x, word);
    }
}

/* A type with those of its elements, one in another. */
static ig_status key_type(igi_instance *x, const ig_type *t, int space)
{
    const ig_type *last = igi_type_innermost(t);
    for (;; t = t->u.elem) {
        int rank = t == last ? t->rank : -1;
        IG_TRY(key_room(x, (size_t)(IG_RANK_MAX + 1) * sizeof(int64_t)));
        key_put(x, t->kind | t->dtype << 8 | (rank + 1) << 16 | (int64_t)space << 32);
        for (int d = 0; d < rank; d++)
            key_put(x, ig_type_dims(t)[d]);
        if (t == last)
            return IG_OK;
    }
}

/* Keys with integers and keys without say so: words of one kind could stand for
 * another.
 */
static ig_status make_key(igi_instance *x, ig_value *const *in)
{
    x->key_n = 0;
    IG_TRY(key_room(x, sizeof(int64_t)));
    key_put(x, igi_instance_keyed(x));
    for (int i = 0; i < x->net->n_in; i++) {
        IG_TRY(key_type(x, &in[i]->type, igi_plan_space(x->net, in[i])));
        IG_TRY(key_room(x, IGI_KEY_INTS * sizeof(int64_t)));
        if (x->net->keyed[i] && igi_instance_keyed(x) && igi_plan_may_read(in[i]))
            key_elements(x, (const ig_tensor *)in[i]);
    }
    return IG_OK;
}

static bool key_matches(const igi_instance *x, const igi_plan *p)
{
    return p->key_n == x->key_n && memcmp(p->key, x->key, x->key_n) == 0;
}

/* Whether p was made for inputs of these types, so that only integers differ. */
static bool same_types(const igi_instance *x, const igi_plan *p, ig_value *const *in)
{
    for (int i = 0; i < x->net->n_in; i++)
        if (!igi_type_equal(&p->value[x->net->graph->inputs.p[i].i].type, &in[i]->type))
            return false;
    return true;
}

/* Where a new plan goes: a free slot, or that of the least recently used one. */
static igi_plan **plan_slot(igi_instance *x)
{
    if (x->n_plans < x->net->plan_cache)
        return &x->plans[x->n_plans++];
    igi_plan **oldest = &x->plans[0];
    for (size_t i = 1; i < x->n_plans; i++)
        if (x->plans[i]->used < (*oldest)->used)
            oldest = &x->plans[i];
    if (x->last == *oldest)
        x->last = NULL;
    igi_plan_free(*oldest);
    return oldest;
}

ig_status igi_instance_plan(igi_instance *x, ig_value *const *in, igi_plan **out)
{
    IG_TRY(make_key(x, in));
    igi_plan *p = x->last && key_matches(x, x->last) ? x->last : NULL;
    for (size_t i = 0; i < x->n_plans && !p; i++)
        if (key_matches(x, x->plans[i]))
            p = x->plans[i];
    if (!p) {
        IG_TRY(igi_inputs_check(x->net, in));
        if (x->last && igi_instance_keyed(x) && same_types(x, x->last, in) &&
            ++x->int_plans == INT_PLANS)
            return igi_instance_plan(x, in, out);
        IG_TRY(igi_plan_new(&p, x->net, x, &igi_plan_services, in));
        p->key = igi_alloc(x->key_n);
        if (!p->key) {
            igi_plan_free(p);
            return IG_OUT_OF_MEMORY;
        }
        memcpy(p->key, x->key, x->key_n);
        p->key_n = x->key_n;
        *plan_slot(x) = p;
    }
    p->used = ++x->clock;
    x->last = *out = p;
    return IG_OK;
}

/* ---- checks of inputs ---- */

typedef struct binding { /* what a symbol stands for in this run */
    int64_t symbol, size;
    int input;
} binding;

typedef IGI_VEC(binding) bindings;

static ig_status check_symbol(
    const ig_net *net, bindings *seen, int i, int d, int64_t want, int64_t have)
{
    const ig_symtab *syms = net->graph->syms;
    char text[128];
    if (!igi_symtab_name(syms, want))
        return IG_OK; /* an expression: infer compares what follows from it */
    for (size_t k = 0; k < seen->n; k++) {
        if (seen->p[k].symbol != want || seen->p[k].size == have)
            continue;
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "dim %d of input '%s' is %lld, but '%s' has set %s to %lld", d,
            net->in_names[i], (long long)have, net->in_names[seen->p[k].input],
            igi_dim_print(syms, want, text, sizeof(text)), (long long)seen->p[k].size);
    }
    binding b = {want, have, i};
    return IGI_PUSH(seen, b) ? IG_OK : IG_OUT_OF_MEMORY;
}

static ig_status
wrong_input(const ig_net *net, int i, const ig_type *want, const ig_value *have)
{
    char a[256], b[256];
    return ig_fail(IG_INVALID_ARGUMENT, "input '%s' is %s, but the model takes %s",
                   net->in_names[i], igi_type_print(&have->type, NULL, b, sizeof(b)),
                   igi_type_print(want, net->graph->syms, a, sizeof(a)));
}

static ig_status
check_input(const ig_net *net, bindings *seen, int i, const ig_value *v)
{
    const ig_type *want = &igi_value_at(net->graph, net->graph->inputs.p[i])->type;
    const ig_type *have = &v->type;
    if (want->kind != have->kind)
        return wrong_input(net, i, want, v);
    if (want->kind != IG_KIND_TENSOR)
        return igi_type_same_kind(want, have) || igi_value_is_untyped(v)
                   ? IG_OK
                   : wrong_input(net, i, want, v);
    if ((want->dtype && want->dtype != have->dtype) ||
        (want->rank >= 0 && want->rank != have->rank))
        return wrong_input(net, i, want, v);
    for (int d = 0; d < want->rank; d++) {
        int64_t w = ig_type_dims(want)[d], h = ig_type_dims(have)[d];
        if (w >= 0 && w != h)
            return wrong_input(net, i, want, v);
        if (ig_dim_is_symbol(w))
            IG_TRY(check_symbol(net, seen, i, d, w, h));
    }
    return IG_OK;
}

ig_status igi_inputs_check(const ig_net *net, ig_value *const *in)
{
    bindings seen = {0};
    ig_status rc = IG_OK;
    for (int i = 0; i < net->n_in && rc == IG_OK; i++)
        rc = check_input(net, &seen, i, in[i]);
    IGI_VEC_FREE(&seen);
    return rc;
}

/* ---- one run ---- */

static void drop_arena(igi_instance *x, const igi_plan *p, int space)
{
    if (space == IGI_HOST)
        igi_free(x->arena[space]);
    else
        igi_queue_release(p->queue, x->arena[space], x->arena_bytes[space]);
    x->arena[space] = NULL;
    x->arena_bytes[space] = 0;
}

static ig_status ensure_arena(igi_instance *x, igi_plan *p, int space)
{
    char **arena = &x->arena[space];
    size_t need = p->arena[space].total_bytes;
    need = need > 64 ? need : 64;
    if (space == IGI_THERE && !p->queue)
        return IG_OK;
    if (need > x->arena_bytes[space]) {
        ig_status rc = IG_OK;
        drop_arena(x, p, space);
        if (space == IGI_THERE)
            rc = igi_queue_alloc(p->queue, need, arena);
        else if (!(*arena = igi_alloc(need)))
            rc = IG_OUT_OF_MEMORY;
        for (size_t i = 0; i < x->n_plans;
             i++) /* an address may come back: bind anew */
            if (x->plans[i]->arena[space].base)
                igi_plan_bind_arena(x->plans[i], space, *arena);
        if (rc != IG_OK)
            return ig_fail_context("the arena of %zu bytes", need);
        x->arena_bytes[space] = need;
    }
    if (p->arena[space].base != *arena)
        igi_plan_bind_arena(p, space, *arena);
    return IG_OK;
}

static ig_status ensure_real(igi_instance *x, const igi_plan *p)
{
    if (p->n_values <= x->real_cap)
        return IG_OK;
    ig_value **real = igi_calloc(p->n_values, sizeof(*real));
    if (!real)
        return IG_OUT_OF_MEMORY;
    igi_free(x->real);
    x->real = real;
    x->real_cap = p->n_values;
    return IG_OK;
}

static ig_status
run_bound(igi_instance *x, ig_value *const *in, ig_value **out, int n_out)
{
    igi_plan *p = x->plan;
    if (p->has_random)
        for (uint32_t i = 0; i < p->n_steps; i++)
            p->step[i].k.seed = x->invoker.env.seed;
    ig_status rc = igi_bind_run(x, in, out, n_out);
    if (rc == IG_OK)
        rc = igi_execute(x);
    if (p->queue)
        igi_queue_mark(p->queue);
    if (rc == IG_OK && p->queue)
        rc = igi_queue_wait(p->queue); /* what the device found wrong */
    else if (p->queue)
        igi_queue_settle(p->queue); /* inputs are the caller's again */
    if (rc == IG_OK)
        rc = igi_deliver(x, out, n_out);
    igi_unbind_run(x, in);
    return rc;
}

/* Memory for the plan of these inputs; charges it. */
static ig_status prepare(igi_instance *x, ig_value *const *in)
{
    igi_plan *p;
    igi_env *env = &x->invoker.env;
    IG_TRY(igi_instance_plan(x, in, &p));
    IG_TRY(igi_plan_fits(p, env->tensor_bytes));
    uint64_t need = (uint64_t)igi_plan_bytes(p) + p->own_bytes;
    if (need > env->memory_bytes || env->memory_used > env->memory_bytes - need)
        return ig_fail(
            IG_LIMIT,
            "the run needs %llu bytes (arena %zu, outputs %zu), over the limit "
            "memory_bytes of %llu; raise it in the limits of the model or run",
            (unsigned long long)need, igi_plan_bytes(p), p->own_bytes,
            (unsigned long long)env->memory_bytes);
    env->memory_used += need;
    for (int space = 0; space < IGI_SPACES; space++)
        IG_TRY(ensure_arena(x, p, space));
    IG_TRY(ensure_real(x, p));
    x->plan = p;
    x->profile = NULL;
    return IG_OK;
}

ig_status igi_instance_run(igi_instance *x,
                           ig_value *const *in,
                           ig_value **out,
                           int n_out,
                           const ig_run_opts *opts)
{
    igi_env_init(&x->invoker.env, &x->net->limits, opts);
    x->invoker.draw = 0;
    x->nested = false;
    if (igi_env_watched(&x->invoker.env))
        IG_TRY(igi_env_poll(&x->invoker.env));
    IG_TRY(prepare(x, in));
    if (!opts || !opts->profile)
        return run_bound(x, in, out, n_out);
    IG_TRY(igi_profile_new(&x->profile, x->plan, NULL));
    ig_status rc = run_bound(x, in, out, n_out);
    if (rc == IG_OK && (rc = igi_profile_write(x->profile, opts->profile)) != IG_OK)
        igi_take_back(x, out, n_out);
    igi_profile_free(x->profile);
    x->profile = NULL;
    return rc;
}

ig_status igi_instance_run_body(igi_instance *x,
                                igi_env *env,
                                igi_profile *outer,
                                ig_value *const *in,
                                ig_value **out,
                                int n_out)
{
    if (x->running)
        return IG_BUG("a body runs inside itself");
    x->invoker.env = *env;
    x->invoker.draw = 0;
    x->nested = x->running = true;
    ig_status rc = prepare(x, in);
    if (rc == IG_OK && outer)
        rc = igi_profile_new(&x->profile, x->plan, outer);
    if (rc == IG_OK)
        rc = run_bound(x, in, out, n_out);
    if (rc == IG_OK && outer)
        rc = igi_profile_add(outer, x->profile);
    igi_profile_free(x->profile);
    x->profile = NULL;
    x->running = false;
    env->rounds_left = x->invoker.env.rounds_left;
    return rc;
}
