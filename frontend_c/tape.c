/* Recording: one node per call, everything in the arena; see tape.h. */
#include "frontend_c/tape.h"

#include <stddef.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/ir/attr.h"

ig_status igi_tape_init(igi_tape *t)
{
    memset(t, 0, sizeof(*t));
    igi_arena_init(&t->arena);
    t->epoch = 1;
    t->live = igi_calloc(1, sizeof(*t->live));
    return t->live ? IG_OK : IG_OUT_OF_MEMORY;
}

void igi_tape_release(igi_tape_node *n)
{
    n->released = true;
    for (int i = 0; n->in && i < n->n_in; i++)
        igi_storage_unref(n->in[i].st);
    for (int i = 0; n->out && i < n->n_out; i++)
        igi_storage_unref(n->out[i].st);
    n->in = n->out = NULL;
}

static void drop_node(igi_tape_node *n)
{
    if (n->in || n->out)
        igi_tape_release(n);
    for (int i = 0; i < n->n_in; i++)
        if (n->edges[i].leaf)
            ig_tensor_unref(n->edges[i].leaf);
    for (int i = 0; n->dy && i < n->n_out; i++)
        ig_tensor_unref(n->dy[i]);
    if (n->attrs)
        igi_attrs_release(n->op->def, n->attrs);
}

static void reset(igi_tape *t)
{
    for (size_t i = 0; i < t->nodes.n; i++)
        drop_node(t->nodes.p[i]);
    t->nodes.n = 0;
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
    igi_arena_fini(&t->arena);
    if (t->live && *t->live)
        *t->live |= IGI_LIVE_ORPHAN; /* kept tensors still count in it */
    else
        igi_free(t->live);
    t->live = NULL;
}

/* ---- recording ---- */

/* Types are kept with room for 4 or 8 dims: copies of one size are a few moves. */
enum { SHORT_TYPE = offsetof(ig_type, u) + 4 * sizeof(int64_t) };

static inline size_t type_bytes(const ig_value *v)
{
    return !v ? 0 : v->type.rank <= 4 ? SHORT_TYPE : sizeof(ig_type);
}

/* Copies the type of v to *at, which moves behind it; NULL: out of memory. */
static inline ig_type *put_type(igi_arena *a, char **at, const ig_value *v)
{
    ig_type *copy = (ig_type *)(void *)*at;
    *at += type_bytes(v);
    if (v->type.rank <= 4) {
        memcpy(copy, &v->type, SHORT_TYPE);
        return copy;
    }
    *copy = v->type;
    if (v->type.rank > 8)
        copy->u.dim_far = igi_arena_dup(a, v->type.u.dim_far, 8 * (size_t)v->type.rank);
    return v->type.rank <= 8 || copy->u.dim_far ? copy : NULL;
}

static bool save(igi_arena *a, igi_saved *s, const ig_tensor *t)
{
    s->st = igi_storage_ref(t->st);
    s->data = t->data;
    s->version = t->st ? t->st->version : 0;
    s->trace = t->v.trace;
    s->trace_epoch = t->v.trace_epoch;
    if (t->v.flags & IGI_CONTIGUOUS)
        return true;
    s->strides =
        igi_arena_dup(a, igi_strides(t), sizeof(int64_t) * (size_t)t->v.type.rank);
    return s->strides != NULL;
}

/* Ports whose values some wanted gradient reads; masks over actual inputs and outputs.
 */
static void wanted_saves(const igi_op *op, uint64_t wants, uint64_t *in, uint64_t *out)
{
    *in = *out = 0;
    for (const ig_save *s = op->def->saves; s && s->what; s++)
        if (s->for_grad_of & wants)
            *(s->what == IG_SAVED_INPUT ? in : out) |= IG_BIT(s->port);
}

static bool save_side(igi_arena *a,
                      igi_saved *side,
                      int n,
                      uint64_t ports,
                      int last_port,
                      bool variadic,
                      ig_value *const *v)
{
    for (int i = 0; ports && i < n; i++) {
        int port = variadic && i > last_port ? last_port : i;
        if (port < 64 && ports >> port & 1 && v[i] &&
            v[i]->type.kind == IG_KIND_TENSOR &&
            !save(a, &side[i], (const ig_tensor *)v[i]))
            return false;
    }
    return true;
}

static bool set_edge(
    igi_tape *t, const igi_op *op, const ig_call *call, igi_edge *e, int i, ig_value *v)
{
    int port = igi_op_in_port(op, call->n_in, call->n_captures, i);
    *e = (igi_edge){.node = IGI_NO_NODE};
    if (!v || v->type.kind != IG_KIND_TENSOR ||
        (port >= 0 && op->nodiff_ports >> port & 1))
        return false;
    ig_tensor *x = (ig_tensor *)v;
    if (v->flags & IGI_HAS_NODE && x->live == t->live) {
        e->node = x->node;
        e->out = x->node_out;
        return true;
    }
    if (!(v->flags & IGI_REQUIRES_GRAD))
        return false;
    e->leaf = ig_tensor_ref(x);
    return true;
}

