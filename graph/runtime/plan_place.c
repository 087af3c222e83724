/* Where steps and values of a plan lie, and the copies between them.
 *
 * A net for a device has two spaces. A node runs on the device when one of its kernels
 * takes it, unless all that it does is arithmetic on a few integers of the host: shapes
 * stay where they are read. What a step needs from the other space is copied by a step
 * before it, once; constants are sent once for all nets over the same weights. */
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/runtime/instance.h"
#include "graph/runtime/pack.h"

#define FEW_BYTES 4096 /* integers of the host that are not worth a trip */

int igi_plan_space(const ig_net *net, const ig_value *given)
{
    const ig_tensor *t = ig_value_tensor((ig_value *)(uintptr_t)given);
    const igi_queue *q = t && net->device ? igi_queue_of(t) : NULL;
    return q && q->def == igi_registry_device(net->graph->reg, net->device) ? IGI_THERE
                                                                            : IGI_HOST;
}

/* ---- copies within a space ---- */

/* Copies the part [lo, hi) of axis `axis`, by the host's fast mover where it has one.
 */
static ig_status copy_part(const ig_kernel_ctx *k, int axis, int64_t lo, int64_t hi)
{
    const ig_tensor *from = (const ig_tensor *)k->in[0];
    ig_tensor *to = (ig_tensor *)k->out[0];
    const igi_host *d = ((const igi_instance *)k->rt_self)->net->host;
    int64_t dims[IG_RANK_MAX];
    int rank = to->v.type.rank, bits = ig_dtype_bits((ig_dtype)to->v.type.dtype);
    if (!d || !d->copy || bits < 8 || to->v.type.dtype == IG_STRING)
        return lo == 0 ? igi_tensor_copy_into(to, from) : IG_OK;
    memcpy(dims, ig_type_dims(&to->v.type), (size_t)rank * sizeof(*dims));
    const int64_t *dst = igi_strides(to), *src = igi_strides(from);
    int64_t dst_at = 0, src_at = 0;
    if (axis < rank) {
        dims[axis] = hi - lo;
        dst_at = lo * dst[axis] * bits / 8;
        src_at = lo * src[axis] * bits / 8;
    }
    if (lo < hi)
        d->copy(d, (size_t)bits / 8, rank, dims, to->data + dst_at, dst,
                from->data + src_at, src);
    return IG_OK;
}

/* Threads share the first axis that is long enough. */
static ig_status run_copy(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_type *t = &k->out[0]->type;
    int axis = 0;
    int64_t lo = 0, hi = 1;
    while (axis < t->rank && ig_type_dims(t)[axis] < nth)
        axis++;
    if (axis < t->rank)
        ig_split(ig_type_dims(t)[axis], 1, tid, nth, &lo, &hi);
    else if (tid > 0)
        return IG_OK;
    if (axis == t->rank && t->rank > 0) /* all axes are short: little work */
        return igi_tensor_copy_into((ig_tensor *)k->out[0], (ig_tensor *)k->in[0]);
    return copy_part(k, axis, lo, hi);
}

/* Between the spaces, and on the device. */
static ig_status run_transfer(ig_kernel_ctx *k)
{
    return igi_tensor_copy_into((ig_tensor *)k->out[0], (ig_tensor *)k->in[0]);
}

/* A step that makes a dense copy of value v in `space`. */
static ig_status
add_copy(igi_plan *p, uint32_t v, int space, const ig_run_api *rt, uint32_t *out)
{
    uint32_t c = igi_plan_add_value(p);
    igi_step *s = c ? igi_plan_add_step(p) : NULL;
    if (!s)
        return IG_OUT_OF_MEMORY;
    igi_pvalue *pv = &p->value[c];
    IG_TRY(igi_type_copy(&pv->type, &p->value[v].type));
    pv->known = pv->contiguous = pv->needed = true;
    pv->where = IGI_AT_ARENA;
    pv->space = (uint8_t)space;
    IG_TRY(igi_plan_step_arrays(p, s, 1, 1));
    s->in[0] = v;
    s->out[0] = c;
    IG_TRY(igi_plan_bind_value(p, s, v, &((ig_value **)(uintptr_t)s->k.in)[0]));
    IG_TRY(igi_plan_bind_value(p, s, c, &s->k.out[0]));
    s->k.struct_size = sizeof(s->k);
    s->k.threads = 1;
    s->k.rt = rt;
    s->k.rt_self = p->owner;
    s->space = (uint8_t)space;
    if (space == IGI_THERE || igi_plan_space_of(p, v) == IGI_THERE) {
        s->run = run_transfer;
    } else {
        s->run_team = run_copy;
        s->k.threads = s->work >= IGI_PARALLEL_WORK ? p->net->threads : 1;
        s->mode = s->k.threads > 1 ? IGI_TEAM : IGI_SERIAL;
    }
    *out = c;
    return IG_OK;
}

ig_status igi_plan_copy(igi_plan *p, uint32_t v, const ig_run_api *rt, uint32_t *out)
{
    uint32_t copy = p->value[v].copy;
    if (!copy)
        IG_TRY(add_copy(p, v, igi_plan_space_of(p, v), rt, &copy));
    p->value[v].copy = *out = copy;
    return IG_OK;
}

/* ---- copies between spaces ---- */

