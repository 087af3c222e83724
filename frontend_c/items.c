#include "frontend_c/items.h"

#include <string.h>

#include <ingot/ops.h>

#include "graph/core/alloc.h"
#include "graph/ir/attr.h"

bool igi_holds_items(const igi_op *op, const ig_call *call, ig_value *const *in)
{
    for (int i = 0; i < call->n_in; i++)
        if (in[i] && in[i]->type.kind != IG_KIND_TENSOR)
            return true;
    for (int i = 0; i < op->n_out; i++)
        if (op->def->outputs[i].flags & IG_SEQ)
            return true;
    return false;
}

static bool is_op(const igi_op *op, const char *name)
{
    return strcmp(op->def->name, name) == 0;
}

static ig_tensor *ints(ig_ctx *c, int64_t v)
{
    const int64_t one = 1;
    ig_tensor *t = NULL;
    if (ig_tensor_new_copy(&t, IG_INT64, 1, &one, &v, sizeof(v)) != IG_OK ||
        igi_scope_push(c, (ig_value *)t) != IG_OK)
        return NULL;
    return t;
}

static ig_status call_named(ig_ctx *c,
                            const ig_call *like,
                            const char *name,
                            const void *attrs,
                            ig_value *const *in,
                            int n_in,
                            ig_value **out)
{
    const igi_op *op = igi_registry_find_full(c->reg, name);
    if (!op)
        return ig_fail(IG_NOT_FOUND, "there is no operator '%s'", name);
    ig_call call = {
        .op = op->def, .attrs = attrs, .where = like->where, .n_in = n_in, .n_out = 1};
    return ig_dispatch(c, &call, in, out);
}

/* ---- ConcatFromSequence ---- */

static ig_status
concat(ig_ctx *c, const igi_op *op, const ig_call *call, ig_value *seq, ig_value **out)
{
    const igi_sequence *s = (const igi_sequence *)seq;
    ig_value *items[IG_PORTS_MAX];
    int64_t axis =
        *(const int64_t *)igi_attr_at(igi_attr_find(op->def, "axis"), call->attrs);
    int64_t stacks =
        *(const int64_t *)igi_attr_at(igi_attr_find(op->def, "new_axis"), call->attrs);
    if (s->n > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT,
                       "ConcatFromSequence of %lld items that need gradients, at most "
                       "%d are possible",
                       (long long)s->n, IG_PORTS_MAX);
    if (s->n == 0)
        return ig_fail(IG_INVALID_ARGUMENT, "ConcatFromSequence: no items");
    for (int64_t i = 0; i < s->n; i++) {
        items[i] = s->items[i];
        if (!stacks)
            continue;
        ig_value *in[2] = {items[i], (ig_value *)ints(c, axis)};
        if (!in[1])
            return IG_OUT_OF_MEMORY;
        IG_TRY(call_named(c, call, "Unsqueeze", NULL, in, 2, &items[i]));
    }
    ig_concat_opts o = IG_CONCAT_OPTS_INIT;
    o.axis = axis;
    return call_named(c, call, "Concat", &o, items, (int)s->n, out);
}

/* ---- SplitToSequence ---- */

/* Item i of the result of the operator, made again by a call that is recorded. */
static ig_status slice_again(ig_ctx *c,
                             const ig_call *call,
                             ig_value *x,
                             int64_t axis,
                             int64_t *at,
                             const ig_type *piece,
                             ig_value **out)
{
    bool drops = piece->rank < x->type.rank;
    int64_t n = drops ? 1 : ig_type_dims(piece)[axis];
    ig_value *in[4] = {x, (ig_value *)ints(c, *at), (ig_value *)ints(c, *at + n),
                       (ig_value *)ints(c, axis)};
    if (!in[1] || !in[2] || !in[3])
        return IG_OUT_OF_MEMORY;
    IG_TRY(call_named(c, call, "Slice", NULL, in, 4, out));
    *at += n;
    in[0] = *out;
    in[1] = in[3];
    return drops ? call_named(c, call, "Squeeze", NULL, in, 2, out) : IG_OK;
}

/* *out becomes a sequence like it of other items; takes the array, not what it holds.
 */
static ig_status
give_items(ig_ctx *c, ig_status rc, ig_value **items, int64_t n, ig_value **out)
{
    ig_value *made = NULL;
    if (rc == IG_OK)
        rc = igi_sequence_new(&made, &(*out)->type, items, n);
    igi_free(items);
    if (rc == IG_OK)
        rc = igi_scope_push(c, made);
    *out = rc == IG_OK ? made : NULL;
    return rc;
}

