/* Making, binding and freeing a plan; the phases are in plan_types.c (types, views),
 * plan_steps.c (kernels), plan_schedule.c (threads, times) and plan_memory.c (places).
 */
#include "graph/runtime/plan.h"

#include <stdio.h>

#include "graph/core/log.h"
#include "graph/runtime/capture.h"
#include "graph/runtime/instance.h"
#include "graph/runtime/remote.h"
#include "graph/runtime/select.h"

ig_status igi_plan_context(const igi_plan *p, ig_node_id id)
{
    const ig_graph *g = p->net->graph;
    const igi_node *n = igi_node_at(g, id);
    char shapes[384] = "";
    size_t at = 0;
    for (int i = 0; i < n->n_in - n->n_captures && at + 16 < sizeof(shapes); i++) {
        char one[128] = "-";
        if (n->in[i].i)
            igi_type_print(&p->value[n->in[i].i].type, NULL, one, sizeof(one));
        int w = snprintf(shapes + at, sizeof(shapes) - at, "%s%s", i ? ", " : "", one);
        at += w > 0 ? (size_t)w : 0;
    }
    (void)ig_fail_context("inputs %s", at ? shapes : "none");
    return igi_graph_node_context(g, id);
}

static ig_status
plan_init(igi_plan **out, const ig_net *net, struct igi_instance *owner)
{
    igi_plan *p = *out = igi_calloc(1, sizeof(*p));
    if (!p)
        return IG_OUT_OF_MEMORY;
    igi_arena_init(&p->mem);
    p->net = net;
    p->owner = owner;
    p->with_ints = !owner || igi_instance_keyed(owner);
    if (net->device && owner)
        IG_TRY(igi_remote_queue(&owner->invoker, net->device, &p->queue));
    p->arena[IGI_HOST].storage = (igi_storage){.refs = 1};
    p->arena[IGI_THERE].storage =
        (igi_storage){.refs = 1, .device = (uint8_t)net->device, .user = p->queue};
    p->n_graph = p->n_values = (uint32_t)net->graph->values.n;
    p->cap_values = p->n_values;
    p->value = igi_calloc(p->n_values ? p->n_values : 1, sizeof(*p->value));
    p->output = igi_arena_array(&p->mem, net->graph->outputs.n + 1, sizeof(*p->output));
    for (uint32_t v = 0; p->value && v < p->n_values; v++)
        p->value[v].output = p->value[v].input = -1;
    for (size_t j = 0; p->output && j < net->graph->outputs.n; j++)
        p->output[j] = net->graph->outputs.p[j].i;
    return p->value && p->output ? IG_OK : IG_OUT_OF_MEMORY;
}

static void log_plan(const igi_plan *p)
{
    if (!igi_log_on(IGI_LOG_PLAN))
        return;
    igi_log(IGI_LOG_PLAN,
            "%s: %u steps, %u views, %u folded, %u buffers, arena %zu bytes, scratch "
            "%zu, own %zu",
            p->net->graph->name, p->n_steps, p->n_nodes_view, p->n_nodes_folded,
            p->n_buffers, p->arena[IGI_HOST].arena_bytes,
            p->arena[IGI_HOST].total_bytes - p->arena[IGI_HOST].arena_bytes,
            p->own_bytes);
    if (p->queue)
        igi_log(IGI_LOG_PLAN, "%s: on '%s': arena %zu bytes, scratch %zu",
                p->net->graph->name, p->queue->def->name,
                p->arena[IGI_THERE].arena_bytes,
                p->arena[IGI_THERE].total_bytes - p->arena[IGI_THERE].arena_bytes);
}

static ig_status set_drops(igi_plan *p);

ig_status igi_plan_new(igi_plan **out,
                       const ig_net *net,
                       struct igi_instance *owner,
                       const ig_run_api *rt,
                       ig_value *const *in)
{
    ig_status rc = plan_init(out, net, owner);
    igi_plan *p = *out;
    if (rc == IG_OK)
        rc = igi_plan_types(p, in);
    if (rc == IG_OK) {
        igi_plan_needed(p);
        rc = igi_plan_steps(p, rt);
    }
    if (rc == IG_OK && net->capture && p->queue)
        igi_capture_order(p);
    if (rc == IG_OK)
        rc = igi_plan_schedule(p);
    if (rc == IG_OK)
        rc = igi_plan_memory(p);
    if (rc == IG_OK)
        rc = igi_plan_headers(p);
    if (rc == IG_OK && p->has_late)
        rc = set_drops(p);
    if (rc == IG_OK)
        rc = igi_capture_plan(p);
#ifndef NDEBUG
    if (rc == IG_OK && p->n_values < 3000)
        rc = igi_plan_check(p);
#endif
    if (rc != IG_OK) {
        igi_plan_free(p);
        *out = NULL;
        return rc;
    }
    log_plan(p);
    return IG_OK;
}

