/* Second phase of a plan: one step per needed node, with headers, kernel and prepared
 * state. */
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/log.h"
#include "graph/runtime/instance.h"
#include "graph/runtime/select.h"

uint32_t igi_plan_add_value(igi_plan *p)
{
    if (p->n_values == p->cap_values) {
        size_t cap = p->cap_values;
        if (!igi_vec_grow((void **)(void *)&p->value, &cap, cap + 16,
                          sizeof(*p->value)))
            return 0;
        p->cap_values = (uint32_t)cap;
    }
    p->value[p->n_values] =
        (igi_pvalue){.root = p->n_values, .output = -1, .input = -1};
    return p->n_values++;
}

igi_step *igi_plan_add_step(igi_plan *p)
{
    if (p->n_steps == p->cap_steps) {
        size_t cap = p->cap_steps;
        if (!igi_vec_grow((void **)(void *)&p->step, &cap, cap + 16, sizeof(*p->step)))
            return NULL;
        p->cap_steps = (uint32_t)cap;
    }
    igi_step *s = &p->step[p->n_steps++];
    *s = (igi_step){.mode = IGI_SERIAL};
    return s;
}

static bool header_strides(igi_plan *p, ig_tensor *h, const igi_pvalue *pv)
{
    int rank = pv->type.rank;
    if (rank > 8 &&
        !(h->stride_far = igi_arena_array(&p->mem, (size_t)rank, sizeof(int64_t))))
        return false;
    if (pv->stride)
        memcpy(igi_tensor_strides_mut(h), pv->stride, (size_t)rank * sizeof(int64_t));
    else
        igi_strides_contiguous(rank, ig_type_dims(&pv->type),
                               igi_tensor_strides_mut(h));
    return true;
}

/* The constant itself; of one that lies at an odd address a header that keeps pointing
 * there when the constant is settled meanwhile. */
static ig_tensor *constant_header(igi_plan *p, ig_tensor *t)
{
    if (!igi_is_unaligned(t))
        return t;
    ig_tensor *h = igi_arena_alloc(&p->mem, sizeof(*h));
    if (!h)
        return NULL;
    h->v = t->v;
    h->v.refs = 1;
    h->v.flags |= IGI_STATIC;
    h->data = igi_tensor_bytes(t, &h->st);
    size_t align = igi_dtype_align((ig_dtype)h->v.type.dtype);
    h->v.unaligned = (uintptr_t)h->data % align ? 1 : 0;
    memcpy(h->stride, t->stride, sizeof(h->stride));
    h->stride_far = t->stride_far;
    return h;
}

static void place_header(igi_plan *p, ig_tensor *h, int space)
{
    bool there = space == IGI_THERE;
    h->v.flags = (uint16_t)((h->v.flags & ~IGI_REMOTE) | (there ? IGI_REMOTE : 0));
    h->v.device = there ? (uint8_t)p->net->device : 0;
    h->st = &p->arena[space].storage;
}

void igi_plan_set_space(igi_plan *p, uint32_t v, int space)
{
    p->value[v].space = (uint8_t)space;
    if (p->value[v].header)
        place_header(p, p->value[v].header, space);
}

ig_tensor *igi_plan_header(igi_plan *p, uint32_t v)
{
    igi_pvalue *pv = &p->value[v];
    const igi_pvalue *root = igi_plan_root(p, v);
    if (pv->header)
        return pv->header;
    if (pv->where == IGI_AT_CONST)
        return pv->header = constant_header(p, pv->constant);
    ig_tensor *h = igi_arena_alloc(&p->mem, sizeof(*h));
    if (!h)
        return NULL;
    h->v.refs = 1;
    h->v.flags = (uint16_t)(IGI_STATIC | (pv->contiguous ? IGI_CONTIGUOUS : 0) |
                            (pv->root != v ? IGI_IS_VIEW : 0));
    h->v.type = pv->type; /* dims of high ranks stay the plan value's */
    if (!header_strides(p, h, pv))
        return NULL;
    place_header(p, h, root->space);
    if (root->where == IGI_AT_CONST) {
        if (igi_tensor_settle(root->constant) != IG_OK)
            return NULL;
        h->st = root->constant->st;
        h->data = root->constant->data +
                  pv->offset * ig_dtype_bits((ig_dtype)pv->type.dtype) / 8;
    }
    pv->header = h;
    return h;
}

