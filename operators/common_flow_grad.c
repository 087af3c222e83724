#include "operators/common_flow_grad.h"

#include <stdio.h>

#include "graph/core/alloc.h"
#include "graph/ir/body.h"

/* ---- a graph that grows from another ---- */

typedef struct derived {
    const igi_derive *d;
    const ig_graph *body;
    ig_graph *g;
    ig_value_id *map; /* value of body -> value of g */
} derived;

static ig_status
derived_begin(derived *x, const igi_derive *d, const ig_graph *body, const char *name)
{
    char text[96];
    *x = (derived){.d = d, .body = body};
    (void)snprintf(text, sizeof(text), "%s of %.60s", name, body->name);
    x->map = igi_calloc(body->values.n, sizeof(*x->map));
    return x->map ? igi_graph_new(&x->g, text, body->reg, d->syms) : IG_OUT_OF_MEMORY;
}

static ig_status derived_end(derived *x, ig_status rc, ig_graph **out)
{
    igi_free(x->map);
    *out = rc == IG_OK ? x->g : NULL;
    if (rc != IG_OK)
        igi_graph_unref(x->g);
    return rc;
}

static const ig_type *type_of(const ig_graph *g, ig_value_id v)
{
    return &igi_value_at(g, v)->type;
}

/* A new input with the type of value v of the body (another graph may have other
 * symbols: only numbers stay). */
static ig_status
add_input(derived *x, const char *stem, const ig_type *like, ig_value_id *out)
{
    ig_type type;
    IG_TRY(igi_type_copy(&type, like));
    ig_type *in = (ig_type *)(uintptr_t)igi_type_innermost(&type);
    int64_t *d = in->rank > 8 ? in->u.dim_far : in->u.dim;
    for (int i = 0; in->kind == IG_KIND_TENSOR && i < in->rank; i++)
        d[i] = igi_dim_translate(x->g->syms, x->body->syms, d[i]);
    const char *name = igi_graph_fresh_name(x->g, stem);
    ig_status rc =
        name ? ig_graph_input_typed(x->g, name, &type, out) : IG_OUT_OF_MEMORY;
    igi_type_fini(&type);
    return rc;
}

/* Input i of the body becomes an input of g. */
static ig_status keep_input(derived *x, int i)
{
    ig_value_id v = x->body->inputs.p[i];
    const igi_gvalue *value = igi_value_at(x->body, v);
    return add_input(x, value->name, &value->type, &x->map[v.i]);
}

static ig_status add_output(derived *x, ig_value_id v)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "out%zu", x->g->outputs.n);
    return ig_graph_output(x->g, name, v);
}

/* A value that stands for output j of the body. */
static ig_value_id output_of(const derived *x, int j)
{
    return x->map[x->body->outputs.p[j].i];
}

static ig_status
std_node(ig_graph *g, igi_std which, const ig_value_id *in, int n_in, ig_value_id *out)
{
    ig_call call = {.op = igi_registry_std(g->reg, which), .n_in = n_in, .n_out = 1};
    return ig_graph_make(g, &call, in, out);
}

static ig_status zeros_like(ig_graph *g, ig_value_id v, ig_value_id *out)
{
    ig_value_id in[2] = {{0}, v};
    ig_tensor *zero = NULL;
    if (type_of(g, v)->kind == IG_KIND_SEQUENCE)
        return std_node(g, IGI_STD_SEQUENCE_ZEROS, in, 2, out);
    if (type_of(g, v)->kind != IG_KIND_TENSOR)
        return ig_fail(IG_UNSUPPORTED, "an optional has no zero gradient");
    IG_TRY(ig_tensor_new(&zero, (ig_dtype)type_of(g, v)->dtype, 0, NULL));
    ig_status rc = ig_graph_constant(g, NULL, zero, &in[0]);
    ig_tensor_unref(zero);
    IG_TRY(rc);
    IG_TRY(std_node(g, IGI_STD_SHAPE, &v, 1, &in[1]));
    return std_node(g, IGI_STD_EXPAND, in, 2, out);
}

static bool carries_gradient(const ig_type *t)
{
    return t->kind == IG_KIND_TENSOR && igi_dtype_is_float((ig_dtype)t->dtype);
}

/* ---- If ---- */

