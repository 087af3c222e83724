/* Gradient rules' view of the engine. The first failed emit sticks; later ones give
 * {0}.
 *
 * After a rule has run, each gradient is brought to the shape of its input: an operator
 * that broadcast its input has produced a larger gradient, and the engine sums it down
 * by SumTo, so that no rule repeats it (AUTOGRAD rule 9). */
#include "graph/ir/gradient.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/tensor.h"
#include "graph/ir/attr.h"
#include "graph/ir/body.h"

#define COLD __attribute__((cold, noinline))

int ig_grad_n_in(const ig_grad *g)
{
    return g->n_in;
}

int ig_grad_n_out(const ig_grad *g)
{
    return g->n_out;
}

bool ig_grad_wants(const ig_grad *g, int i)
{
    return i >= 0 && i < g->n_in && g->wants[i];
}

const void *ig_grad_attrs(const ig_grad *g)
{
    return g->attrs;
}

const ig_type *ig_grad_in_type(const ig_grad *g, int i)
{
    return i >= 0 && i < g->n_in ? g->in_type[i] : NULL;
}

const ig_type *ig_grad_out_type(const ig_grad *g, int i)
{
    return i >= 0 && i < g->n_out ? g->out_type[i] : NULL;
}

ig_var ig_grad_dy(ig_grad *g, int i)
{
    return i >= 0 && i < g->n_out ? g->dy[i] : (ig_var){0};
}

ig_status ig_grad_fail(ig_grad *g, ig_status code, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (g->status != IG_OK)
        return g->status;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    g->status = ig_fail(code, "gradient of %s: %s", g->op->def->name, text);
    return g->status;
}

/* A rule may only read what it declared: a tape has kept nothing else. */
static bool declared(ig_grad *g, int what, int i)
{
    if (what == IG_SAVED_INPUT && g->op->def->flags & IG_OP_SUBGRAPH)
        return true; /* bodies run again: all inputs are kept */
    int port = what == IG_SAVED_INPUT ? igi_op_in_port(g->op, g->n_in, g->n_captures, i)
                                      : igi_op_out_port(g->op, i);
    uint64_t mask = what == IG_SAVED_INPUT ? g->op->save_in : g->op->save_out;
    if (port >= 0 && mask >> port & 1)
        return true;
    (void)ig_grad_fail(g, IG_INTERNAL,
                       "the rule reads %s %d, which `saves` does not declare",
                       what == IG_SAVED_INPUT ? "input" : "output", i);
    return false;
}

ig_var ig_grad_in(ig_grad *g, int i)
{
    if (g->status != IG_OK || i < 0 || i >= g->n_in || !g->in_type[i])
        return (ig_var){0};
    return declared(g, IG_SAVED_INPUT, i) ? g->api->value_in(g, i) : (ig_var){0};
}

ig_var ig_grad_out(ig_grad *g, int i)
{
    /* an optional output that nobody wanted is made when the rule declares it */
    if (g->status != IG_OK || i < 0 || (i >= g->n_out && i >= g->op->n_out))
        return (ig_var){0};
    return declared(g, IG_SAVED_OUTPUT, i) ? g->api->value_out(g, i) : (ig_var){0};
}

ig_var ig_grad_in_shape(ig_grad *g, int i)
{
    if (g->status != IG_OK || i < 0 || i >= g->n_in || !g->in_type[i])
        return (ig_var){0};
    return g->api->shape_in(g, i);
}

static ig_var constant_take(ig_grad *g, ig_status rc, ig_tensor *t)
{
    if (rc != IG_OK) {
        g->status = rc;
        return (ig_var){0};
    }
    ig_var v = g->api->constant(g, t);
    ig_tensor_unref(t);
    return v;
}

ig_var ig_grad_ints(ig_grad *g, const int64_t *v, int n)
{
    ig_tensor *t = NULL;
    int64_t dims[1] = {n};
    if (g->status != IG_OK)
        return (ig_var){0};
    ig_status rc = ig_tensor_new_copy(&t, IG_INT64, 1, dims, v, (size_t)n * sizeof(*v));
    return constant_take(g, rc, t);
}

ig_var ig_grad_scalar(ig_grad *g, ig_dtype dtype, double value)
{
    ig_tensor *t = NULL;
    if (g->status != IG_OK)
        return (ig_var){0};
    ig_status rc = ig_tensor_new(&t, dtype, 0, NULL);
    if (rc == IG_OK)
        igi_put_f64(dtype, t->data, 0, value);
    return constant_take(g, rc, t);
}

