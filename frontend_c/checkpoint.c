/* Activation checkpoints: saved values that are made again (AUTOGRAD rule 18).
 *
 * A checkpoint is a region of the tape. Its function runs and is recorded as usual, so
 * nodes and edges stand where backward, ig_grad and create_graph expect them; then what
 * the nodes have saved is dropped. When a rule asks for a dropped value, the function
 * runs once more on the saved inputs, with the same random draws and with recording on.
 * It must make the same calls: the new nodes lend their saved values to the old ones
 * and stay behind empty. Regions nest: an outer one drops the inputs of the inner ones
 * too, and its second run makes them again. */
#include <string.h>

#include "frontend_c/view.h"
#include "graph/core/alloc.h"

struct igi_region {
    ig_ctx *c;
    const char *where;
    ig_fn fn;     /* or */
    ig_fn_n fn_n; /* with n_out results */
    void *user;
    igi_region *parent;
    size_t first, n;               /* nodes */
    size_t first_region, n_region; /* regions inside */
    uint64_t seed, draw;
    bool dropped; /* the saved inputs are */
    int n_in, n_out;
    ig_tensor **in; /* saved; NULL: absent */
    igi_edge *edges;
};

/* ---- the inputs ---- */

static void release_inputs(igi_region *r)
{
    for (int i = 0; i < r->n_in; i++) {
        if (!r->in[i])
            continue;
        igi_storage_unref(r->in[i]->st);
        r->in[i]->st = NULL;
    }
}

/* A walk that did not reach all results leaves nodes whose values are still dropped: a
 * later walk to another result makes them again from the inputs. */
static bool has_dropped(const igi_region *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->c->tape.nodes.p[r->first + i]->state == IGI_SAVED_DROPPED)
            return true;
    return false;
}

void igi_region_visited(igi_region *r, size_t node)
{
    if (node == r->first && !has_dropped(r))
        release_inputs(r);
}

void igi_region_release(igi_region *r)
{
    release_inputs(r);
    for (int i = 0; i < r->n_in; i++)
        ig_tensor_unref(r->edges[i].leaf);
}

static ig_status save_inputs(igi_tape *t, igi_region *r, ig_tensor *const *in, int n)
{
    r->in = igi_arena_array(&t->arena, (size_t)n, sizeof(*r->in));
    r->edges = igi_arena_array(&t->arena, (size_t)n, sizeof(*r->edges));
    if (!r->in || !r->edges)
        return IG_OUT_OF_MEMORY;
    r->n_in = n;
    for (int i = 0; i < n; i++) {
        if (!in[i])
            continue;
        r->in[i] = igi_tape_save(&t->arena, in[i]);
        if (!r->in[i])
            return IG_OUT_OF_MEMORY;
        (void)igi_tape_edge(t, in[i], &r->edges[i]);
    }
    return IG_OK;
}

/* As they were given, with their histories. */
static ig_status revive_inputs(igi_region *r, ig_tensor **in)
{
    ig_ctx *c = r->c;
    for (int i = 0; i < r->n_in; i++) {
        const ig_tensor *s = r->in[i];
        in[i] = NULL;
        if (!s)
            continue;
        if (s->st->version != s->version)
            return ig_fail(
                IG_INVALID_ARGUMENT,
                "input %d of the checkpoint at %s was changed in place since "
                "(version %u, expected %u)",
                i, r->where, s->st->version, s->version);
        IG_TRY(igi_tape_revive(&c->tape, c->pool, s, &r->edges[i], &in[i]));
        IG_TRY(igi_scope_push(c, &in[i]->v));
    }
    return IG_OK;
}

/* ---- recording ---- */

static ig_status begin(ig_ctx *c, igi_region *like, ig_tensor *const *in, int n)
{
    igi_tape *t = &c->tape;
    igi_region *r = igi_arena_dup(&t->arena, like, sizeof(*like));
    if (!r || !IGI_PUSH(&t->regions, r))
        return IG_OUT_OF_MEMORY;
    r->parent = t->open;
    r->first = t->nodes.n;
    r->first_region = t->regions.n;
    r->seed = c->seed;
    r->draw = c->invoker.draw;
    t->open = r;
    return save_inputs(t, r, in, n);
}

/* Drops what the region's nodes have saved, and the inputs of regions inside. */
static void end(igi_tape *t)
{
    igi_region *r = t->open;
    t->open = r->parent;
    r->n = t->nodes.n - r->first;
    r->n_region = t->regions.n - r->first_region;
    for (size_t i = r->first; i < t->nodes.n; i++) {
        igi_tape_node *n = t->nodes.p[i];
        if (!n->region)
            n->region = r;
        if (n->holds & IGI_HOLDS_SAVED)
            igi_tape_release(n, IGI_SAVED_DROPPED);
    }
    for (size_t i = 0; i < r->n_region; i++) {
        igi_region *inner = t->regions.p[r->first_region + i];
        release_inputs(inner);
        inner->dropped = true;
    }
}

