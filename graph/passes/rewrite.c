/* Helpers of the passes; see rewrite.h. */
#include "graph/passes/rewrite.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/utf8.h"

#define NUMBERS_MAX 65536 /* elements of a constant that are looked at one by one */

/* ---- nodes ---- */

size_t igi_live_nodes(const ig_graph *g)
{
    size_t n = 0;
    for (size_t i = 1; i < g->nodes.n; i++)
        n += g->nodes.p[i].live;
    return n;
}

bool igi_node_is(const igi_node *n, const char *full)
{
    const ig_op_def *d = n->op->def;
    const char *colon = strstr(full, "::");
    if (strcmp(d->name, colon ? colon + 2 : full) != 0)
        return false;
    if (!colon)
        return !d->domain || !d->domain[0] || !strcmp(d->domain, "ai.onnx");
    return d->domain && strlen(d->domain) == (size_t)(colon - full) &&
           !strncmp(d->domain, full, (size_t)(colon - full));
}

bool igi_node_used(const ig_graph *g, const igi_node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i].i && igi_value_at(g, n->out[i])->uses.n)
            return true;
    return false;
}

bool igi_node_side_used(const ig_graph *g, const igi_node *n)
{
    for (int i = 1; i < n->n_out; i++)
        if (n->out[i].i && igi_value_at(g, n->out[i])->uses.n)
            return true;
    return false;
}

ig_value_id igi_in(const igi_node *n, int i)
{
    return i < n->n_in - n->n_captures ? n->in[i] : (ig_value_id){0};
}

int64_t igi_attr_int(const igi_node *n, const char *name, int64_t def)
{
    const ig_attr_def *row = igi_attr_find(n->op->def, name);
    return row ? *(const int64_t *)igi_attr_at(row, n->attrs) : def;
}

float igi_attr_float(const igi_node *n, const char *name, float def)
{
    const ig_attr_def *row = igi_attr_find(n->op->def, name);
    return row ? *(const float *)igi_attr_at(row, n->attrs) : def;
}

ig_ints igi_attr_ints(const igi_node *n, const char *name)
{
    const ig_attr_def *row = igi_attr_find(n->op->def, name);
    return row ? *(const ig_ints *)igi_attr_at(row, n->attrs) : (ig_ints){0};
}

/* ---- values ---- */

ig_node_id igi_producer_id(const ig_graph *g, ig_value_id v)
{
    return v.i ? igi_value_at(g, v)->producer : (ig_node_id){0};
}

igi_node *igi_producer(const ig_graph *g, ig_value_id v)
{
    ig_node_id n = igi_producer_id(g, v);
    return n.i ? igi_node_at(g, n) : NULL;
}

bool igi_made_by(const ig_graph *g, ig_value_id v, const char *op, const igi_node **n)
{
    *n = v.i ? igi_producer(g, v) : NULL;
    return *n && igi_node_is(*n, op);
}

ig_node_id igi_only_user(const ig_graph *g, ig_value_id v)
{
    const igi_gvalue *value = igi_value_at(g, v);
    return value->uses.n == 1 ? value->uses.p[0].node : (ig_node_id){0};
}

bool igi_is_output(const ig_graph *g, ig_value_id v)
{
    const igi_gvalue *value = igi_value_at(g, v);
    for (size_t i = 0; i < value->uses.n; i++)
        if (!value->uses.p[i].node.i)
            return true;
    return false;
}

bool igi_same_type(const ig_graph *g, ig_value_id a, ig_value_id b)
{
    const ig_type *x = igi_type_of(g, a), *y = igi_type_of(g, b);
    if (x->kind != IG_KIND_TENSOR || y->kind != IG_KIND_TENSOR ||
        x->dtype != y->dtype || x->rank < 0 || x->rank != y->rank)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (ig_type_dims(x)[i] == -1 || ig_type_dims(x)[i] != ig_type_dims(y)[i])
            return false;
    return true;
}

const ig_tensor *igi_const(const ig_graph *g, ig_value_id v)
{
    const ig_tensor *t = v.i ? igi_value_at(g, v)->constant : NULL;
    if (!t || !t->data || !(t->v.flags & IGI_CONTIGUOUS) ||
        t->v.type.dtype == IG_STRING)
        return NULL;
    return t;
}

