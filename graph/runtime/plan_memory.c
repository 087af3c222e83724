/* Fourth phase of a plan: where values live.
 *
 * Outputs of the graph take storage of their own. Every other root gets a buffer with a
 * lifetime, from the time of the step that writes it to the last that reads it or a
 * view of it; a step may take over the buffer of an input whose last reader it is
 * (`alias`). Buffers get offsets greedily by size (arXiv 2001.03288): the largest
 * first, each into the smallest gap between buffers that live at the same time. */
#include <inttypes.h>
#include <stdlib.h>

#include "graph/core/checked.h"
#include "graph/runtime/plan.h"

/* The device's own is 256 bytes: all that starts a buffer must be that. */
#define ALIGN(space_) ((space_) == IGI_THERE ? (size_t)256 : (size_t)64)
#define FOREVER       UINT32_MAX

/* Steps that read each root: readers[first[v]..first[v + 1]) are step indices,
 * ascending. */
typedef struct uses {
    uint32_t *first, *reader;
    bool *at_end; /* read after the last step: an output that is copied */
} uses;

/* ---- outputs ---- */

/* Whether value v is all of its root, so that storage of the root can be given away as
 * v. */
static bool is_whole(const igi_plan *p, uint32_t v)
{
    const igi_pvalue *pv = &p->value[v], *root = igi_plan_root(p, v);
    size_t a, b;
    return pv->contiguous && pv->offset == 0 && pv->type.dtype == root->type.dtype &&
           igi_type_bytes(&pv->type, &a) && igi_type_bytes(&root->type, &b) && a == b;
}

static void place_outputs(igi_plan *p)
{
    const ig_graph *g = p->net->graph;
    for (size_t j = 0; j < g->outputs.n; j++) {
        uint32_t v = p->output[j];
        igi_pvalue *root = igi_plan_root(p, v);
        if ((root->where != IGI_AT_ARENA && root->where != IGI_AT_OWN) ||
            root->output >= 0 || !is_whole(p, v))
            continue;
        root->where = IGI_AT_OWN;
        root->output = (int)j;
    }
}

/* ---- uses ---- */

static void uses_fini(uses *u)
{
    igi_free(u->first);
    igi_free(u->reader);
    igi_free(u->at_end);
}

/* Two passes over the steps: count, then fill. A root that a step reads twice stands
 * twice. */
static ig_status uses_init(uses *u, const igi_plan *p)
{
    size_t total = 0;
    *u = (uses){.first = igi_calloc((size_t)p->n_values + 2, sizeof(*u->first)),
                .at_end = igi_calloc(p->n_values, sizeof(*u->at_end))};
    if (!u->first || !u->at_end)
        return IG_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (int j = 0; j < p->step[i].k.n_in; j++)
            if (p->step[i].in[j]) {
                u->first[p->value[p->step[i].in[j]].root + 2]++;
                total++;
            }
    for (uint32_t v = 0; v < p->n_values; v++)
        u->first[v + 1] += u->first[v];
    u->reader = igi_alloc_array(total + 1, sizeof(*u->reader));
    if (!u->reader)
        return IG_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (int j = 0; j < p->step[i].k.n_in; j++)
            if (p->step[i].in[j])
                u->reader[u->first[p->value[p->step[i].in[j]].root + 1]++] = i;
    const ig_graph *g = p->net->graph;
    for (size_t j = 0; j < g->outputs.n; j++) {
        uint32_t root = p->value[p->output[j]].root;
        u->at_end[root] = u->at_end[root] || p->value[root].where == IGI_AT_ARENA;
    }
    return IG_OK;
}

static uint32_t
last_time(const igi_plan *p, const uses *u, uint32_t root, uint32_t writer)
{
    uint32_t last = p->step[writer].time;
    for (uint32_t i = u->first[root]; i < u->first[root + 1]; i++)
        if (p->step[u->reader[i]].time > last)
            last = p->step[u->reader[i]].time;
    return u->at_end[root] ? FOREVER : last;
}

/* ---- buffers ---- */

/* Whether step `at` may write over the memory of its input j: last use, all of the
 * root, same bytes, and read by no other port. */