const ig_type *ig_grad_type(ig_grad *g, ig_var v)
{
    return v.h ? g->api->type_of(g, v) : NULL;
}

static COLD ig_status emit_failed(ig_grad *g, const ig_op_def *op)
{
    if (!op)
        return ig_grad_fail(g, IG_UNSUPPORTED,
                            "it emits an operator that is not registered");
    (void)ig_fail_context("gradient of %s", g->op->def->name);
    return g->status;
}

/* Emits what has been checked; `out` is written on success only. */
static inline ig_status emit(ig_grad *g,
                             const ig_op_def *op,
                             const void *attrs,
                             const ig_var *in,
                             int n_in,
                             ig_var *out,
                             int n_out)
{
    ig_call call = {
        .op = op, .attrs = attrs, .where = g->where, .n_in = n_in, .n_out = n_out};
    if (op)
        g->status = g->api->emit(g, &call, in, out);
    return op && g->status == IG_OK ? IG_OK : emit_failed(g, op);
}

ig_status ig_emit_call(ig_grad *g, const ig_call *call, const ig_var *in, ig_var *out)
{
    for (int i = 0; i < call->n_out; i++)
        out[i] = (ig_var){0};
    if (g->status != IG_OK)
        return g->status;
    if (call->n_in > IG_PORTS_MAX || call->n_out > IG_PORTS_MAX)
        return ig_grad_fail(g, IG_LIMIT, "it emits a node with %d inputs, at most %d",
                            call->n_in > call->n_out ? call->n_in : call->n_out,
                            IG_PORTS_MAX);
    ig_call located = *call;
    located.where = g->where;
    if (!call->wanted && call->n_out > 1) /* optional ones too */
        located.wanted = call->n_out < 64 ? IG_BIT(call->n_out) - 1 : UINT64_MAX;
    if (call->op)
        g->status = g->api->emit(g, &located, in, out);
    return call->op && g->status == IG_OK ? IG_OK : emit_failed(g, call->op);
}

ig_status ig_emit_n(ig_grad *g,
                    const ig_op_def *op,
                    const void *attrs,
                    const ig_var *in,
                    int n_in,
                    ig_var *out,
                    int n_out)
{
    ig_call call = {.op = op, .attrs = attrs, .n_in = n_in, .n_out = n_out};
    if (n_out > 1) /* optional ones too */
        call.wanted = n_out < 64 ? IG_BIT(n_out) - 1 : UINT64_MAX;
    return ig_emit_call(g, &call, in, out);
}

ig_graph *igi_grad_derived(ig_grad *g,
                           const ig_graph *body,
                           igi_derive_fn make,
                           const void *key,
                           size_t key_bytes)
{
    if (g->status != IG_OK)
        return NULL;
    if (body && igi_graph_is_random(body)) {
        (void)ig_grad_fail(g, IG_UNSUPPORTED,
                           "its body draws random numbers, which would be others when "
                           "it runs again; draw them outside");
        return NULL;
    }
    ig_graph *made = g->api->derived(g, body, make, key, key_bytes);
    if (!made)
        g->status = ig_fail_context("gradient of %s", g->op->def->name);
    return made;
}

ig_var ig_emit1(ig_grad *g, const ig_op_def *op, const void *attrs, ig_var a)
{
    ig_var out = {0};
    if (g->status == IG_OK)
        (void)emit(g, op, attrs, &a, 1, &out, 1);
    return out;
}

ig_var ig_emit2(ig_grad *g, const ig_op_def *op, const void *attrs, ig_var a, ig_var b)
{
    ig_var in[2] = {a, b}, out = {0};
    if (g->status == IG_OK)
        (void)emit(g, op, attrs, in, 2, &out, 1);
    return out;
}

ig_var ig_emit3(
    ig_grad *g, const ig_op_def *op, const void *attrs, ig_var a, ig_var b, ig_var c)
{
    ig_var in[3] = {a, b, c}, out = {0};
    if (g->status == IG_OK)
        (void)emit(g, op, attrs, in, 3, &out, 1);
    return out;
}