/* Arrays of a step: plan values and the pointers that its kernel gets. */
ig_status igi_plan_step_arrays(igi_plan *p, igi_step *s, int n_in, int n_out)
{
    size_t n = (size_t)(n_in + n_out) + 1;
    uint32_t *ids = igi_arena_array(&p->mem, n, sizeof(*ids));
    ig_value **values = igi_arena_array(&p->mem, n, sizeof(*values));
    if (!ids || !values)
        return IG_OUT_OF_MEMORY;
    s->in = ids;
    s->out = ids + n_in;
    s->k.n_in = (int16_t)n_in;
    s->k.n_out = (int16_t)n_out;
    s->k.in = values;
    s->k.out = values + n_in;
    return IG_OK;
}

static ig_value **step_in(igi_step *s)
{
    return (ig_value **)(uintptr_t)s->k.in;
}

ig_status igi_plan_bind_value(igi_plan *p, igi_step *s, uint32_t v, ig_value **slot)
{
    ig_tensor *h = igi_plan_header(p, v);
    if (!h)
        return IG_OUT_OF_MEMORY;
    *slot = &h->v;
    s->work += igi_tensor_count(h);
    return IG_OK;
}

/* ---- a node's step ---- */

static ig_status node_values(igi_plan *p, igi_step *s, const igi_node *n)
{
    IG_TRY(igi_plan_step_arrays(p, s, n->n_in, n->n_out));
    for (int i = 0; i < n->n_in; i++) {
        s->in[i] = n->in[i].i;
        if (s->in[i] && s->mode != IGI_LATE)
            IG_TRY(igi_plan_bind_value(p, s, s->in[i], &step_in(s)[i]));
        if (i < 64 && s->in[i] && igi_plan_lasts(p, s->in[i]))
            s->k.constants |= IG_BIT(i);
    }
    for (int o = 0; o < n->n_out; o++) {
        s->out[o] = n->out[o].i;
        if (s->out[o] && s->mode != IGI_LATE)
            IG_TRY(igi_plan_bind_value(p, s, s->out[o], &s->k.out[o]));
    }
    return IG_OK;
}

static void
bind_context(const igi_plan *p, igi_step *s, const igi_node *n, const ig_run_api *rt)
{
    s->k.struct_size = sizeof(s->k);
    s->k.n_captures = n->n_captures;
    s->k.attrs = n->attrs;
    s->k.draw = n->draw;
    s->k.threads = s->work >= IGI_PARALLEL_WORK ? p->net->threads : 1;
    s->k.flags = (p->net->exact_conv ? IG_RUN_EXACT : 0) |
                 (p->net->small_memory ? IG_RUN_SMALL : 0) |
                 (p->net->tf32 ? IG_RUN_TF32 : 0);
    s->k.rt = rt;
    s->k.rt_self = p->owner;
    s->k.op = n->op->def;
}

/* Input i as a kernel in `space` wants it: there (those of VALUE ports on the host),
 * and dense unless the kernel strides. */
static ig_status fit_input(igi_plan *p,
                           const igi_node *n,
                           int i,
                           int space,
                           bool strides,
                           const ig_run_api *rt,
                           uint32_t *v)
{
    int port = igi_op_in_port(n->op, n->n_in, n->n_captures, i);
    uint32_t flags = port < 0 ? 0 : n->op->def->inputs[port].flags;
    if (p->queue && !(flags & IG_TYPE_ONLY) &&
        igi_plan_space_of(p, *v) != (flags & IG_VALUE ? IGI_HOST : space))
        IG_TRY(igi_plan_move(p, *v, rt, v));
    return strides || port < 0 || p->value[*v].contiguous ? IG_OK
                                                          : igi_plan_copy(p, *v, rt, v);
}