void igi_arm_key_fill(const ig_grad *g, int first, int n_last, igi_arm_key *key)
{
    memset(key, 0, sizeof(*key));
    key->n_in = ig_grad_n_in(g) - first;
    key->n_out = ig_grad_n_out(g);
    key->n_last = n_last;
    for (int i = 0; i < key->n_in; i++)
        key->wants[i] = ig_grad_wants(g, first + i);
    for (int o = 0; o < key->n_out; o++)
        key->dy[o] = ig_grad_dy((ig_grad *)(uintptr_t)g, o).h != 0;
}

/* xs, their gradients, ys and dys of one differentiation. */
typedef struct pairs {
    int n_x, n_y;
    ig_value_id x[2 * IG_PORTS_MAX], dx[2 * IG_PORTS_MAX];
    ig_value_id y[2 * IG_PORTS_MAX], dy[2 * IG_PORTS_MAX];
} pairs;

static ig_status build_arm(derived *x, const void *arm_key, pairs *p)
{
    const igi_arm_key *key = arm_key;
    int last = key->n_in - key->n_last;
    for (int i = 0; i < last; i++)
        IG_TRY(keep_input(x, i));
    for (int o = 0; o < key->n_out; o++)
        if (key->dy[o])
            IG_TRY(add_input(x, "dy", type_of(x->body, x->body->outputs.p[o]),
                             &p->dy[p->n_y++]));
    for (int i = last; i < key->n_in; i++)
        IG_TRY(keep_input(x, i));
    for (int i = 0; i < key->n_in; i++)
        if (key->wants[i])
            p->x[p->n_x++] = x->map[x->body->inputs.p[i].i];
    IG_TRY(igi_graph_inline(x->g, x->body, x->map));
    for (int o = 0, k = 0; o < key->n_out; o++)
        if (key->dy[o])
            p->y[k++] = output_of(x, o);
    IG_TRY(x->d->gradient(x->g, p->y, p->dy, p->n_y, p->x, p->dx, p->n_x));
    for (int i = 0; i < p->n_x; i++) {
        if (!p->dx[i].i)
            IG_TRY(zeros_like(x->g, p->x[i], &p->dx[i]));
        IG_TRY(add_output(x, p->dx[i]));
    }
    (void)igi_graph_sweep(x->g);
    return IG_OK;
}

/* The body that `build` makes of `key`. */
static ig_status derive_gradient(const igi_derive *d,
                                 const ig_graph *body,
                                 ig_status (*build)(derived *, const void *, pairs *),
                                 const void *key,
                                 ig_graph **out)
{
    derived x;
    pairs *p = igi_calloc(1, sizeof(*p));
    if (!p)
        return IG_OUT_OF_MEMORY;
    ig_status rc = derived_begin(&x, d, body, "gradient");
    if (rc == IG_OK)
        rc = build(&x, key, p);
    igi_free(p);
    return derived_end(&x, rc, out);
}

ig_status igi_arm_gradient(const igi_derive *d,
                           const ig_graph *body,
                           const void *key,
                           ig_graph **out)
{
    return derive_gradient(d, body, build_arm, key, out);
}

/* ---- Loop and Scan: shapes ---- */

void igi_rounds_shape_fill(const ig_grad *g,
                           igi_rounds_shape *s,
                           const ig_graph *body,
                           int lead,
                           int lead_out,
                           int n_scan)
{
    memset(s, 0, sizeof(*s));
    s->lead = lead;
    s->lead_out = lead_out;
    s->n_scan = n_scan;
    s->n_captures = g->n_captures;
    s->n_states = g->n_in - g->n_captures - lead - n_scan;
    s->n_results = g->n_out - s->n_states;
    for (int i = 0; i < s->n_states; i++)
        s->carries[i] = carries_gradient(type_of(body, body->inputs.p[lead + i]));
    for (int i = 0; i < n_scan; i++)
        s->item[i] = g->wants[lead + s->n_states + i];
    for (int c = 0; c < s->n_captures; c++)
        s->sum[c] = g->wants[g->n_in - s->n_captures + c];
    for (int o = 0; o < s->n_results; o++)
        s->dy[o] = g->dy[s->n_states + o].h != 0;
}

/* ---- the recording ---- */