ig_var ig_emit_sum_except(ig_grad *g, ig_var v, int axis)
{
    const ig_type *t = ig_grad_type(g, v);
    int64_t axes[IG_RANK_MAX];
    int n = 0;
    if (g->status != IG_OK || !t)
        return (ig_var){0};
    if (axis < 0)
        axis += t->rank;
    if (axis < 0 || axis >= t->rank) {
        (void)ig_grad_fail(g, IG_UNSUPPORTED,
                           "a sum over all axes but one needs that axis, the rank is "
                           "%d (-1: unknown)",
                           t->rank);
        return (ig_var){0};
    }
    for (int i = 0; i < t->rank; i++)
        if (i != axis)
            axes[n++] = i;
    if (n == 0)
        return v;
    const ig_op_def *sum = igi_registry_std(g->reg, IGI_STD_REDUCE_SUM);
    union {
        uint32_t struct_size;
        char room[64];
    } attrs;
    if (!sum || sum->attrs_size > sizeof(attrs)) {
        (void)ig_grad_fail(g, IG_INTERNAL, "the registry has no usable ReduceSum");
        return (ig_var){0};
    }
    igi_attrs_init(sum, &attrs);
    g->status = igi_attrs_set_int(sum, &attrs, "keepdims", 0);
    return ig_emit2(g, sum, &attrs, v, ig_grad_ints(g, axes, n));
}

ig_var ig_grad_dy_full(ig_grad *g, int i)
{
    if (g->status != IG_OK || i < 0 || i >= g->n_out || !g->out_type[i])
        return (ig_var){0};
    if (g->dy[i].h)
        return g->dy[i];
    const ig_type *t = g->out_type[i];
    const int64_t *d = ig_type_dims(t);
    bool known = t->rank >= 0;
    for (int k = 0; k < t->rank; k++)
        known = known && d[k] >= 0;
    if (!known) {
        (void)ig_grad_fail(g, IG_UNSUPPORTED,
                           "no gradient reaches output %d, whose shape is symbolic", i);
        return (ig_var){0};
    }
    return ig_emit2(g, igi_registry_std(g->reg, IGI_STD_EXPAND), NULL,
                    ig_grad_scalar(g, (ig_dtype)t->dtype, 0.0),
                    ig_grad_ints(g, d, t->rank));
}

void ig_grad_set(ig_grad *g, int i, ig_var dx)
{
    if (i >= 0 && i < g->n_in && g->wants[i])
        g->dx[i] = dx;
}

ig_status ig_gradient_none(ig_grad *g)
{
    (void)g;
    return IG_OK;
}

ig_status ig_gradient_forbidden(ig_grad *g)
{
    return ig_grad_fail(g, IG_UNSUPPORTED,
                        "asking for it is an error: it has no meaning");
}

ig_status ig_gradient_todo(ig_grad *g)
{
    return ig_grad_fail(g, IG_UNSUPPORTED, "it exists but is not written yet");
}

/* ---- the engine's part ---- */

/* Surely the same: unknown dims may differ. */
static bool same_dims(const ig_type *a, const ig_type *b)
{
    if (a->rank != b->rank || a->rank < 0)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (ig_type_dims(a)[i] != ig_type_dims(b)[i] || ig_type_dims(a)[i] == -1)
            return false;
    return true;
}

static ig_status settle(ig_grad *g, int i)
{
    const ig_type *want = g->in_type[i], *have = ig_grad_type(g, g->dx[i]);
    if (!have)
        return ig_grad_fail(g, IG_INTERNAL, "input %d got a gradient without a type",
                            i);
    if (want->kind != IG_KIND_TENSOR)
        return igi_type_same_kind(have, want)
                   ? IG_OK
                   : ig_grad_fail(g, IG_INTERNAL,
                                  "the gradient of input %d is of another kind", i);
    if (have->dtype != want->dtype)
        return ig_grad_fail(g, IG_INTERNAL, "input %d is %s, its gradient %s", i,
                            ig_dtype_name((ig_dtype)want->dtype),
                            ig_dtype_name((ig_dtype)have->dtype));
    if (same_dims(have, want))
        return IG_OK;
    g->dx[i] = ig_emit2(g, igi_registry_std(g->reg, IGI_STD_SUM_TO), NULL, g->dx[i],
                        ig_grad_in_shape(g, i));
    return g->status;
}

ig_status igi_grad_run(ig_grad *g)
{
    g->status = IG_OK;
    ig_status rc = g->op->def->gradient(g);
    if (rc != IG_OK && g->status == IG_OK)
        g->status = rc;
    for (int i = 0; i < g->n_in && g->status == IG_OK; i++)
        if (g->dx[i].h)
            IG_TRY(settle(g, i));
    return g->status;
}