int igi_known_ints(const ig_graph *g, ig_value_id v, int64_t *buf, int cap)
{
    if (!v.i)
        return -1;
    const ig_tensor *t = igi_const(g, v);
    const ig_ints *ints = &igi_value_at(g, v)->ints;
    if (t) {
        int64_t n = igi_tensor_count(t);
        ig_dtype dtype = (ig_dtype)t->v.type.dtype;
        if (n > cap || t->v.type.rank > 1 || (dtype != IG_INT64 && dtype != IG_INT32))
            return -1;
        for (int64_t i = 0; i < n; i++)
            buf[i] = igi_get_i64(dtype, t->data, i);
        return (int)n;
    }
    if (!ints->v || ints->n > cap)
        return -1;
    for (int64_t i = 0; i < ints->n; i++) {
        if (ig_dim_is_symbol(ints->v[i]))
            return -1;
        buf[i] = ints->v[i];
    }
    return (int)ints->n;
}

bool igi_const_number(const ig_graph *g, ig_value_id v, double *out)
{
    const ig_tensor *t = igi_const(g, v);
    if (!t || ig_dtype_bits((ig_dtype)t->v.type.dtype) > 64)
        return false;
    int64_t n = igi_tensor_count(t);
    ig_dtype dtype = (ig_dtype)t->v.type.dtype;
    if (n < 1 || n > NUMBERS_MAX || dtype == IG_COMPLEX64)
        return false;
    double first = igi_get_f64(dtype, t->data, 0);
    for (int64_t i = 1; i < n; i++) {
        double x = igi_get_f64(dtype, t->data, i);
        if (memcmp(&x, &first, sizeof(x)) != 0)
            return false;
    }
    *out = first;
    return true;
}

bool igi_const_scalar(const ig_graph *g, ig_value_id v, double *out)
{
    const ig_tensor *t = igi_const(g, v);
    return t && igi_tensor_count(t) == 1 && igi_const_number(g, v, out);
}

bool igi_const_channels(
    const ig_graph *g, ig_value_id v, int rank, int axis, int64_t n, double *out)
{
    const ig_tensor *t = igi_const(g, v);
    if (!t || n < 1 || !igi_dtype_is_float((ig_dtype)t->v.type.dtype))
        return false;
    ig_dtype dtype = (ig_dtype)t->v.type.dtype;
    int64_t count = igi_tensor_count(t);
    int r = t->v.type.rank, at = axis - (rank - r);
    if (r > rank || (count != 1 && count != n))
        return false;
    if (count != 1 && (at < 0 || at >= r || ig_type_dims(&t->v.type)[at] != n))
        return false;
    if (igi_tensor_settle(igi_value_at(g, v)->constant) != IG_OK)
        return false;
    for (int64_t i = 0; i < n; i++)
        out[i] = igi_get_f64(dtype, t->data, count == 1 ? 0 : i);
    return true;
}

/* ---- editing ---- */

/* Whether some node overwrites v in place. Constants never are. */
static bool is_mutated(const ig_graph *g, ig_value_id v)
{
    const igi_gvalue *value = igi_value_at(g, v);
    return !value->constant && value->n_overwrites;
}

bool igi_can_forward(const ig_graph *g, ig_node_id n, int out, ig_value_id to)
{
    ig_value_id from = igi_node_at(g, n)->out[out];
    const ig_type *a = igi_type_of(g, from), *b = igi_type_of(g, to);
    if (a->kind != b->kind || a->dtype != b->dtype || is_mutated(g, from) ||
        is_mutated(g, to))
        return false;
    return a->kind != IG_KIND_TENSOR || a->rank < 0 || b->rank < 0 ||
           a->rank == b->rank;
}

ig_status igi_forward(ig_graph *g, ig_node_id n, int out, ig_value_id to, bool *done)
{
    *done = igi_can_forward(g, n, out, to);
    return *done ? ig_graph_replace(g, igi_node_at(g, n)->out[out], to) : IG_OK;
}

void *igi_new_attrs(ig_graph *g, const igi_op *op)
{
    void *attrs = igi_arena_alloc(&g->arena, op->def->attrs_size + 8);
    if (attrs)
        igi_attrs_init(op->def, attrs);
    return attrs;
}

static size_t field_size(int kind)
{
    switch (kind) {
    case IG_A_FLOAT:
        return sizeof(float);
    case IG_A_INTS:
    case IG_A_FLOATS:
    case IG_A_STRINGS:
        return sizeof(ig_ints);
    default:
        return 8;
    }
}

void igi_copy_attrs(const igi_op *op, void *attrs, const igi_node *from)
{
    for (const ig_attr_def *row = op->def->attrs; row && row->name; row++) {
        const ig_attr_def *src = igi_attr_find(from->op->def, row->name);
        if (src && src->kind == row->kind)
            memcpy(igi_attr_at(row, attrs), igi_attr_at(src, from->attrs),
                   field_size(row->kind));
    }
}