/* The items have no history yet: the same pieces are cut by Slice, which has. */
static ig_status
split(ig_ctx *c, const igi_op *op, const ig_call *call, ig_value *x, ig_value **out)
{
    const igi_sequence *s = (const igi_sequence *)*out;
    if (!s)
        return IG_BUG("a call without its sequence");
    int64_t at = 0, axis = *(const int64_t *)igi_attr_at(igi_attr_find(op->def, "axis"),
                                                         call->attrs);
    axis = axis < 0 ? axis + x->type.rank : axis;
    ig_value **items = igi_calloc((size_t)s->n + 1, sizeof(*items));
    ig_status rc = items ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t i = 0; rc == IG_OK && i < s->n; i++)
        rc = slice_again(c, call, x, axis, &at, &s->items[i]->type, &items[i]);
    return give_items(c, rc, items, s->n, out);
}

/* ---- SequenceAdd ---- */

static ig_status
add(ig_ctx *c, const ig_call *call, ig_value *const *in, ig_value **out)
{
    const igi_sequence *a = (const igi_sequence *)in[0],
                       *b = (const igi_sequence *)in[1];
    ig_value **items = igi_calloc((size_t)a->n + 1, sizeof(*items));
    ig_status rc = items ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t i = 0; rc == IG_OK && i < a->n; i++) {
        ig_value *both[2] = {a->items[i], b->items[i]};
        rc = call_named(c, call, "Add", NULL, both, 2, &items[i]);
    }
    return give_items(c, rc, items, a->n, out);
}

/* ---- the call ---- */

static bool gives_items(const ig_call *call, ig_value *const *out)
{
    for (int o = 0; o < call->n_out; o++)
        if (out[o] && out[o]->type.kind != IG_KIND_TENSOR)
            return true;
    return false;
}

static ig_status plain(ig_ctx *c,
                       const igi_op *op,
                       const ig_call *call,
                       ig_value *const *in,
                       ig_value **out)
{
    IG_TRY(igi_invoke(&c->invoker, op, call, in, out));
    for (int o = 0; o < call->n_out; o++)
        if (out[o])
            IG_TRY(igi_scope_push(c, out[o]));
    return IG_OK;
}

static ig_status refused(const igi_op *op)
{
    return ig_fail(IG_UNSUPPORTED,
                   "%s: in eager code no gradient flows through its sequences; detach "
                   "the items, or trace the function and differentiate the graph",
                   op->def->name);
}

ig_status igi_items_refuse(const igi_op *op, const ig_call *call, ig_value *const *out)
{
    return gives_items(call, out) ? refused(op) : IG_OK;
}

/* The results with their histories; nobody else is told. */
static ig_status compute(ig_ctx *c,
                         const igi_op *op,
                         const ig_call *call,
                         ig_value *const *in,
                         ig_value **out)
{
    if (is_op(op, "ConcatFromSequence"))
        return concat(c, op, call, in[0], out);
    if (is_op(op, "SequenceMap"))
        return igi_items_map(c, op, call, in, out);
    IG_TRY(plain(c, op, call, in, out));
    if (is_op(op, "SplitToSequence") || is_op(op, "ConcatFromSequenceGrad"))
        return split(c, op, call, in[0], out);
    if (is_op(op, "SequenceAdd"))
        return add(c, call, in, out);
    bool silent = op->def->flags & IG_OP_KEEPS || is_op(op, "Identity") ||
                  op->def->gradient == ig_gradient_none;
    return silent || !gives_items(call, out) ? IG_OK : refused(op);
}

ig_status igi_dispatch_items(ig_ctx *c,
                             const igi_op *op,
                             const ig_call *call,
                             ig_value *const *in,
                             ig_value **out)
{
    igi_sink *trace = c->trace;
    ig_call filled = *call;
    _Alignas(16) char defaults[64];
    if (op->def->flags & IG_OP_SUBGRAPH && !is_op(op, "SequenceMap"))
        return refused(op);
    if (!call->attrs && op->def->attrs_size <= sizeof(defaults)) {
        igi_attrs_init(op->def, defaults);
        filled.attrs = defaults;
    }
    c->trace = NULL; /* a graph sees the one call, not how it is recorded */
    ig_status rc = compute(c, op, &filled, in, out);
    c->trace = trace;
    if (rc == IG_OK && trace)
        rc = trace->called(trace, c, call, in, out);
    return rc;
}