static ig_status build_recording(derived *x, const igi_rounds_shape *s)
{
    const ig_graph *b = x->body;
    for (size_t i = 0; i < b->inputs.n; i++)
        IG_TRY(keep_input(x, (int)i));
    IG_TRY(igi_graph_inline(x->g, b, x->map));
    for (int j = 0; j < s->lead_out + s->n_states; j++)
        IG_TRY(add_output(x, output_of(x, j)));
    if (s->lead)
        IG_TRY(add_output(x, x->map[b->inputs.p[0].i]));
    for (int i = 0; i < s->n_states; i++)
        IG_TRY(add_output(x, x->map[b->inputs.p[s->lead + i].i]));
    (void)igi_graph_sweep(x->g);
    return IG_OK;
}

static ig_status make_recording(const igi_derive *d,
                                const ig_graph *body,
                                const void *key,
                                ig_graph **out)
{
    derived x;
    ig_status rc = derived_begin(&x, d, body, "recording");
    if (rc == IG_OK)
        rc = build_recording(&x, key);
    return derived_end(&x, rc, out);
}

ig_graph *
igi_rounds_recording(ig_grad *g, const ig_graph *body, const igi_rounds_shape *s)
{
    for (int c = 0; c < s->n_captures && g->status == IG_OK; c++)
        if (s->sum[c] &&
            ig_grad_in_type(g, g->n_in - s->n_captures + c)->kind != IG_KIND_TENSOR)
            (void)ig_grad_fail(g, IG_UNSUPPORTED,
                               "capture %d is a sequence, whose gradient no Scan can "
                               "carry",
                               c);
    for (int i = 0; i < s->n_states && g->status == IG_OK; i++) {
        const ig_type *t = ig_grad_in_type(g, s->lead + i);
        if (!t || t->kind != IG_KIND_TENSOR)
            (void)ig_grad_fail(g, IG_UNSUPPORTED,
                               "state %d is no tensor, so its rounds cannot be stacked",
                               i);
    }
    return igi_grad_derived(g, body, make_recording, s, sizeof(*s));
}

ig_status igi_emit_recording(ig_grad *g,
                             const igi_rounds_shape *s,
                             const void *attrs,
                             ig_var *stacked)
{
    ig_var in[IG_PORTS_MAX];
    int n_out = s->n_states + (s->lead != 0) + s->n_states;
    if (n_out > IG_PORTS_MAX)
        return ig_grad_fail(g, IG_LIMIT, "%d states are too many", s->n_states);
    for (int i = 0; i < g->n_in; i++)
        in[i] = ig_grad_in(g, i);
    ig_call call = {.op = g->op->def,
                    .attrs = attrs,
                    .n_in = g->n_in,
                    .n_captures = g->n_captures,
                    .n_out = n_out};
    for (int o = 0; o < n_out && o < 64; o++) {
        bool final = o < s->n_states;
        if (!final || (s->carries[o] && !g->dy[o].h))
            call.wanted |= IG_BIT(o);
    }
    memset(stacked, 0, (size_t)n_out * sizeof(*stacked));
    return ig_emit_call(g, &call, in, stacked);
}

/* ---- the way back ---- */

/* Items that the way back reads, in order: the iteration number, states, scanned
 * inputs, gradients of results. */
static ig_status add_items(derived *x, const igi_rounds_shape *s, pairs *p)
{
    const ig_graph *b = x->body;
    if (s->lead)
        IG_TRY(keep_input(x, 0));
    for (int i = 0; i < s->n_states + s->n_scan; i++)
        IG_TRY(keep_input(x, s->lead + i));
    for (int o = 0; o < s->n_results; o++) {
        int j = s->lead_out + s->n_states + o;
        if (s->dy[o])
            IG_TRY(add_input(x, "dy", type_of(b, b->outputs.p[j]), &p->dy[p->n_y++]));
    }
    for (int c = 0; c < s->n_captures; c++)
        IG_TRY(keep_input(x, (int)b->inputs.n - s->n_captures + c));
    return IG_OK;
}

