/* Recording: one node per call, everything in the arena; see tape.h. */
#include "frontend_c/tape.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/ir/attr.h"

#define COLD     __attribute__((cold, noinline))
#define NOINLINE __attribute__((noinline)) /* keeps the short way's prologue short */

ig_status igi_tape_init(igi_tape *t)
{
    memset(t, 0, sizeof(*t));
    igi_arena_init(&t->arena);
    t->epoch = 1;
    t->live = igi_calloc(1, sizeof(*t->live));
    return t->live ? IG_OK : IG_OUT_OF_MEMORY;
}

void igi_tape_release(igi_tape_node *n, int state)
{
    n->state = (uint8_t)state;
    if (!(n->holds & IGI_HOLDS_SAVED))
        return;
    n->holds &= (uint8_t)~IGI_HOLDS_SAVED;
    for (int i = 0; i < n->n_in + n->n_out; i++) {
        if (!n->saved[i])
            continue;
        igi_storage_unref(n->saved[i]->st);
        n->saved[i]->st = NULL;
    }
}

static void drop_node(igi_tape_node *n)
{
    igi_tape_release(n, IGI_SAVED_RELEASED);
    for (int i = 0; n->holds & IGI_HOLDS_LEAVES && i < n->n_in; i++)
        ig_tensor_unref(n->edges[i].leaf);
    for (int i = 0; n->reached && i < n->n_out; i++)
        ig_tensor_unref(n->dy[i]);
    if (n->holds & IGI_HOLDS_ATTRS)
        igi_attrs_release(n->op->def, n->attrs);
}

static void reset(igi_tape *t)
{
    for (size_t i = 0; i < t->nodes.n; i++) {
        igi_tape_node *n = t->nodes.p[i];
        if (n->holds | n->reached) /* most hold nothing */
            drop_node(n);
    }
    t->nodes.n = t->traced.n = 0;
    while (t->regions.n)
        igi_region_release(t->regions.p[--t->regions.n]);
    t->epoch++;
    igi_arena_reset(&t->arena);
}

void igi_tape_collect(igi_tape *t)
{
    if (*t->live == 0 && t->nodes.n)
        reset(t);
}

void igi_tape_fini(igi_tape *t)
{
    reset(t);
    IGI_VEC_FREE(&t->nodes);
    IGI_VEC_FREE(&t->traced);
    IGI_VEC_FREE(&t->regions);
    igi_arena_fini(&t->arena);
    if (t->live && *t->live)
        *t->live |= IGI_LIVE_ORPHAN; /* kept tensors still count in it */
    else
        igi_free(t->live);
    t->live = NULL;
}

/* ---- recording ---- */

ig_tensor *igi_tape_save(igi_arena *a, const ig_tensor *t)
{
    ig_tensor *s = igi_arena_raw(a, sizeof(*s));
    if (!s)
        return NULL;
    *s = *t;
    s->v.flags = (uint16_t)((t->v.flags & (IGI_CONTIGUOUS | IGI_TRACED | IGI_REMOTE)) |
                            IGI_STATIC);
    s->v.home = NULL;
    s->grad = s->base = NULL;
    if (t->v.type.rank > 8) {
        size_t bytes = sizeof(int64_t) * (size_t)t->v.type.rank;
        s->v.type.u.dim_far = igi_arena_dup(a, t->v.type.u.dim_far, bytes);
        s->stride_far = igi_arena_dup(a, t->stride_far, bytes);
        if (!s->v.type.u.dim_far || !s->stride_far)
            return NULL;
    }
    s->st = igi_storage_ref(t->st);
    s->version = t->st ? t->st->version : 0;
    return s;
}

/* Ports whose values some wanted gradient reads. */
static void wanted_saves(const igi_op *op, uint64_t wants, uint64_t *in, uint64_t *out)
{
    *in = *out = 0;
    for (const ig_save *s = op->def->saves; s && s->what; s++)
        if (s->for_grad_of & wants)
            *(s->what == IG_SAVED_INPUT ? in : out) |= IG_BIT(s->port);
}

static inline bool find_edge(const igi_tape *t, ig_tensor *x, igi_edge *e)
{
    *e = (igi_edge){.node = IGI_NO_NODE};
    if (x->v.flags & IGI_HAS_NODE && x->live == t->live) {
        e->node = x->node;
        e->out = x->node_out;
        return true;
    }
    if (!(x->v.flags & IGI_REQUIRES_GRAD))
        return false;
    e->leaf = ig_tensor_ref(x);
    return true;
}

bool igi_tape_edge(const igi_tape *t, ig_tensor *x, igi_edge *e)
{
    return find_edge(t, x, e);
}

