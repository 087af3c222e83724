#include "graph/ir/same.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/ir/attr.h"
#include "graph/ir/body.h"

/* Strings may hold zeros. */
static bool same_string(const igi_str *a, const igi_str *b)
{
    uint32_t n = a ? a->length : 0;
    return n == (b ? b->length : 0) && (n == 0 || memcmp(a->text, b->text, n) == 0);
}

bool igi_constant_same(const ig_tensor *a, const ig_tensor *b)
{
    if (!igi_type_equal(&a->v.type, &b->v.type))
        return false;
    if (a->v.type.dtype != IG_STRING)
        return !ig_tensor_nbytes(a) || !memcmp(a->data, b->data, ig_tensor_nbytes(a));
    const igi_str *const *x = (const igi_str *const *)(const void *)a->data,
                         *const *y = (const igi_str *const *)(const void *)b->data;
    for (int64_t i = 0; i < igi_tensor_count(a); i++)
        if (!same_string(x[i], y[i]))
            return false;
    return true;
}

bool igi_node_alike(const igi_node *a, const igi_node *b)
{
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out ||
        a->n_captures != b->n_captures ||
        (a->attrs && !igi_attrs_equal_but_graphs(a->op->def, a->attrs, b->attrs)))
        return false;
    for (int i = 0; i < a->n_in; i++)
        if (!a->in[i].i != !b->in[i].i)
            return false;
    for (int i = 0; i < a->n_out; i++)
        if (!a->out[i].i != !b->out[i].i)
            return false;
    return true;
}

ig_status igi_node_same(const igi_node *a, const igi_node *b, bool *same)
{
    *same = igi_node_alike(a, b);
    for (int k = 0; *same && igi_has_bodies(a) && igi_body_of(a, k); k++)
        IG_TRY(igi_graph_same(igi_body_of(a, k), igi_body_of(b, k), same));
    return IG_OK;
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

static ig_status
same_nodes(const ig_graph *a, const ig_graph *b, ig_value_id *twin, bool *same)
{
    ig_node_iter x = ig_graph_nodes(a), y = ig_graph_nodes(b);
    ig_node_id i, k;
    while (*same) {
        bool more = ig_node_next(&x, &i), also = ig_node_next(&y, &k);
        *same = more == also;
        if (!more || !also)
            break;
        const igi_node *p = igi_node_at(a, i), *q = igi_node_at(b, k);
        IG_TRY(igi_node_same(p, q, same));
        for (int n = 0; *same && n < p->n_in; n++)
            *same = same_value(a, b, twin, p->in[n], q->in[n]);
        for (int n = 0; *same && n < p->n_out; n++)
            if (p->out[n].i)
                twin[p->out[n].i] = q->out[n];
    }
    return IG_OK;
}

ig_status igi_graph_same(const ig_graph *a, const ig_graph *b, bool *same)
{
    *same = a->inputs.n == b->inputs.n && a->outputs.n == b->outputs.n;
    if (!*same)
        return IG_OK;
    ig_value_id *twin = igi_calloc(a->values.n, sizeof(*twin));
    if (!twin)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; *same && i < a->inputs.n; i++) {
        const igi_gvalue *x = igi_value_at(a, a->inputs.p[i]),
                         *y = igi_value_at(b, b->inputs.p[i]);
        twin[a->inputs.p[i].i] = b->inputs.p[i];
        *same = igi_type_equal(&x->type, &y->type);
    }
    ig_status rc = same_nodes(a, b, twin, same);
    for (size_t i = 0; rc == IG_OK && *same && i < a->outputs.n; i++)
        *same = same_value(a, b, twin, a->outputs.p[i], b->outputs.p[i]);
    igi_free(twin);
    return rc;
}