/* Copies of inputs that kernel `d` cannot read as they are. They precede the step,
 * which is the last one: it is taken off and put back behind them. */
static ig_status fit_inputs(igi_plan *p,
                            const igi_node *n,
                            const ig_kernel_def *d,
                            int space,
                            const ig_run_api *rt)
{
    bool strides = igi_takes_strides(n->op, d);
    if (strides && !p->queue)
        return IG_OK;
    igi_step s = p->step[--p->n_steps];
    ig_status rc = IG_OK;
    for (int i = 0; rc == IG_OK && i < n->n_in; i++) {
        uint32_t v = s.in[i];
        if (v)
            rc = fit_input(p, n, i, space, strides, rt, &v);
        if (rc != IG_OK || v == s.in[i])
            continue;
        s.in[i] = v;
        ig_tensor *h = igi_plan_header(p, v);
        if (!h)
            rc = IG_OUT_OF_MEMORY;
        else
            step_in(&s)[i] = &h->v;
        if (i < 64 && !igi_plan_lasts(p, v))
            s.k.constants &= ~IG_BIT(i);
    }
    igi_step *back = igi_plan_add_step(p);
    if (!back)
        return IG_OUT_OF_MEMORY;
    *back = s;
    return rc;
}

/* Constants at odd addresses that kernel `d` does not say it can read become aligned.
 */
static ig_status aligned_inputs(igi_plan *p, igi_step *s, const ig_kernel_def *d)
{
    for (int i = 0; i < s->k.n_in; i++) {
        ig_tensor *t = s->k.in[i] ? ig_value_tensor(s->k.in[i]) : NULL;
        if (!t || !igi_is_unaligned(t) || (d && i < 64 && d->unaligned >> i & 1))
            continue;
        igi_pvalue *pv = igi_plan_root(p, s->in[i]);
        IG_TRY(igi_tensor_settle(pv->constant));
        pv->header = pv->constant;
        step_in(s)[i] = &pv->constant->v;
    }
    return IG_OK;
}

static void
set_kernel(const igi_plan *p, igi_step *s, const igi_node *n, const ig_kernel_def *d)
{
    s->kernel = d;
    s->run = d ? d->run ? d->run : d->run_own : n->op->def->reference;
    s->run_team = d ? d->run_team : NULL;
    s->mode = IGI_SERIAL;
    if (s->space == IGI_THERE)
        s->k.threads = 1;
    else if (d && d->run_own)
        s->mode = p->net->threads > 1 ? IGI_OUTSIDE : IGI_SERIAL;
    else if (s->run_team && s->k.threads > 1)
        s->mode = IGI_TEAM;
    else
        s->k.threads = 1;
}

/* The node's own values again, after a kernel for which they were moved has refused. */
static ig_status reset_inputs(igi_plan *p, igi_step *s, const igi_node *n)
{
    int64_t work = s->work;
    for (int i = 0; i < n->n_in; i++) {
        s->in[i] = n->in[i].i;
        if (!s->in[i])
            continue;
        IG_TRY(igi_plan_bind_value(p, s, s->in[i], &step_in(s)[i]));
        if (i < 64 && igi_plan_lasts(p, s->in[i]))
            s->k.constants |= IG_BIT(i);
    }
    s->work = work;
    return IG_OK;
}

static void enter_space(igi_plan *p, igi_step *s, const igi_node *n, int space)
{
    s->space = (uint8_t)space;
    s->k.queue = space == IGI_THERE ? p->queue->self : NULL;
    s->k.tag = s->node.i;
    for (int o = 0; o < n->n_out; o++)
        if (n->out[o].i && p->value[n->out[o].i].root == n->out[o].i)
            igi_plan_set_space(p, n->out[o].i, space);
}