/* ---- running again ---- */

static ig_status differs(const igi_region *r, size_t i, const char *what)
{
    const igi_tape *t = &r->c->tape;
    const igi_tape_node *a = i < r->n ? t->nodes.p[r->first + i] : NULL;
    return ig_fail(
        IG_INVALID_ARGUMENT,
        "the function of the checkpoint at %s does something else the second "
        "time: call %zu (%s at %s) %s",
        r->where, i, a ? a->op->def->name : "none", a && a->where ? a->where : "?",
        what);
}

static bool same_types(const igi_tape_node *a, const igi_tape_node *b)
{
    for (int i = 0; i < a->n_in + a->n_out; i++)
        if (!a->types[i] != !b->types[i] ||
            (a->types[i] && !igi_type_equal(a->types[i], b->types[i])))
            return false;
    return true;
}

/* a's dropped value := b's. The version stays: one that was saved of a parameter, which
 * has been changed since, must be refused. */
static void lend(ig_tensor *a, const ig_tensor *b)
{
    uint32_t version = a->version;
    *a = *b;
    a->version = version;
    (void)igi_storage_ref(a->st);
}

static ig_status take_node(const igi_region *r, size_t i, const igi_tape_node *b)
{
    igi_tape_node *a = r->c->tape.nodes.p[r->first + i];
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out)
        return differs(r, i, "is another call");
    if (!same_types(a, b))
        return differs(r, i, "has tensors of other types");
    if (a->state != IGI_SAVED_DROPPED || b->state != IGI_SAVED_KEPT)
        return IG_OK; /* already used up; or of a region inside, which has dropped it */
    for (int k = 0; k < a->n_in + a->n_out; k++) {
        if (!a->saved[k])
            continue;
        if (!b->saved[k])
            return differs(r, i, "needs other values for its gradient");
        lend(a->saved[k], b->saved[k]);
    }
    a->holds |= IGI_HOLDS_SAVED;
    a->state = IGI_SAVED_KEPT;
    return IG_OK;
}

static ig_status take_region(const igi_region *r, size_t i, const igi_region *b)
{
    igi_region *a = r->c->tape.regions.p[r->first_region + i];
    if (a->n_in != b->n_in || !a->dropped || b->dropped)
        return a->n_in == b->n_in ? IG_OK
                                  : differs(r, 0, "has other checkpoints inside");
    for (int k = 0; k < a->n_in; k++)
        if (!a->in[k] != !b->in[k])
            return differs(r, 0, "has other checkpoints inside");
    for (int k = 0; k < a->n_in; k++)
        if (a->in[k])
            lend(a->in[k], b->in[k]);
    a->dropped = false;
    return IG_OK;
}

/* What was recorded from node `node` and region `region` on, against the first time. */
static ig_status take(igi_region *r, size_t node, size_t region)
{
    const igi_tape *t = &r->c->tape;
    size_t n = t->nodes.n - node;
    for (size_t i = 0; i < n && i < r->n; i++)
        IG_TRY(take_node(r, i, t->nodes.p[node + i]));
    if (n != r->n)
        return differs(r, n < r->n ? n : r->n, "is missing, or one too many");
    if (t->regions.n - region != r->n_region)
        return differs(r, 0, "has other checkpoints inside");
    for (size_t i = 0; i < r->n_region; i++)
        IG_TRY(take_region(r, i, t->regions.p[region + i]));
    return IG_OK;
}

static ig_status call(igi_region *r, ig_tensor *const *in, ig_tensor **out)
{
    ig_status rc = IG_OK;
    igi_error_clear();
    if (r->fn_n)
        rc = r->fn_n(r->c, in, out, r->user);
    else
        out[0] = r->fn(r->c, in, r->user);
    return igi_answer(r->c, rc);
}

static ig_status run_again(igi_region *r)
{
    ig_tensor *in[IG_CHECKPOINT_MAX], *out[IG_CHECKPOINT_MAX] = {0};
    ig_status rc = revive_inputs(r, in);
    return rc == IG_OK ? call(r, in, out) : rc;
}