/* The edge of input i; false: it leads nowhere. */
static inline bool set_edge(igi_tape *t, igi_tape_node *n, int i, ig_value *v)
{
    if (!find_edge(t, (ig_tensor *)v, &n->edges[i]))
        return false;
    if (n->edges[i].leaf)
        n->holds |= IGI_HOLDS_LEAVES;
    return true;
}

static inline void name_node(igi_tape *t, ig_tensor *y, uint32_t node, uint32_t out)
{
    if (y->v.flags & IGI_HAS_NODE) /* in place: it named an older node */
        --*y->live;
    y->v.flags = (uint16_t)((y->v.flags | IGI_HAS_NODE) & ~IGI_LEAF);
    y->version = y->st->version; /* results have storage, empty ones too */
    y->node = node;
    y->node_out = out;
    y->live = t->live;
    ++*t->live;
}

static inline void attach(igi_tape *t, const igi_op *op, ig_value *out, int i)
{
    int port = igi_op_out_port(op, i);
    if (!out || out->type.kind != IG_KIND_TENSOR || op->nodiff_out >> port & 1 ||
        !igi_dtype_is_float((ig_dtype)out->type.dtype))
        return;
    name_node(t, (ig_tensor *)out, (uint32_t)(t->nodes.n - 1), (uint32_t)i);
}

/* Most calls: a plain operator without attributes on tensors of one type. */
typedef struct plain_node {
    igi_tape_node n;
    igi_edge edge[3];
    const ig_type *types[4];
    ig_tensor *saved[4], *dy;
    ig_type type;
} plain_node;

/* Saves of a plain call; false: out of memory. */
static bool save_plain(igi_tape *t,
                       plain_node *p,
                       uint64_t wants,
                       ig_value *const *in,
                       ig_value *const *out)
{
    uint64_t save_in, save_out;
    wanted_saves(p->n.op, wants, &save_in, &save_out);
    p->n.holds |= save_in | save_out ? IGI_HOLDS_SAVED : 0;
    for (int i = 0; save_in >> i; i++)
        if (save_in >> i & 1 &&
            !(p->saved[i] = igi_tape_save(&t->arena, (const ig_tensor *)in[i])))
            return false;
    if (save_out &&
        !(p->saved[p->n.n_in] = igi_tape_save(&t->arena, (const ig_tensor *)out[0])))
        return false;
    return true;
}

static ig_status record_plain(igi_tape *t,
                              const igi_op *op,
                              const ig_call *call,
                              ig_value *const *in,
                              ig_value *const *out)
{
    uint64_t wants = 0;
    int n_in = call->n_in;
    plain_node *p = igi_arena_raw(&t->arena, sizeof(*p));
    if (!p || !IGI_RESERVE(&t->nodes, t->nodes.n + 1))
        return IG_OUT_OF_MEMORY;
    p->n = (igi_tape_node){.op = op,
                           .where = call->where,
                           .n_in = (uint16_t)n_in,
                           .n_out = 1,
                           .edges = p->edge,
                           .types = p->types,
                           .saved = p->saved,
                           .dy = &p->dy};
    p->dy = NULL;
    p->type = out[0]->type;
    p->types[n_in] = &p->type;
    p->saved[n_in] = NULL;
    for (int i = 0; i < n_in; i++) {
        p->types[i] = &p->type;
        p->saved[i] = NULL;
        if (set_edge(t, &p->n, i, in[i]))
            wants |= IG_BIT(i);
    }
    if (op->def->saves && !save_plain(t, p, wants, in, out)) {
        drop_node(&p->n);
        return IG_OUT_OF_MEMORY;
    }
    t->nodes.p[t->nodes.n++] = &p->n;
    attach(t, op, out[0], 0);
    return IG_OK;
}

/* ---- any call ---- */

/* The node with all its arrays in one piece, zeroed. */
static igi_tape_node *new_node(igi_arena *a, const igi_op *op, const ig_call *call)
{
    size_t n_in = (size_t)call->n_in, n_out = (size_t)call->n_out;
    size_t pointers = 2 * (n_in + n_out) + n_out;
    igi_tape_node *n = igi_arena_alloc(a, sizeof(*n) + n_in * sizeof(igi_edge) +
                                              pointers * sizeof(void *));
    if (!n)
        return NULL;
    n->op = op;
    n->where = call->where;
    n->n_in = (uint16_t)n_in;
    n->n_out = (uint16_t)n_out;
    n->n_captures = (uint16_t)call->n_captures;
    n->edges = (igi_edge *)(void *)(n + 1);
    n->types = (const ig_type **)(void *)(n->edges + n_in);
    n->saved = (ig_tensor **)(void *)(n->types + n_in + n_out);
    n->dy = n->saved + n_in + n_out;
    return n;
}