static bool
may_take_over(const igi_plan *p, const uses *u, uint32_t at, int j, size_t bytes)
{
    const igi_step *s = &p->step[at];
    uint32_t v = s->in[j], r = v ? p->value[v].root : 0;
    const igi_pvalue *root = &p->value[r];
    size_t have;
    if (!v || root->where != IGI_AT_ARENA || root->space != s->space || root->mutated ||
        !root->buffer || u->at_end[r] || !is_whole(p, v) ||
        !igi_type_bytes(&root->type, &have) || have != bytes)
        return false;
    int here = 0;
    for (uint32_t i = u->first[r]; i < u->first[r + 1]; i++) {
        if (u->reader[i] == at)
            here++;
        else if (!igi_step_before(p, u->reader[i], at))
            return false;
    }
    return here == 1;
}

/* Index + 1 of the buffer of an input that output o of step `at` takes over; 0: none.
 */
static uint32_t
take_over(const igi_plan *p, const uses *u, uint32_t at, int o, size_t bytes)
{
    const igi_step *s = &p->step[at];
    if (!s->node.i)
        return 0;
    const igi_op *op = igi_node_at(p->net->graph, s->node)->op;
    int port = igi_op_out_port(op, o);
    uint32_t alias = port < 0 ? 0 : op->def->outputs[port].alias;
    for (int j = 0; alias >> j && j < s->k.n_in && j < op->n_in; j++) {
        if (!(alias >> j & 1) || !may_take_over(p, u, at, j, bytes))
            continue;
        uint32_t buffer = igi_plan_root(p, s->in[j])->buffer;
        bool taken = false;
        for (int q = 0; q < o; q++)
            taken = taken || (s->out[q] && p->value[s->out[q]].buffer == buffer);
        if (!taken)
            return buffer;
    }
    return 0;
}

static ig_status make_buffers(igi_plan *p, const uses *u)
{
    p->buffer = igi_arena_array(&p->mem, p->n_values, sizeof(*p->buffer));
    if (!p->buffer)
        return IG_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        igi_step *s = &p->step[i];
        for (int o = 0; o < s->k.n_out; o++) {
            uint32_t v = s->out[o];
            size_t bytes;
            if (!v || p->value[v].root != v || p->value[v].where != IGI_AT_ARENA)
                continue;
            if (!igi_type_bytes(&p->value[v].type, &bytes) ||
                !igi_round_up(bytes, ALIGN(p->value[v].space), &bytes))
                return ig_fail(IG_LIMIT, "the size of a value overflows");
            size_t exact = 0;
            (void)igi_type_bytes(&p->value[v].type, &exact);
            uint32_t last = last_time(p, u, v, i), taken = take_over(p, u, i, o, exact);
            if (!taken && bytes) {
                p->buffer[p->n_buffers++] = (igi_buffer){
                    .bytes = bytes, .first = s->time, .space = p->value[v].space};
                taken = p->n_buffers;
            }
            p->value[v].buffer = taken;
            if (taken && p->buffer[taken - 1].last < last)
                p->buffer[taken - 1].last = last;
        }
    }
    return IG_OK;
}

/* ---- offsets ---- */

static int larger_first(const void *a, const void *b)
{
    const igi_buffer *const *x = a, *const *y = b;
    if ((*x)->bytes != (*y)->bytes)
        return (*x)->bytes < (*y)->bytes ? 1 : -1;
    return *x < *y ? -1 : 1;
}

/* Smallest gap of at least b->bytes among placed buffers (by offset) that live when b
 * does. */
static size_t find_gap(const igi_buffer *b, igi_buffer *const *placed, size_t n)
{
    size_t end = 0, best = SIZE_MAX, at = 0;
    for (size_t i = 0; i < n; i++) {
        const igi_buffer *q = placed[i];
        if (q->last < b->first || q->first > b->last)
            continue;
        if (q->at > end && q->at - end >= b->bytes && q->at - end < best) {
            best = q->at - end;
            at = end;
        }
        if (q->at + q->bytes > end)
            end = q->at + q->bytes;
    }
    return best == SIZE_MAX ? end : at;
}