static bool
fill_types(igi_arena *a, char **at, ig_type **types, ig_value *const *v, int n)
{
    for (int i = 0; i < n; i++)
        if (v[i] && !(types[i] = put_type(a, at, v[i])))
            return false;
    return true;
}

/* Headers that name the node: this is what keeps the tape alive. */
static void
attach(igi_tape *t, const igi_op *op, uint32_t index, ig_value *const *out, int n_out)
{
    for (int i = 0; i < n_out; i++) {
        int port = igi_op_out_port(op, i);
        if (!out[i] || out[i]->type.kind != IG_KIND_TENSOR ||
            op->def->outputs[port].flags & IG_NODIFF ||
            !igi_dtype_is_float((ig_dtype)out[i]->type.dtype))
            continue;
        ig_tensor *y = (ig_tensor *)out[i];
        if (y->v.flags & IGI_HAS_NODE) /* in place: it named an older node */
            --*y->live;
        y->v.flags = (uint16_t)((y->v.flags | IGI_HAS_NODE) & ~IGI_LEAF);
        y->version = y->st ? y->st->version : 0;
        y->node = index;
        y->node_out = (uint32_t)i;
        y->live = t->live;
        ++*t->live;
    }
}

/* The node with all its arrays and types in one piece, zeroed; *types: where they go.
 */
static igi_tape_node *new_node(igi_arena *a,
                               const igi_op *op,
                               const ig_call *call,
                               ig_value *const *in,
                               ig_value *const *out,
                               char **types)
{
    size_t n_in = (size_t)call->n_in, n_out = (size_t)call->n_out;
    size_t saved_in = op->save_in ? n_in : 0, saved_out = op->save_out ? n_out : 0;
    size_t bytes = sizeof(igi_tape_node) + n_in * sizeof(igi_edge) +
                   (saved_in + saved_out) * sizeof(igi_saved) +
                   (n_in + n_out) * sizeof(ig_type *);
    size_t type_bytes_all = 0;
    for (size_t i = 0; i < n_in; i++)
        type_bytes_all += type_bytes(in[i]);
    for (size_t i = 0; i < n_out; i++)
        type_bytes_all += type_bytes(out[i]);
    igi_tape_node *n = igi_arena_alloc(a, bytes + type_bytes_all);
    if (!n)
        return NULL;
    n->op = op;
    n->where = call->where;
    n->n_in = (uint16_t)n_in;
    n->n_out = (uint16_t)n_out;
    n->n_captures = (uint16_t)call->n_captures;
    n->edges = (igi_edge *)(void *)(n + 1);
    igi_saved *saved = (igi_saved *)(void *)(n->edges + n_in);
    n->in = saved_in ? saved : NULL;
    n->out = saved_out ? saved + saved_in : NULL;
    n->in_type = (ig_type **)(void *)(saved + saved_in + saved_out);
    n->out_type = n->in_type + n_in;
    *types = (char *)n + bytes;
    return n;
}

/* Most calls: a plain operator without attributes on tensors of ordinary ranks. */
typedef struct plain_node {
    igi_tape_node n;
    igi_edge edge[3];
    ig_type *types[4], type[4];
} plain_node;

static inline bool is_plain(const igi_op *op,
                            const ig_call *call,
                            ig_value *const *in,
                            ig_value *const *out)
{
    if (!op->plain || op->def->attrs_size || call->n_in != op->n_in ||
        call->n_out != 1 || call->n_captures || !out[0])
        return false;
    int rank = out[0]->type.rank;
    for (int i = 0; i < call->n_in; i++)
        rank |= in[i]->type.rank; /* at most 8, or a few more that go the other way */
    return rank <= 8;
}

/* Saves of a plain call; false: out of memory. */
static bool save_plain(igi_tape *t,
                       plain_node *p,
                       const igi_op *op,
                       uint64_t wants,
                       ig_value *const *in,
                       ig_value *const *out)
{
    uint64_t save_in, save_out;
    wanted_saves(op, wants, &save_in, &save_out);
    if (save_in &&
        !(p->n.in = igi_arena_alloc(&t->arena, op->n_in * sizeof(igi_saved))))
        return false;
    if (save_out && !(p->n.out = igi_arena_alloc(&t->arena, sizeof(igi_saved))))
        return false;
    for (int i = 0; save_in && i < op->n_in; i++)
        if (save_in >> i & 1 && !save(&t->arena, &p->n.in[i], (const ig_tensor *)in[i]))
            return false;
    return !save_out || save(&t->arena, p->n.out, (const ig_tensor *)out[0]);
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
                           .in_type = p->types,
                           .out_type = p->types + n_in};
    for (int i = 0; i < n_in; i++) {
        p->type[i] = in[i]->type;
        p->types[i] = &p->type[i];
        if (set_edge(t, op, call, &p->edge[i], i, in[i]))
            wants |= IG_BIT(i);
    }
    p->type[n_in] = out[0]->type;
    p->types[n_in] = &p->type[n_in];
    if (op->def->saves && !save_plain(t, p, op, wants, in, out)) {
        drop_node(&p->n);
        return IG_OUT_OF_MEMORY;
    }
    t->nodes.p[t->nodes.n++] = &p->n;
    attach(t, op, (uint32_t)(t->nodes.n - 1), out, 1);
    return IG_OK;
}