/* Selects and prepares; a kernel whose prepare says UNSUPPORTED gives way to the next.
 * *taken false: the device has no kernel that takes the node. */
static ig_status
choose_in(igi_plan *p, const igi_node *n, const ig_run_api *rt, int space, bool *taken)
{
    int device = space == IGI_THERE ? p->net->device : 0;
    igi_step *s = &p->step[p->n_steps - 1];
    igi_facts f = igi_facts_for(&s->k, p->net->deterministic);
    const ig_kernel_def *d = igi_select(n->op, device, &s->k, f);
    for (;;) {
        *taken = d || space == IGI_HOST;
        if (!*taken)
            return reset_inputs(p, s, n);
        IG_TRY(fit_inputs(p, n, d, space, rt));
        s = &p->step[p->n_steps - 1];
        enter_space(p, s, n, space);
        IG_TRY(aligned_inputs(p, s, d));
        s->k.threads = s->work >= igi_parallel_work(d) ? p->net->threads : 1;
        set_kernel(p, s, n, d);
        if (!d || !d->prepare)
            return IG_OK;
        ig_status rc = d->prepare(&s->k);
        if (rc == IG_OK) {
            s->prepared = true;
            s->k.scratch_bytes = (s->k.scratch_bytes + 63) & ~(size_t)63;
            return IG_OK;
        }
        if (rc != IG_UNSUPPORTED)
            return rc;
        s->k.state = NULL;
        s->k.scratch_bytes = 0;
        enter_space(p, s, n, IGI_HOST);
        d = igi_select_after(n->op, device, &s->k, f, d);
    }
}

static ig_status choose(igi_plan *p, const igi_node *n, const ig_run_api *rt)
{
    bool taken = false;
    if (p->queue && igi_plan_prefers_device(p, n))
        IG_TRY(choose_in(p, n, rt, IGI_THERE, &taken));
    if (p->queue)
        IG_TRY(igi_plan_check_mutated(p, n, taken ? IGI_THERE : IGI_HOST));
    return taken ? IG_OK : choose_in(p, n, rt, IGI_HOST, &taken);
}

static bool is_step(const igi_plan *p, const igi_node *n, bool *late)
{
    bool needed = n->op->def->flags & IG_OP_EFFECTS;
    *late = false;
    for (int o = 0; o < n->n_out; o++) {
        if (!n->out[o].i)
            continue;
        const igi_pvalue *pv = &p->value[n->out[o].i];
        bool mutates = igi_node_mutates(n, o) >= 0;
        bool view = pv->root != n->out[o].i && !mutates;
        *late = *late || pv->where == IGI_AT_HEAP;
        needed =
            needed || mutates || (pv->needed && !view && pv->where != IGI_AT_CONST);
    }
    return needed;
}

static ig_status node_step(igi_plan *p, ig_node_id id, bool late, const ig_run_api *rt)
{
    const igi_node *n = igi_node_at(p->net->graph, id);
    igi_step *s = igi_plan_add_step(p);
    if (!s)
        return IG_OUT_OF_MEMORY;
    s->node = id;
    s->mode = late ? IGI_LATE : IGI_SERIAL;
    IG_TRY(node_values(p, s, n));
    bind_context(p, s, n, rt);
    return late ? IG_OK : choose(p, n, rt);
}

ig_status igi_plan_steps(igi_plan *p, const ig_run_api *rt)
{
    ig_node_iter it = ig_graph_nodes(p->net->graph);
    ig_node_id id;
    while (ig_node_next(&it, &id)) {
        bool late;
        if (!is_step(p, igi_node_at(p->net->graph, id), &late))
            continue;
        ig_status rc = node_step(p, id, late, rt);
        if (rc != IG_OK)
            return igi_plan_context(p, id);
    }
    return p->queue && !p->net->keep_on_device ? igi_plan_bring_home(p, rt) : IG_OK;
}