static ig_status set_offsets(igi_plan *p, int space)
{
    size_t n = 0, total = 0, most = p->n_buffers;
    igi_buffer **order = igi_alloc_array(most + most + 1, sizeof(*order)),
               **placed = order + most;
    if (!order)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < most; i++)
        if (p->buffer[i].space == space)
            order[n++] = &p->buffer[i];
    qsort(order, n, sizeof(*order), larger_first);
    for (size_t i = 0; i < n; i++) {
        igi_buffer *b = order[i];
        b->at = find_gap(b, placed, i);
        size_t k = i;
        for (; k > 0 && placed[k - 1]->at > b->at; k--)
            placed[k] = placed[k - 1];
        placed[k] = b;
        if (!igi_add_size(b->at, b->bytes, &b->bytes)) { /* the end, for a moment */
            igi_free(order);
            return ig_fail(IG_LIMIT, "the arena's size overflows");
        }
        total = b->bytes > total ? b->bytes : total;
        b->bytes -= b->at;
    }
    igi_free(order);
    p->arena[space].arena_bytes = total;
    return IG_OK;
}

/* Scratch behind the buffers: one region for teams, one for each thread's serial steps.
 */
static ig_status set_scratch(igi_plan *p, int space)
{
    igi_arena_of *a = &p->arena[space];
    size_t team = 0, serial = 0, threads = 1;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const igi_step *s = &p->step[i];
        size_t need;
        if (s->space != space)
            continue;
        if (!igi_mul_size(s->k.scratch_bytes, (size_t)s->k.threads, &need))
            return ig_fail(IG_LIMIT, "the scratch of a kernel overflows");
        size_t *most = s->mode == IGI_SERIAL ? &serial : &team;
        *most = need > *most ? need : *most;
        if (s->who >= threads)
            threads = (size_t)s->who + 1;
    }
    size_t all;
    a->scratch_at = a->arena_bytes;
    if (!igi_mul_size(serial, threads, &all) || !igi_add_size(all, team, &all) ||
        !igi_add_size(all, a->scratch_at, &a->total_bytes))
        return ig_fail(IG_LIMIT, "the scratch of kernels overflows");
    for (uint32_t i = 0; i < p->n_steps; i++) {
        igi_step *s = &p->step[i]; /* offsets now, addresses when the arena is bound */
        if (s->space != space)
            continue;
        size_t at =
            a->scratch_at + (s->mode == IGI_SERIAL ? team + s->who * serial : 0);
        s->k.scratch = s->k.scratch_bytes ? (char *)(uintptr_t)at : NULL;
    }
    return IG_OK;
}

ig_status igi_plan_fits(const igi_plan *p, uint64_t tensor_bytes)
{
    if (p->largest_bytes <= tensor_bytes)
        return IG_OK;
    return ig_fail(IG_LIMIT,
                   "value '%s' of %zu bytes exceeds the limit tensor_bytes of %" PRIu64
                   "; raise it in the limits of the model, net or run",
                   p->largest < p->n_graph ? p->net->graph->values.p[p->largest].name
                                           : "(copy)",
                   p->largest_bytes, tensor_bytes);
}

static ig_status add_up_values(igi_plan *p)
{
    for (uint32_t v = 1; v < p->n_values; v++) {
        const igi_pvalue *pv = &p->value[v];
        size_t bytes = 0;
        if (!pv->known || pv->root != v || pv->where == IGI_AT_CONST || !pv->needed)
            continue;
        if (!igi_type_bytes(&pv->type, &bytes))
            bytes = SIZE_MAX;
        if (bytes > p->largest_bytes) {
            p->largest = v;
            p->largest_bytes = bytes;
        }
        if (pv->where == IGI_AT_OWN &&
            !igi_add_size(p->own_bytes, bytes, &p->own_bytes))
            return ig_fail(IG_LIMIT, "the size of the outputs overflows");
        if (pv->where == IGI_AT_OWN && !IGI_PUSH(&p->own, v))
            return IG_OUT_OF_MEMORY;
    }
    return igi_plan_fits(p, p->net->limits.tensor_bytes);
}

ig_status igi_plan_memory(igi_plan *p)
{
    uses u;
    place_outputs(p);
    ig_status rc = uses_init(&u, p);
    if (rc == IG_OK)
        rc = make_buffers(p, &u);
    uses_fini(&u);
    IG_TRY(rc);
    for (int space = 0; space < IGI_SPACES; space++) {
        IG_TRY(set_offsets(p, space));
        IG_TRY(set_scratch(p, space));
    }
    return add_up_values(p);
}