/* A constant in the device's memory, which all nets over these weights share. */
static ig_status send_constant(igi_plan *p, uint32_t root, uint32_t *out)
{
    ig_tensor *there = NULL;
    *out = p->value[root].other;
    if (*out)
        return IG_OK;
    IG_TRY(igi_tensor_settle(p->value[root].constant));
    IG_TRY(igi_packs_sent(&p->net->weights->packs, p->value[root].constant, p->queue,
                          &there));
    uint32_t c = igi_plan_add_value(p);
    if (!c) {
        ig_tensor_unref(there);
        return IG_OUT_OF_MEMORY;
    }
    igi_pvalue *pv = &p->value[c];
    pv->constant = there; /* counted: the plan's */
    pv->where = IGI_AT_CONST;
    pv->space = IGI_THERE;
    pv->known = pv->contiguous = pv->needed = true;
    IG_TRY(igi_type_copy(&pv->type, &there->v.type));
    p->value[root].other = *out = c;
    return IG_OK;
}

/* View v of a constant as the same view of the constant that was sent. */
static ig_status view_of_sent(igi_plan *p, uint32_t v, uint32_t root, uint32_t *out)
{
    if (v == p->value[v].root && p->value[v].contiguous) {
        *out = root;
        return IG_OK;
    }
    uint32_t c = igi_plan_add_value(p);
    if (!c)
        return IG_OUT_OF_MEMORY;
    igi_pvalue *pv = &p->value[c];
    const igi_pvalue *from = &p->value[v];
    pv->known = pv->needed = true;
    pv->contiguous = from->contiguous;
    pv->root = root;
    pv->offset = from->offset;
    pv->stride = from->stride;
    IG_TRY(igi_type_copy(&pv->type, &from->type));
    p->value[v].other = *out = c;
    return IG_OK;
}

ig_status igi_plan_move(igi_plan *p, uint32_t v, const ig_run_api *rt, uint32_t *out)
{
    uint32_t moved = p->value[v].other, root = p->value[v].root, dense = v;
    int space = igi_plan_space_of(p, v) == IGI_THERE ? IGI_HOST : IGI_THERE;
    if (moved) {
        *out = moved;
        return IG_OK;
    }
    const igi_pvalue *r = &p->value[root];
    if (space == IGI_THERE && r->where == IGI_AT_CONST && r->contiguous &&
        r->type.dtype != IG_STRING) {
        IG_TRY(send_constant(p, root, &moved));
        return view_of_sent(p, v, moved, out);
    }
    if (!p->value[v].contiguous)
        IG_TRY(igi_plan_copy(p, v, rt, &dense));
    IG_TRY(add_copy(p, dense, space, rt, &moved));
    p->value[v].other = *out = moved;
    return IG_OK;
}

/* ---- who runs where ---- */

static bool is_small_integer(const igi_pvalue *pv)
{
    size_t bytes;
    return !igi_dtype_is_float((ig_dtype)pv->type.dtype) &&
           igi_type_bytes(&pv->type, &bytes) && bytes <= FEW_BYTES;
}

/* The input that the node writes in place, 0: none. */
static uint32_t mutated_input(const igi_node *n)
{
    for (int o = 0; o < n->n_out; o++) {
        int j = igi_node_mutates(n, o);
        if (j >= 0)
            return n->in[j].i;
    }
    return 0;
}

bool igi_plan_prefers_device(const igi_plan *p, const igi_node *n)
{
    bool small = true;
    uint32_t mutated = mutated_input(n);
    if (!n->op->n_kernels[p->net->device])
        return false;
    if (mutated)
        return igi_plan_space_of(p, mutated) == IGI_THERE;
    for (int i = 0; i < n->n_in; i++) {
        int port = igi_op_in_port(n->op, n->n_in, n->n_captures, i);
        uint32_t flags = port < 0 ? 0 : n->op->def->inputs[port].flags;
        if (!n->in[i].i || flags & (IG_VALUE | IG_TYPE_ONLY))
            continue;
        if (igi_plan_space_of(p, n->in[i].i) == IGI_THERE)
            return true;
        small = small && is_small_integer(&p->value[n->in[i].i]);
    }
    for (int o = 0; o < n->n_out; o++)
        small = small && (!n->out[o].i || is_small_integer(&p->value[n->out[o].i]));
    return !small;
}

ig_status igi_plan_check_mutated(const igi_plan *p, const igi_node *n, int space)
{
    uint32_t v = mutated_input(n);
    if (!v || igi_plan_space_of(p, v) == space)
        return IG_OK;
    return ig_fail(IG_UNSUPPORTED,
                   "it writes in place a tensor on device '%s', which has no kernel "
                   "for it; give that tensor on the CPU",
                   p->queue->def->name);
}

ig_status igi_plan_bring_home(igi_plan *p, const ig_run_api *rt)
{
    for (size_t j = 0; j < p->net->graph->outputs.n; j++) {
        uint32_t v = p->output[j];
        const igi_pvalue *root = igi_plan_root(p, v);
        bool made = root->where == IGI_AT_ARENA || root->where == IGI_AT_OWN;
        if (made && root->space == IGI_THERE && p->value[v].known)
            IG_TRY(igi_plan_move(p, v, rt, &p->output[j]));
    }
    return IG_OK;
}