/* A copy of a type; that of a saved value serves as it is. */
static const ig_type *keep_type(igi_arena *a, const ig_value *v, const ig_tensor *saved)
{
    if (saved)
        return &saved->v.type;
    ig_type *copy = igi_arena_raw(a, sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = v->type;
    if (v->type.rank > 8)
        copy->u.dim_far = igi_arena_dup(a, v->type.u.dim_far, 8 * (size_t)v->type.rank);
    return v->type.rank <= 8 || copy->u.dim_far ? copy : NULL;
}

typedef struct side {
    int first; /* among the node's types and saved values */
    ig_value *const *v;
    int n;
    uint64_t ports; /* to save */
    int last_port;
    bool variadic;
} side;

/* Types and saved values of all inputs or outputs; false: out of memory. */
static bool keep_side(igi_arena *a, igi_tape_node *n, const side *s)
{
    for (int i = 0; i < s->n; i++) {
        int port = s->variadic && i > s->last_port ? s->last_port : i;
        ig_tensor **saved = &n->saved[s->first + i];
        if (!s->v[i])
            continue;
        bool wanted =
            s->ports == UINT64_MAX || ((unsigned)port < 64 && s->ports >> port & 1);
        if (wanted && s->v[i]->type.kind == IG_KIND_TENSOR) {
            *saved = igi_tape_save(a, (const ig_tensor *)s->v[i]);
            if (!*saved)
                return false;
            n->holds |= IGI_HOLDS_SAVED;
        }
        n->types[s->first + i] = keep_type(a, s->v[i], *saved);
        if (!n->types[s->first + i])
            return false;
    }
    return true;
}

static bool differentiable(const igi_op *op, const ig_call *call, int i, ig_value *v)
{
    int port = igi_op_in_port(op, call->n_in, call->n_captures, i);
    return v && v->type.kind == IG_KIND_TENSOR &&
           !(port >= 0 && op->nodiff_ports >> port & 1);
}

static NOINLINE ig_status record_any(igi_tape *t,
                                     const igi_op *op,
                                     const ig_call *call,
                                     ig_value *const *in,
                                     ig_value *const *out)
{
    uint64_t wants = 0, save_in, save_out;
    igi_tape_node *n = new_node(&t->arena, op, call);
    if (!n || !IGI_RESERVE(&t->nodes, t->nodes.n + 1))
        return IG_OUT_OF_MEMORY;
    for (int i = 0; i < call->n_in; i++) {
        n->edges[i].node = IGI_NO_NODE;
        if (differentiable(op, call, i, in[i]) && set_edge(t, n, i, in[i]))
            wants |= IG_BIT(i < 64 ? i : 63);
    }
    wanted_saves(op, wants, &save_in, &save_out);
    if (op->def->flags & IG_OP_SUBGRAPH)
        save_in = UINT64_MAX; /* bodies run again */
    bool ok =
        keep_side(&t->arena, n,
                  &(side){0, in, call->n_in, save_in, op->n_in - 1, op->variadic_in}) &&
        keep_side(&t->arena, n,
                  &(side){n->n_in, out, call->n_out, save_out, op->n_out - 1,
                          op->variadic_out});
    if (ok && op->def->attrs_size)
        ok = igi_attrs_copy(&t->arena, op->def, call->attrs, &n->attrs) == IG_OK;
    if (!ok) {
        drop_node(n);
        return IG_OUT_OF_MEMORY;
    }
    if (n->attrs)
        n->holds |= IGI_HOLDS_ATTRS;
    t->nodes.p[t->nodes.n++] = n;
    for (int i = 0; i < call->n_out; i++)
        attach(t, op, out[i], i);
    return IG_OK;
}

ig_status igi_tape_record(igi_tape *t,
                          const igi_op *op,
                          const ig_call *call,
                          ig_value *const *in,
                          ig_value *const *out,
                          bool uniform)
{
    igi_tape_collect(t);
    return uniform && !op->def->attrs_size && !op->nodiff_ports
               ? record_plain(t, op, call, in, out)
               : record_any(t, op, call, in, out);
}

void igi_tape_overwritten(igi_tape *t, const igi_storage *st, uint32_t version)
{
    igi_tape_node *n = t->nodes.p[t->nodes.n - 1];
    for (int i = 0; i < n->n_in; i++)
        if (n->saved[i] && n->saved[i]->st == st)
            n->saved[i]->version = version;
}

/* ---- reading ---- */

static COLD ig_status refuse_saved(const igi_tape_node *n, int what, int i)
{
    bool input = what == IG_SAVED_INPUT;
    const char *where = n->where ? n->where : "?", *name = n->op->def->name;
    const ig_tensor *s = n->saved[input ? i : n->n_in + i];
    if (n->state == IGI_SAVED_RELEASED)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s at %s: backward went through it a second time, but its "
                       "saved values are released after the first; set retain_graph",
                       name, where);
    if (!s)
        return ig_fail(IG_INTERNAL, "%s: %s %d was not saved", name,
                       input ? "input" : "output", i);
    char text[160];
    return ig_fail(IG_INVALID_ARGUMENT,
                   "%s %d (%s) of %s at %s was changed in place after it was saved for "
                   "backward: version %u, expected %u; change a copy instead",
                   input ? "input" : "output", i,
                   igi_type_print(&s->v.type, NULL, text, sizeof(text)), name, where,
                   s->st->version, s->version);
}