ig_status
igi_make_node(ig_graph *g, const igi_make *m, const ig_value_id *in, ig_value_id *out)
{
    const igi_node *like = igi_node_at(g, m->like);
    const char *origin = m->origin      ? m->origin
                         : like->origin ? like->origin
                                        : like->name;
    ig_call call = {.op = m->op->def,
                    .attrs = m->attrs,
                    .where = like->where,
                    .name = like->name,
                    .wanted = m->wanted,
                    .n_in = m->n_in,
                    .n_out = m->n_out ? m->n_out : 1};
    IG_TRY(ig_graph_make(g, &call, in, out));
    igi_node *made = igi_node_at(g, g->order.p[g->order.n - 1]);
    made->origin = origin;
    return IG_OK;
}

ig_status
igi_try_make(ig_graph *g, const igi_make *m, const ig_value_id *in, ig_value_id *out)
{
    ig_status rc = igi_make_node(g, m, in, out);
    if (rc != IG_INVALID_ARGUMENT && rc != IG_INVALID_GRAPH)
        return rc;
    igi_error_clear();
    *out = (ig_value_id){0};
    return IG_OK;
}

const char *igi_origin(ig_graph *g, const ig_node_id *nodes, int n)
{
    char buf[240];
    size_t at = 0;
    for (int i = 0; i < n && nodes[i].i; i++) {
        const igi_node *node = igi_node_at(g, nodes[i]);
        const char *name = node->origin ? node->origin : node->name;
        int used = snprintf(buf + at, sizeof(buf) - at, at ? "+%s" : "%s", name);
        at += used > 0 ? (size_t)used : 0;
        if (at >= sizeof(buf)) {
            memcpy(buf + igi_utf8_cut(buf, sizeof(buf) - 4), "...", 4);
            break;
        }
    }
    return igi_arena_strdup(&g->arena, buf);
}

/* ---- constants ---- */

ig_status igi_make_const(ig_graph *g, ig_value_id like, ig_tensor *t, ig_value_id *out)
{
    const char *name = igi_graph_fresh_name(g, igi_value_at(g, like)->name);
    ig_status rc = name ? ig_graph_constant(g, name, t, out) : IG_OUT_OF_MEMORY;
    ig_tensor_unref(t);
    return rc;
}

ig_status
igi_make_ints(ig_graph *g, ig_value_id like, const int64_t *v, int n, ig_value_id *out)
{
    ig_tensor *t = NULL;
    IG_TRY(ig_tensor_new_copy(&t, IG_INT64, 1, &(int64_t){n}, v,
                              (size_t)n * sizeof(int64_t)));
    return igi_make_const(g, like, t, out);
}

ig_status igi_make_numbers(ig_graph *g,
                           ig_value_id like,
                           ig_dtype dtype,
                           int64_t n,
                           const double *v,
                           ig_value_id *out)
{
    ig_tensor *t = NULL;
    IG_TRY(ig_tensor_new(&t, dtype, 1, &n));
    for (int64_t i = 0; i < n; i++)
        igi_put_f64(dtype, t->data, i, v[i]);
    return igi_make_const(g, like, t, out);
}

ig_status igi_make_reshaped(
    ig_graph *g, ig_value_id constant, int rank, const int64_t *dims, ig_value_id *out)
{
    ig_tensor *base = igi_value_at(g, constant)->constant, *t = NULL;
    int64_t strides[IG_RANK_MAX];
    igi_strides_contiguous(rank, dims, strides);
    IG_TRY(igi_tensor_settle(base));
    IG_TRY(igi_tensor_view(&t, NULL, base, rank, dims, strides, 0));
    return igi_make_const(g, constant, t, out);
}

/* ---- rules ---- */

ig_status igi_clean(ig_graph *g)
{
    IG_TRY(igi_graph_sort(g)); /* sweeping goes from readers to producers */
    (void)igi_graph_sweep(g);
    return IG_OK;
}

ig_status igi_rules_run(ig_graph *g, const igi_rule *rules, int level, int *changes)
{
    for (size_t k = 0; k < g->order.n; k++) {
        ig_node_id id = g->order.p[k];
        for (const igi_rule *r = rules; r->op; r++) {
            const igi_node *n = igi_node_at(g, id);
            if (!n->live || !igi_node_used(g, n))
                break;
            if (r->level > level || !igi_node_is(n, r->op))
                continue;
            ig_status rc = r->apply(g, id, changes);
            if (rc != IG_OK)
                return igi_graph_node_context(g, id);
        }
    }
    return igi_clean(g);
}