/* States: gradients of states, sums of those of captures. */
static ig_status
add_states(derived *x, const igi_rounds_shape *s, ig_value_id *sums, pairs *p)
{
    const ig_graph *b = x->body;
    for (int i = 0; i < s->n_states; i++) {
        if (!s->carries[i])
            continue;
        ig_type t;
        IG_TRY(igi_type_copy(&t, type_of(b, b->inputs.p[s->lead + i])));
        (void)igi_type_weaken(&t, type_of(b, b->outputs.p[s->lead_out + i]));
        ig_status rc = add_input(x, "dstate", &t, &p->dy[p->n_y++]);
        igi_type_fini(&t);
        IG_TRY(rc);
    }
    for (int c = 0; c < s->n_captures; c++)
        if (s->sum[c])
            IG_TRY(add_input(
                x, "sum",
                type_of(b, b->inputs.p[b->inputs.n - (size_t)(s->n_captures - c)]),
                &sums[c]));
    return IG_OK;
}

/* The cond that the body of a Loop is given is always true. */
static ig_status set_cond(derived *x)
{
    ig_value_id v = x->body->inputs.p[1];
    const int64_t one = 1;
    ig_tensor *t = NULL;
    IG_TRY(ig_tensor_new(&t, IG_BOOL, type_of(x->body, v)->rank == 1 ? 1 : 0, &one));
    *(uint8_t *)ig_data(t) = 1;
    ig_status rc = ig_graph_constant(x->g, NULL, t, &x->map[v.i]);
    ig_tensor_unref(t);
    return rc;
}

/* ys in the order of their dys, then all xs. */
static void pair_up(const derived *x, const igi_rounds_shape *s, pairs *p)
{
    const ig_graph *b = x->body;
    int n = 0;
    for (int i = 0; i < s->n_states; i++)
        if (s->carries[i])
            p->y[n++] = output_of(x, s->lead_out + i);
    for (int o = 0; o < s->n_results; o++)
        if (s->dy[o])
            p->y[n++] = output_of(x, s->lead_out + s->n_states + o);
    for (int i = 0; i < s->n_states; i++)
        if (s->carries[i])
            p->x[p->n_x++] = x->map[b->inputs.p[s->lead + i].i];
    for (int c = 0; c < s->n_captures; c++)
        if (s->sum[c])
            p->x[p->n_x++] =
                x->map[b->inputs.p[b->inputs.n - (size_t)(s->n_captures - c)].i];
    for (int i = 0; i < s->n_scan; i++)
        if (s->item[i])
            p->x[p->n_x++] = x->map[b->inputs.p[s->lead + s->n_states + i].i];
}

static ig_status
put_gradients(derived *x, const igi_rounds_shape *s, const ig_value_id *sums, pairs *p)
{
    int n = 0;
    for (int i = 0; i < s->n_states; i++) {
        if (!s->carries[i])
            continue;
        if (!p->dx[n].i)
            IG_TRY(zeros_like(x->g, p->x[n], &p->dx[n]));
        IG_TRY(add_output(x, p->dx[n++]));
    }
    for (int c = 0; c < s->n_captures; c++) {
        if (!s->sum[c])
            continue;
        ig_value_id both[2] = {sums[c], p->dx[n++]}, sum = sums[c];
        igi_std add = type_of(x->g, sum)->kind == IG_KIND_SEQUENCE
                          ? IGI_STD_SEQUENCE_ADD
                          : IGI_STD_ADD;
        if (both[1].i)
            IG_TRY(std_node(x->g, add, both, 2, &sum));
        IG_TRY(add_output(x, sum));
    }
    for (; n < p->n_x; n++) {
        if (!p->dx[n].i)
            IG_TRY(zeros_like(x->g, p->x[n], &p->dx[n]));
        IG_TRY(add_output(x, p->dx[n]));
    }
    return IG_OK;
}

static ig_status build_backwards(derived *x, const void *shape, pairs *p)
{
    const igi_rounds_shape *s = shape;
    ig_value_id sums[IG_PORTS_MAX];
    IG_TRY(add_states(x, s, sums, p));
    IG_TRY(add_items(x, s, p));
    if (s->lead)
        IG_TRY(set_cond(x));
    IG_TRY(igi_graph_inline(x->g, x->body, x->map));
    pair_up(x, s, p);
    IG_TRY(x->d->gradient(x->g, p->y, p->dy, p->n_y, p->x, p->dx, p->n_x));
    IG_TRY(put_gradients(x, s, sums, p));
    (void)igi_graph_sweep(x->g);
    return IG_OK;
}

ig_status igi_make_backwards(const igi_derive *d,
                             const ig_graph *body,
                             const void *key,
                             ig_graph **out)
{
    return derive_gradient(d, body, build_backwards, key, out);
}