/* A value that is not simply there: *out is what the node has of it. */
static NOINLINE ig_status find_saved(const igi_tape_node *n,
                                     int what,
                                     int i,
                                     ig_tensor **out)
{
    const ig_tensor *s = *out;
    if (n->state == IGI_SAVED_DROPPED && s && !s->st)
        IG_TRY(igi_region_restore(n->region));
    bool absent = !n->types[what == IG_SAVED_INPUT ? i : n->n_in + i];
    if (n->state != IGI_SAVED_RELEASED &&
        (absent || (s && s->st && s->st->version == s->version)))
        return IG_OK;
    *out = NULL;
    return refuse_saved(n, what, i);
}

ig_status
igi_tape_saved(const igi_tape *t, uint32_t node, int what, int i, ig_tensor **out)
{
    const igi_tape_node *n = t->nodes.p[node];
    ig_tensor *s = n->saved[what == IG_SAVED_INPUT ? i : n->n_in + i];
    *out = s;
    return n->state == IGI_SAVED_KEPT && s && s->st && s->st->version == s->version
               ? IG_OK
               : find_saved(n, what, i, out);
}

ig_status igi_tape_revive(igi_tape *t,
                          igi_pool *pool,
                          const ig_tensor *saved,
                          const igi_edge *e,
                          ig_tensor **out)
{
    if (e->leaf) {
        *out = ig_tensor_ref(e->leaf);
        return IG_OK;
    }
    IG_TRY(igi_tensor_alias(out, pool, saved));
    if (e->node != IGI_NO_NODE)
        name_node(t, *out, e->node, e->out);
    return IG_OK;
}

ig_status igi_tape_unpack(
    igi_tape *t, igi_pool *pool, uint32_t node, int what, int i, ig_tensor **out)
{
    ig_tensor *s;
    const igi_edge own = {.node = node, .out = (uint32_t)i};
    *out = NULL;
    IG_TRY(igi_tape_saved(t, node, what, i, &s));
    if (!s)
        return IG_OK;
    const igi_edge *e = &t->nodes.p[node]->edges[i];
    return igi_tape_revive(t, pool, s, what == IG_SAVED_INPUT ? e : &own, out);
}

/* ---- traces ---- */

/* A copy of t in the arena in which dims that are no numbers are -1. */
static const ig_type *open_type(igi_arena *a, const ig_type *t)
{
    ig_type *copy = igi_arena_dup(a, t, sizeof(*t));
    if (copy && t->rank > 8)
        copy->u.dim_far =
            igi_arena_dup(a, t->u.dim_far, (size_t)t->rank * sizeof(int64_t));
    if (!copy || (t->rank > 8 && !copy->u.dim_far))
        return NULL;
    int64_t *dims = t->rank > 8 ? copy->u.dim_far : copy->u.dim;
    for (int i = 0; i < t->rank; i++)
        dims[i] = dims[i] < 0 ? -1 : dims[i];
    return copy;
}

ig_status igi_tape_note(igi_tape *t,
                        uint32_t epoch,
                        const uint32_t *id,
                        const ig_type *const *types)
{
    uint32_t index = (uint32_t)t->nodes.n - 1;
    const igi_tape_node *node = t->nodes.p[index];
    size_t n = (size_t)node->n_in + node->n_out;
    igi_tape_traced e = {.node = index,
                         .epoch = epoch,
                         .id = igi_arena_dup(&t->arena, id, n * sizeof(*id)),
                         .types = igi_arena_array(&t->arena, n, sizeof(*types))};
    if (!e.id || !e.types)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < n; i++) {
        e.types[i] = types[i] ? open_type(&t->arena, types[i]) : node->types[i];
        if (types[i] && !e.types[i])
            return IG_OUT_OF_MEMORY;
    }
    return IGI_PUSH(&t->traced, e) ? IG_OK : IG_OUT_OF_MEMORY;
}

const igi_tape_traced *igi_tape_noted(const igi_tape *t, uint32_t node, uint32_t epoch)
{
    size_t lo = 0, hi = t->traced.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->traced.p[mid].node < node)
            lo = mid + 1;
        else
            hi = mid;
    }
    const igi_tape_traced *e = lo < t->traced.n ? &t->traced.p[lo] : NULL;
    return e && e->node == node && e->epoch == epoch ? e : NULL;
}
