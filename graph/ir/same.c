#include "graph/ir/same.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/ir/attr.h"
#include "graph/ir/body.h"

bool igi_constant_same(const ig_tensor *a, const ig_tensor *b)
{
    if (!igi_type_equal(&a->v.type, &b->v.type))
        return false;
    if (a->v.type.dtype != IG_STRING)
        return !ig_tensor_nbytes(a) || !memcmp(a->data, b->data, ig_tensor_nbytes(a));
    for (int64_t i = 0; i < igi_tensor_count(a); i++)
        if (strcmp(ig_tensor_string(a, i), ig_tensor_string(b, i)) != 0)
            return false;
    return true;
}

/* Attributes but for bodies: copies of the structs without them are compared. */
static bool same_attrs(const igi_node *a, const igi_node *b)
{
    const ig_op_def *op = a->op->def;
    if (!a->attrs || !igi_has_bodies(a))
        return !a->attrs || igi_attrs_equal(op, a->attrs, b->attrs);
    bool same = false;
    void *x = igi_alloc(op->attrs_size), *y = igi_alloc(op->attrs_size);
    if (x && y) {
        memcpy(x, a->attrs, op->attrs_size);
        memcpy(y, b->attrs, op->attrs_size);
        for (int k = 0; igi_body_slot(op, x, k); k++)
            *igi_body_slot(op, x, k) = *igi_body_slot(op, y, k) = NULL;
        same = igi_attrs_equal(op, x, y);
    }
    igi_free(x);
    igi_free(y);
    return same;
}

bool igi_node_same(const igi_node *a, const igi_node *b, bool open)
{
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out ||
        a->n_captures != b->n_captures || !same_attrs(a, b))
        return false;
    for (int i = 0; i < a->n_in; i++)
        if (!a->in[i].i != !b->in[i].i)
            return false;
    for (int i = 0; i < a->n_out; i++)
        if (!a->out[i].i != !b->out[i].i)
            return false;
    for (int k = 0; !open && igi_has_bodies(a) && igi_body_of(a, k); k++)
        if (!igi_graph_same(igi_body_of(a, k), igi_body_of(b, k)))
            return false;
    return true;
}

/* Value x of a is value y of b, as far as is known: constants by contents. */
static bool same_value(const ig_graph *a,
                       const ig_graph *b,
                       const ig_value_id *twin,
                       ig_value_id x,
                       ig_value_id y)
{
    const ig_tensor *p = x.i ? igi_value_at(a, x)->constant : NULL,
                    *q = y.i ? igi_value_at(b, y)->constant : NULL;
    return p || q ? p && q && igi_constant_same(p, q) : twin[x.i].i == y.i;
}

static bool same_nodes(const ig_graph *a, const ig_graph *b, ig_value_id *twin)
{
    ig_node_iter x = ig_graph_nodes(a), y = ig_graph_nodes(b);
    ig_node_id i, k;
    for (;;) {
        bool more = ig_node_next(&x, &i), also = ig_node_next(&y, &k);
        if (!more || !also)
            return more == also;
        const igi_node *p = igi_node_at(a, i), *q = igi_node_at(b, k);
        if (!igi_node_same(p, q, false))
            return false;
        for (int n = 0; n < p->n_in; n++)
            if (!same_value(a, b, twin, p->in[n], q->in[n]))
                return false;
        for (int n = 0; n < p->n_out; n++)
            if (p->out[n].i)
                twin[p->out[n].i] = q->out[n];
    }
}

bool igi_graph_same(const ig_graph *a, const ig_graph *b)
{
    if (a->inputs.n != b->inputs.n || a->outputs.n != b->outputs.n)
        return false;
    ig_value_id *twin = igi_calloc(a->values.n, sizeof(*twin));
    bool same = twin;
    for (size_t i = 0; same && i < a->inputs.n; i++) {
        const igi_gvalue *x = igi_value_at(a, a->inputs.p[i]),
                         *y = igi_value_at(b, b->inputs.p[i]);
        twin[a->inputs.p[i].i] = b->inputs.p[i];
        same = igi_type_equal(&x->type, &y->type);
    }
    same = same && same_nodes(a, b, twin);
    for (size_t i = 0; same && i < a->outputs.n; i++)
        same = same_value(a, b, twin, a->outputs.p[i], b->outputs.p[i]);
    igi_free(twin);
    return same;
}