void igi_plan_free(igi_plan *p)
{
    if (!p)
        return;
    igi_capture_free(p);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        igi_step *s = &p->step[i];
        if (s->prepared && s->kernel->unprepare)
            s->kernel->unprepare(&s->k);
    }
    for (uint32_t v = 1; p->value && v < p->n_values; v++) {
        igi_pvalue *pv = &p->value[v];
        bool graphs =
            v < p->n_graph && p->net->graph->values.p[v].constant == pv->constant;
        if (!graphs)
            ig_tensor_unref(pv->constant);
        igi_type_fini(&pv->type);
    }
    IGI_VEC_FREE(&p->patches);
    IGI_VEC_FREE(&p->own);
    igi_free(p->value);
    igi_free(p->step);
    igi_free(p->key);
    igi_arena_fini(&p->mem);
    igi_free(p);
}

/* ---- late values ---- */

/* Which heap values nobody reads after a step: they are dropped there, not at the end.
 */
static ig_status set_drops(igi_plan *p)
{
    const ig_graph *g = p->net->graph;
    bool *seen = igi_calloc(p->n_values, sizeof(*seen));
    if (!seen)
        return IG_OUT_OF_MEMORY;
    for (size_t j = 0; j < g->outputs.n; j++)
        seen[p->output[j]] = true;
    ig_status rc = IG_OK;
    for (uint32_t i = p->n_steps; i-- > 0 && rc == IG_OK;) {
        igi_step *s = &p->step[i];
        if (s->mode != IGI_LATE)
            continue;
        s->drop = igi_arena_array(&p->mem, (size_t)(s->k.n_in + s->k.n_out) + 1,
                                  sizeof(*s->drop));
        if (!s->drop) {
            rc = IG_OUT_OF_MEMORY;
            break;
        }
        for (int j = 0; j < s->k.n_in + s->k.n_out; j++) {
            uint32_t v = j < s->k.n_in ? s->in[j] : s->out[j - s->k.n_in];
            if (!v || seen[v])
                continue;
            seen[v] = true;
            if (p->value[v].where == IGI_AT_HEAP)
                s->drop[s->n_drop++] = v;
        }
    }
    igi_free(seen);
    return rc;
}

/* ---- headers ---- */

/* Whether the value's memory moves from run to run. */
static bool moves(const igi_pvalue *root)
{
    return root->where == IGI_AT_INPUT || root->where == IGI_AT_OWN;
}

static int64_t byte_offset(const igi_pvalue *pv)
{
    return pv->offset * ig_dtype_bits((ig_dtype)pv->type.dtype) / 8;
}

/* Headers of all moving roots and of outputs that will be copied; then the list of
 * patches. */
ig_status igi_plan_headers(igi_plan *p)
{
    for (size_t j = 0; j < p->net->graph->outputs.n; j++) {
        const igi_pvalue *root = igi_plan_root(p, p->output[j]);
        if (root->where != IGI_AT_HEAP && p->value[p->output[j]].known &&
            !igi_plan_header(p, p->output[j]))
            return IG_OUT_OF_MEMORY;
    }
    for (uint32_t v = 1; v < p->n_values; v++) {
        igi_pvalue *pv = &p->value[v], *root = igi_plan_root(p, v);
        if (!pv->known || !moves(root) || (pv->root != v && !pv->header))
            continue;
        if (!igi_plan_header(p, pv->root) || !igi_plan_header(p, v))
            return IG_OUT_OF_MEMORY;
        if (pv->root == v)
            continue;
        igi_patch patch = {pv->header, root->header, byte_offset(pv)};
        if (!IGI_PUSH(&p->patches, patch))
            return IG_OUT_OF_MEMORY;
    }
    return IG_OK;
}

void igi_plan_bind_arena(igi_plan *p, int space, char *base)
{
    igi_arena_of *a = &p->arena[space];
    for (uint32_t v = 1; v < p->n_values; v++) {
        igi_pvalue *pv = &p->value[v];
        const igi_pvalue *root = igi_plan_root(p, v);
        if (!pv->header || root->where != IGI_AT_ARENA || root->space != space)
            continue;
        size_t at = root->buffer ? p->buffer[root->buffer - 1].at : 0;
        pv->header->data = base + at + byte_offset(pv);
    }
    for (uint32_t i = 0; i < p->n_steps; i++) {
        ig_kernel_ctx *k = &p->step[i].k;
        if (k->scratch_bytes && p->step[i].space == space)
            k->scratch = base + ((uintptr_t)k->scratch - (uintptr_t)a->base);
    }
    a->base = base;
    a->storage.data = base;
    a->storage.bytes = a->total_bytes;
}