ig_status igi_tape_record(igi_tape *t,
                          const igi_op *op,
                          const ig_call *call,
                          ig_value *const *in,
                          ig_value *const *out)
{
    if (is_plain(op, call, in, out)) {
        igi_tape_collect(t);
        return record_plain(t, op, call, in, out);
    }
    uint64_t wants = 0, save_in = 0, save_out = 0;
    char *types = NULL;
    igi_tape_collect(t);
    igi_tape_node *n = new_node(&t->arena, op, call, in, out, &types);
    if (!n || !IGI_RESERVE(&t->nodes, t->nodes.n + 1))
        return IG_OUT_OF_MEMORY;
    for (int i = 0; i < call->n_in; i++)
        if (set_edge(t, op, call, &n->edges[i], i, in[i]))
            wants |= IG_BIT(i < 64 ? i : 63);
    if (op->def->saves)
        wanted_saves(op, wants, &save_in, &save_out);
    bool ok = fill_types(&t->arena, &types, n->in_type, in, call->n_in) &&
              fill_types(&t->arena, &types, n->out_type, out, call->n_out) &&
              save_side(&t->arena, n->in, call->n_in, save_in, op->n_in - 1,
                        op->variadic_in, in) &&
              save_side(&t->arena, n->out, call->n_out, save_out, op->n_out - 1,
                        op->variadic_out, out);
    if (ok && op->def->attrs_size)
        ok = igi_attrs_copy(&t->arena, op->def, call->attrs, &n->attrs) == IG_OK;
    if (!ok) {
        drop_node(n);
        return IG_OUT_OF_MEMORY;
    }
    t->nodes.p[t->nodes.n++] = n;
    attach(t, op, (uint32_t)(t->nodes.n - 1), out, call->n_out);
    return IG_OK;
}

void igi_tape_overwritten(igi_tape *t, const igi_storage *st, uint32_t version)
{
    igi_tape_node *n = t->nodes.p[t->nodes.n - 1];
    for (int i = 0; n->in && i < n->n_in; i++)
        if (n->in[i].st == st)
            n->in[i].version = version;
}

/* ---- unpacking ---- */

ig_status igi_tape_unpack(
    igi_tape *t, igi_pool *pool, uint32_t node, int what, int i, ig_tensor **out)
{
    igi_tape_node *n = t->nodes.p[node];
    const char *side = what == IG_SAVED_INPUT ? "input" : "output";
    igi_saved *list = what == IG_SAVED_INPUT ? n->in : n->out;
    const ig_type *type = what == IG_SAVED_INPUT ? n->in_type[i] : n->out_type[i];
    *out = NULL;
    if (n->released)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s at %s: backward went through it a second time, but its "
                       "saved values are "
                       "released after the first; set retain_graph",
                       n->op->def->name, n->where ? n->where : "?");
    if (!type)
        return IG_OK;
    if (!list || !list[i].st)
        return ig_fail(IG_INTERNAL, "%s: %s %d was not saved", n->op->def->name, side,
                       i);
    const igi_saved *s = &list[i];
    if (s->st->version != s->version) {
        char text[160];
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "%s %d (%s) of %s at %s was changed in place after it was saved for "
            "backward: version %u, expected %u; change a copy instead",
            side, i, igi_type_print(type, NULL, text, sizeof(text)), n->op->def->name,
            n->where ? n->where : "?", s->st->version, s->version);
    }
    IG_TRY(igi_tensor_header(out, pool, (ig_dtype)type->dtype, type->rank,
                             ig_type_dims(type)));
    ig_tensor *x = *out;
    x->st = igi_storage_ref(s->st);
    x->data = s->data;
    x->v.trace = s->trace;
    x->v.trace_epoch = s->trace_epoch;
    if (s->strides) {
        memcpy(igi_tensor_strides_mut(x), s->strides,
               sizeof(int64_t) * (size_t)type->rank);
        x->v.flags = (uint16_t)(x->v.flags & ~IGI_CONTIGUOUS);
    }
    /* The old history, so that create_graph works unchanged. */
    const igi_edge *e = what == IG_SAVED_INPUT ? &n->edges[i] : NULL;
    if (e && e->leaf) {
        ig_tensor_unref(x);
        *out = ig_tensor_ref(e->leaf);
    } else if (!e || e->node != IGI_NO_NODE) {
        x->version = s->version;
        x->node = e ? e->node : node;
        x->node_out = e ? e->out : (uint32_t)i;
        x->live = t->live;
        x->v.flags |= IGI_HAS_NODE;
        ++*t->live;
    }
    return IG_OK;
}
