/* SequenceMap in eager code: the nodes of its body, called item by item, so that every
 * item of the results has a history of its own. */
#include "frontend_c/items.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/ir/attr.h"
#include "graph/ir/check.h"

typedef struct map {
    ig_ctx *c;
    const ig_call *call;
    const ig_graph *body;
    ig_value **value; /* of the body, one item's; borrowed from scope and constants */
} map;

static const igi_sequence *sequence(const ig_value *v)
{
    return v->type.kind == IG_KIND_SEQUENCE ? (const igi_sequence *)v : NULL;
}

static ig_status call_node(map *m, const igi_node *n)
{
    ig_value *in[IG_PORTS_MAX], *out[IG_PORTS_MAX];
    ig_call call = {.op = n->op->def,
                    .attrs = n->attrs,
                    .where = m->call->where,
                    .n_in = n->n_in,
                    .n_captures = n->n_captures,
                    .n_out = n->n_out};
    if (n->n_in > IG_PORTS_MAX || n->n_out > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT, "%s: a node of %d inputs and %d outputs",
                       n->op->def->name, n->n_in, n->n_out);
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i].i ? m->value[n->in[i].i] : NULL;
    for (int o = 0; o < n->n_out; o++)
        if (n->out[o].i && o < 64)
            call.wanted |= IG_BIT(o);
    memset(out, 0, (size_t)n->n_out * sizeof(ig_value *));
    IG_TRY(ig_dispatch(m->c, &call, in, out));
    for (int o = 0; o < n->n_out; o++)
        if (n->out[o].i)
            m->value[n->out[o].i] = out[o];
    return IG_OK;
}

static ig_status run_item(map *m, ig_value *const *in, int64_t t)
{
    const ig_graph *b = m->body;
    int formal = m->call->n_in - m->call->n_captures;
    for (int i = 0; i < m->call->n_in; i++) {
        const igi_sequence *s = i < formal ? sequence(in[i]) : NULL;
        m->value[b->inputs.p[i].i] = s ? s->items[t] : in[i];
    }
    ig_node_id id;
    for (ig_node_iter it = ig_graph_nodes(b); ig_node_next(&it, &id);)
        IG_TRY(call_node(m, igi_node_at(b, id)));
    return IG_OK;
}

static ig_status check_lengths(const ig_call *call, ig_value *const *in, int64_t n)
{
    for (int i = 0; i < call->n_in - call->n_captures; i++)
        if (sequence(in[i]) && sequence(in[i])->n != n)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "SequenceMap: input %d has %lld items, input 0 has %lld", i,
                           (long long)sequence(in[i])->n, (long long)n);
    return IG_OK;
}

/* What igi_invoke checks before it calls a kernel: the body fits the call. */
static ig_status check(const igi_op *op, const ig_call *call, ig_value *const *in)
{
    const ig_type *in_type[IG_PORTS_MAX];
    ig_type *type, *out_type[IG_PORTS_MAX];
    if (call->n_in > IG_PORTS_MAX || call->n_out > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT, "SequenceMap: %d inputs and %d outputs", call->n_in,
                       call->n_out);
    IG_TRY(igi_attrs_check(op->def, call->attrs));
    for (int i = 0; i < call->n_in; i++)
        in_type[i] = in[i] ? &in[i]->type : NULL;
    type = igi_alloc_array((size_t)call->n_out, sizeof(*type));
    if (!type)
        return IG_OUT_OF_MEMORY;
    for (int o = 0; o < call->n_out; o++) {
        type[o] = (ig_type){.rank = -1};
        out_type[o] = &type[o];
    }
    ig_infer x = {.struct_size = sizeof(x),
                  .n_in = call->n_in,
                  .n_out = call->n_out,
                  .n_captures = call->n_captures,
                  .in = in_type,
                  .out = out_type,
                  .attrs = call->attrs,
                  .known = in,
                  .op = op->def};
    ig_status rc = igi_infer_call(op, call, &x);
    for (int o = 0; o < call->n_out; o++)
        igi_type_fini(&type[o]);
    igi_free(type);
    return rc;
}

/* Output o of `n` items. */
static ig_status give(map *m, int o, ig_value **items, int64_t n, ig_value **out)
{
    ig_type type;
    const ig_type *elem = &igi_value_at(m->body, m->body->outputs.p[o])->type;
    IG_TRY(igi_wrapped_type(&type, IG_KIND_SEQUENCE, elem));
    ig_status rc = igi_sequence_new(out, &type, items, n);
    igi_type_fini(&type);
    return rc == IG_OK ? igi_scope_push(m->c, *out) : rc;
}

static ig_status run(map *m, ig_value *const *in, ig_value **items, ig_value **out)
{
    const ig_graph *b = m->body;
    const int64_t n = sequence(in[0])->n;
    for (size_t v = 1; v < b->values.n; v++)
        m->value[v] = (ig_value *)b->values.p[v].constant;
    for (int64_t t = 0; t < n; t++) {
        IG_TRY(run_item(m, in, t));
        for (int o = 0; o < m->call->n_out; o++)
            items[o * n + t] = m->value[b->outputs.p[o].i];
    }
    for (int o = 0; o < m->call->n_out; o++)
        IG_TRY(give(m, o, items + o * n, n, &out[o]));
    return IG_OK;
}

ig_status igi_items_map(ig_ctx *c,
                        const igi_op *op,
                        const ig_call *call,
                        ig_value *const *in,
                        ig_value **out)
{
    map m = {.c = c, .call = call};
    size_t count;
    IG_TRY(check(op, call, in));
    const igi_sequence *s = sequence(in[0]);
    memcpy(&m.body, igi_attr_at(igi_attr_find(op->def, "body"), call->attrs),
           sizeof(m.body));
    if (!s || !igi_mul_size((size_t)s->n + 1, (size_t)call->n_out, &count))
        return IG_OUT_OF_MEMORY;
    IG_TRY(check_lengths(call, in, s->n));
    m.value = igi_calloc(m.body->values.n, sizeof(*m.value));
    ig_value **items = igi_calloc(count, sizeof(ig_value *));
    ig_status rc = m.value && items ? run(&m, in, items, out) : IG_OUT_OF_MEMORY;
    igi_free(items);
    igi_free(m.value);
    return rc;
}