ig_status igi_region_restore(igi_region *r)
{
    ig_ctx *c = r->c;
    igi_tape *t = &c->tape;
    if (r->dropped)
        IG_TRY(igi_region_restore(r->parent));
    size_t node = t->nodes.n, region = t->regions.n, mark = c->scope.n;
    uint64_t seed = c->seed, draw = c->invoker.draw;
    igi_region *open = t->open;
    bool backward = c->in_backward;
    ig_grad_mode mode = ig_grad_mode_set(c, true);
    t->open = NULL;
    c->in_backward = false;
    ++*t->live; /* nothing is collected meanwhile */
    c->seed = c->invoker.env.seed = r->seed;
    c->invoker.draw = r->draw;
    ig_status rc = run_again(r);
    c->seed = c->invoker.env.seed = seed;
    c->invoker.draw = draw;
    while (c->scope.n > mark)
        ig_value_unref(c->scope.p[--c->scope.n]);
    if (rc == IG_OK)
        rc = take(r, node, region);
    --*t->live;
    c->in_backward = backward;
    t->open = open;
    ig_grad_mode_restore(&mode);
    /* A tensor that the function has put aside may name a new node, so they stay. */
    for (size_t i = node; i < t->nodes.n; i++)
        igi_tape_release(t->nodes.p[i], IGI_SAVED_RELEASED);
    for (size_t i = region; i < t->regions.n; i++)
        release_inputs(t->regions.p[i]);
    return rc;
}

/* ---- the call ---- */

/* Results outlive the function's scope. */
static ig_status hand_out(ig_ctx *c, ig_tensor **out, int n)
{
    ig_status rc = IG_OK;
    for (int i = 0; i < n; i++)
        if (out[i] && igi_scope_push(c, &out[i]->v) != IG_OK)
            rc = IG_OUT_OF_MEMORY;
    return rc;
}

static ig_status
run_region(igi_region *like, ig_tensor *const *in, int n, ig_tensor **out)
{
    ig_ctx *c = like->c;
    igi_tape *t = &c->tape;
    igi_tape_collect(t);
    ++*t->live; /* the first node must not find an empty tape and reset it */
    igi_region *outer = t->open;
    size_t mark = c->scope.n;
    ig_status rc = IG_OK;
    for (int i = 0; rc == IG_OK && i < n; i++) /* no call of the function's own */
        if (in[i])
            rc = igi_view_settle(c, like->where, "checkpoint", &in[i]->v);
    if (rc == IG_OK)
        rc = begin(c, like, in, n);
    if (rc == IG_OK)
        rc = call(t->open, in, out);
    for (int i = 0; i < like->n_out; i++)
        (void)ig_tensor_ref(out[i]);
    while (c->scope.n > mark)
        ig_value_unref(c->scope.p[--c->scope.n]);
    if (t->open != outer)
        end(t);
    --*t->live;
    ig_status given = hand_out(c, out, like->n_out);
    return rc == IG_OK ? given : rc;
}

static ig_status checkpoint(igi_region *r, ig_tensor *const *in, int n, ig_tensor **out)
{
    ig_ctx *c = r->c;
    if (c->status != IG_OK)
        return c->status;
    if ((!r->fn && !r->fn_n) || n < 0 || n > IG_CHECKPOINT_MAX || r->n_out < 1 ||
        r->n_out > IG_CHECKPOINT_MAX)
        return ig_ctx_fail(c, r->where, IG_INVALID_ARGUMENT,
                           "a checkpoint has a function, up to %d inputs and 1 to %d "
                           "results, not %d and %d",
                           IG_CHECKPOINT_MAX, IG_CHECKPOINT_MAX, n, r->n_out);
    memset(out, 0, sizeof(*out) * (size_t)r->n_out);
    ig_status rc = c->grad_mode ? run_region(r, in, n, out) : call(r, in, out);
    for (int i = 0; rc != IG_OK && i < r->n_out; i++)
        out[i] = NULL;
    return igi_ctx_record(c, r->where, rc);
}

ig_tensor *ig_checkpoint_at(
    const char *where, ig_ctx *c, ig_fn fn, ig_tensor *const *in, int n, void *user)
{
    ig_tensor *out = NULL;
    igi_region r = {.c = c, .where = where, .fn = fn, .user = user, .n_out = 1};
    return checkpoint(&r, in, n, &out) == IG_OK ? out : NULL;
}

ig_status ig_checkpoint_n_at(const char *where,
                             ig_ctx *c,
                             ig_fn_n fn,
                             ig_tensor *const *in,
                             int n,
                             ig_tensor **out,
                             int n_out,
                             void *user)
{
    igi_region r = {.c = c, .where = where, .fn_n = fn, .user = user, .n_out = n_out};
    return checkpoint(&r, in, n, out);
}
