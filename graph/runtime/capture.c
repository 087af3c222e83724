/* Keeping runs of a device, and repeating them. */
#include "graph/runtime/capture.h"

#include "graph/core/log.h"
#include "graph/core/map.h"
#include "graph/runtime/instance.h"

/* A copy to the device of what the caller gave on the host. */
static bool is_send(const igi_plan *p, const igi_step *s)
{
    return !s->node.i && s->space == IGI_THERE &&
           igi_plan_space_of(p, s->in[0]) == IGI_HOST &&
           igi_plan_root(p, s->in[0])->where == IGI_AT_INPUT;
}

void igi_capture_order(igi_plan *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        if (!is_send(p, &p->step[i]))
            continue;
        igi_step s = p->step[i];
        for (uint32_t k = i; k > n; k--)
            p->step[k] = p->step[k - 1];
        p->step[n++] = s;
    }
}

/* Whether kernels read from the host what callers may change without a new plan. What
 * they read is part of the graph that is kept. */
static bool reads_caller(const igi_plan *p, const igi_step *s)
{
    const igi_node *n = s->node.i ? igi_node_at(p->net->graph, s->node) : NULL;
    for (int i = 0; n && i < n->n_in; i++) {
        int port = igi_op_in_port(n->op, n->n_in, n->n_captures, i);
        if (port < 0 || !(n->op->def->inputs[port].flags & IG_VALUE) || !s->in[i])
            continue;
        const igi_pvalue *pv = &p->value[s->in[i]], *root = igi_plan_root(p, s->in[i]);
        bool keyed = root->where == IGI_AT_INPUT && p->with_ints &&
                     p->net->keyed[root->input] && pv->type.rank <= 1 &&
                     (pv->type.rank == 0 || ig_type_dims(&pv->type)[0] <= IGI_KEY_INTS);
        if (root->where == IGI_AT_INPUT && !keyed)
            return true;
    }
    return false;
}

static bool is_kept(const igi_plan *p, const igi_step *s)
{
    return !reads_caller(p, s) && s->space == IGI_THERE && s->mode != IGI_LATE &&
           !is_send(p, s) && !(s->k.op && s->k.op->flags & IG_OP_RANDOM) &&
           (s->node.i || igi_plan_space_of(p, s->in[0]) == IGI_THERE);
}

ig_status igi_capture_plan(igi_plan *p)
{
    igi_capture c = {.hi = 0};
    if (!p->net->capture || !p->queue || !p->queue->def->capture_begin || p->has_late)
        return IG_OK;
    while (c.lo < p->n_steps && is_send(p, &p->step[c.lo]))
        c.lo++;
    c.hi = c.lo;
    while (c.hi < p->n_steps && is_kept(p, &p->step[c.hi]))
        c.hi++;
    for (uint32_t i = c.hi; i < p->n_steps; i++)
        if (p->step[i].space == IGI_THERE) /* the host works in between */
            return IG_OK;
    if (c.hi == c.lo)
        return IG_OK;
    p->capture = igi_arena_dup(&p->mem, &c, sizeof(c));
    return p->capture ? IG_OK : IG_OUT_OF_MEMORY;
}

void igi_capture_free(igi_plan *p)
{
    if (p->capture && p->capture->graph)
        p->queue->def->graph_free(p->queue->self, p->capture->graph);
}

/* Everything that moves between runs: the arena, and tensors of callers on the device.
 */
static uint64_t addresses(const igi_plan *p)
{
    uint64_t h = (uint64_t)(uintptr_t)p->arena[IGI_THERE].base;
    for (uint32_t v = 1; v < p->n_values; v++) {
        const igi_pvalue *pv = &p->value[v];
        bool moves = pv->where == IGI_AT_INPUT || pv->where == IGI_AT_OWN;
        if (pv->root == v && moves && pv->space == IGI_THERE && pv->header)
            h = igi_hash_bytes(&pv->header->data, sizeof(pv->header->data), h);
    }
    return h;
}

/* Keeps the steps instead of running them. Whatever fails in between, the device must
 * hear the end of it. */
static ig_status keep(struct igi_instance *x,
                      ig_status (*steps)(struct igi_instance *, uint32_t, uint32_t))
{
    igi_plan *p = x->plan;
    igi_capture *c = p->capture;
    const ig_device_def *d = p->queue->def;
    void *graph = NULL;
    igi_error error;
    if (c->graph)
        d->graph_free(p->queue->self, c->graph);
    c->graph = NULL;
    igi_queue_take(p->queue);
    ig_status rc = d->capture_begin(p->queue->self);
    if (rc == IG_OK) {
        p->queue->capturing = true;
        rc = steps(x, c->lo, c->hi);
        p->queue->capturing = false;
        igi_error_get(&error);
        ig_status end = d->capture_end(p->queue->self, &graph);
        if (rc != IG_OK && end == IG_OK)
            d->graph_free(p->queue->self, graph);
        rc = rc != IG_OK ? igi_error_set(&error) : end;
    }
    igi_queue_leave(p->queue);
    c->graph = rc == IG_OK ? graph : NULL;
    return rc;
}

ig_status igi_capture_run(struct igi_instance *x,
                          ig_status (*steps)(struct igi_instance *, uint32_t, uint32_t))
{
    igi_plan *p = x->plan;
    igi_capture *c = p->capture;
    IG_TRY(steps(x, 0, c->lo));
    uint64_t now = addresses(p);
    if (now == c->last && !(c->graph && now == c->kept) && !c->refused) {
        if (keep(x, steps) == IG_OK) {
            c->kept = now;
        } else { /* no work was done: it is done plainly, now and from now on */
            c->refused = true;
            igi_log(IGI_LOG_DISPATCH, "runs are not kept: %s", ig_error_message());
            igi_error_clear();
        }
    }
    if (c->graph && now == c->kept)
        IG_TRY(p->queue->def->replay(p->queue->self, c->graph));
    else
        IG_TRY(steps(x, c->lo, c->hi));
    c->last = now;
    return steps(x, c->hi, p->n_steps);
}
