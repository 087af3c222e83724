/* Growing a random graph; see random_graph.h. As graph and as trace:
 * random_graph_forms.c. */
#include "tests/fuzz/random_graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/ir/attr.h"
#include "tests/fuzz/random_node.h"

enum { ELEMENTS_MAX = 1 << 14 };
#define SHARP (IG_T(FLOAT32) | IG_T(FLOAT64) | IG_COMPLEXES)

/* ---- values ---- */

static int add_value(random_graph *g, rg_kind kind, ig_value *v, bool exact)
{
    if (!v || g->n_values == RG_VALUES) {
        ig_value_unref(v);
        return -1;
    }
    g->value[g->n_values] = (rg_value){.v = v, .kind = kind, .exact = exact};
    g->n_inputs += kind == RG_INPUT;
    return g->n_values++;
}

static int add_ints(random_graph *g, int rank, const int64_t *v, int64_t n)
{
    ig_tensor *t = NULL;
    if (ig_tensor_new_copy(&t, IG_INT64, rank, &n, v, (size_t)n * sizeof(*v)) != IG_OK)
        return -1;
    return add_value(g, RG_CONSTANT, ig_tensor_value(t), true);
}

static const ig_tensor *tensor_at(const random_graph *g, int v)
{
    ig_value *x = v >= 0 ? g->value[v].v : NULL;
    return x ? ig_value_tensor(x) : NULL;
}

static bool is_float(const ig_value *v)
{
    return igi_dtype_is_float((ig_dtype)igi_type_innermost(&v->type)->dtype) ||
           IG_COMPLEXES >> igi_type_innermost(&v->type)->dtype & 1;
}

/* Whether each element of y is one of x, bit by bit. */
static bool elements_of(const ig_tensor *y, const ig_tensor *x)
{
    size_t bytes = (size_t)ig_dtype_bits((ig_dtype)y->v.type.dtype) / 8;
    int64_t n = igi_tensor_count(y), m = igi_tensor_count(x);
    if (x->v.type.dtype != y->v.type.dtype || bytes == 0 || n > 4096 || m > 4096 ||
        !ig_tensor_is_contiguous(x) || !ig_tensor_is_contiguous(y))
        return false;
    for (int64_t i = 0, at = 0; i < n; i++, at++) {
        int64_t k =
            0; /* where the one before was found, or behind it, is most likely */
        for (; k < m && memcmp(y->data + (size_t)i * bytes,
                               x->data + (size_t)((at + k) % m) * bytes, bytes) != 0;
             k++)
            ;
        if (k == m)
            return false;
        at = (at + k) % m;
    }
    return true;
}

static bool is_exact(const random_graph *g, const rg_step *s, const ig_value *out)
{
    bool exact = true, moved = false;
    for (int i = 0; i < s->call.n_in; i++) {
        const ig_tensor *x = tensor_at(g, s->in[i]);
        if (s->in[i] < 0)
            continue;
        exact = exact && g->value[s->in[i]].exact;
        moved = moved || (x && out->type.kind == IG_KIND_TENSOR &&
                          elements_of((const ig_tensor *)out, x));
    }
    return exact && (!is_float(out) || moved);
}

/* ---- steps ---- */

static bool reasonable(const ig_value *v)
{
    return v->type.kind != IG_KIND_TENSOR ||
           (v->type.rank <= 8 &&
            igi_tensor_count((const ig_tensor *)v) <= ELEMENTS_MAX);
}

/* Whether a small change of the inputs is a small change of the results. */
static bool is_smooth(const rg_step *s, ig_value *const *out)
{
    const ig_op_def *def = s->op->def;
    bool smooth = def->gradient != ig_gradient_none &&
                  def->gradient != ig_gradient_todo &&
                  def->gradient != ig_gradient_forbidden;
    for (int o = 0; o < s->call.n_out; o++)
        smooth = smooth && (!out[o] || is_float(out[o])) &&
                 !(def->outputs[igi_op_out_port(s->op, o)].flags & IG_DYNAMIC);
    return smooth;
}

/* Results that differ from run to run by rounding must not decide anything. */
static bool decides(const random_graph *g, const rg_step *s)
{
    for (int i = 0; i < s->call.n_in; i++)
        if (s->in[i] >= 0 && !g->value[s->in[i]].exact)
            return !s->smooth;
    return false;
}

static bool is_constant(const random_graph *g, const rg_step *s)
{
    for (int i = 0; i < s->call.n_in; i++)
        if (s->in[i] >= 0 && g->value[s->in[i]].kind != RG_CONSTANT &&
            !g->value[s->in[i]].constant)
            return false;
    return true;
}

/* Kernels with packed weights take a constant that folding has made, and round in
 * another order than those that took it before, or than those that folding calls. */
static bool would_pack(const random_graph *g, const rg_step *s)
{
    bool packs = false;
    for (int k = 0; k < s->op->n_kernels[0]; k++)
        packs = packs || s->op->kernels[0][k]->prepare;
    for (int i = 0; i < s->call.n_in; i++)
        if (packs && s->in[i] >= 0 && g->value[s->in[i]].constant)
            return true;
    return packs && is_constant(g, s);
}

/* What a step that is not smooth reads, and all that this is made of. */
static void fix_values(random_graph *g)
{
    for (int k = g->n_steps - 1; k >= 0; k--) {
        const rg_step *s = &g->step[k];
        bool fixed = !s->smooth;
        for (int o = 0; o < s->call.n_out; o++)
            fixed = fixed || (s->out[o] >= 0 && g->value[s->out[o]].fixed);
        for (int i = 0; i < s->call.n_in && fixed; i++)
            if (s->in[i] >= 0)
                g->value[s->in[i]].fixed = true;
    }
}

/* Runs the call on its values; -1 when it fails, or is not to be in a graph. Returns
 * the first output. */
static int
add_step(random_graph *g, const igi_op *op, const ig_call *call, const int *in)
{
    ig_value *values[SUITE_PORTS] = {0}, *out[SUITE_PORTS] = {0};
    int first = -1;
    bool fits = true;
    if (g->n_steps == RG_STEPS || g->n_values + call->n_out > RG_VALUES)
        return -1;
    rg_step *s = &g->step[g->n_steps];
    *s = (rg_step){.call = *call, .op = op};
    if (op->def->attrs &&
        igi_attrs_copy(&g->arena, op->def, call->attrs, &s->attrs) != IG_OK)
        return -1;
    s->call.attrs = s->attrs;
    for (int i = 0; i < call->n_in; i++) {
        s->in[i] = in[i];
        values[i] = in[i] >= 0 ? g->value[in[i]].v : NULL;
    }
    if (igi_invoke(&g->invoker, op, &s->call, values, out) != IG_OK)
        fits = false;
    for (int o = 0; o < call->n_out && fits; o++)
        fits = !out[o] || reasonable(out[o]);
    s->smooth = fits && is_smooth(s, out);
    fits = fits && !decides(g, s) && !would_pack(g, s);
    for (int o = 0; o < call->n_out; o++) {
        ig_value *copy = fits ? suite_copy_value(out[o], 0) : NULL;
        s->out[o] = copy ? add_value(g, RG_RESULT, copy, is_exact(g, s, copy)) : -1;
        if (s->out[o] >= 0)
            g->value[s->out[o]].constant = is_constant(g, s);
        first = o == 0 ? s->out[0] : first;
        if (copy && is_float(copy))
            g->half = g->half || !(SHARP >> igi_type_innermost(&copy->type)->dtype & 1);
        ig_value_unref(out[o]);
    }
    if (!fits) {
        igi_attrs_release(op->def, s->attrs);
        return -1;
    }
    for (int i = 0; i < call->n_in; i++)
        if (in[i] >= 0)
            g->value[in[i]].uses++;
    g->n_steps++;
    return first;
}

static int
add_named(random_graph *g, const char *name, const void *attrs, const int *in, int n)
{
    const igi_op *op = igi_registry_find_full(suite_registry(), name);
    ig_call call = {.op = op->def, .attrs = attrs, .n_in = n, .n_out = 1, .wanted = 1};
    return add_step(g, op, &call, in);
}

/* ---- making a value fit ---- */

static int cast_to(random_graph *g, int v, ig_dtype dtype)
{
    _Alignas(16) char attrs[64];
    const igi_op *op = igi_registry_find_full(suite_registry(), "Cast");
    if (tensor_at(g, v)->v.type.dtype == dtype)
        return v;
    igi_attrs_init(op->def, attrs);
    if (igi_attrs_set_int(op->def, attrs, "to", dtype) != IG_OK)
        return -1;
    return add_named(g, "Cast", attrs, &v, 1);
}

static int flat(random_graph *g, int v, int64_t n)
{
    static const int64_t all = -1, zero = 0;
    int64_t m = igi_tensor_count(tensor_at(g, v));
    int in[3] = {v, add_ints(g, 1, &all, 1), -1};
    v = add_named(g, "Reshape", NULL, in, 2);
    if (v < 0 || m == n)
        return v;
    if (m < n) {
        const int64_t times = m ? (n + m - 1) / m : 0;
        in[0] = v;
        in[1] = add_ints(g, 1, &times, 1);
        v = m ? add_named(g, "Tile", NULL, in, 2) : -1;
    }
    in[0] = v;
    in[1] = add_ints(g, 1, &zero, 1);
    in[2] = add_ints(g, 1, &n, 1);
    return v < 0 ? -1 : add_named(g, "Slice", NULL, in, 3);
}

static int shape_to(random_graph *g, int v, const ig_type *want)
{
    const ig_tensor *t = tensor_at(g, v);
    int64_t n;
    bool same = t->v.type.rank == want->rank;
    for (int d = 0; same && d < want->rank; d++)
        same = ig_type_dims(&t->v.type)[d] == ig_type_dims(want)[d];
    if (same)
        return v;
    if (!igi_dims_count(want->rank, ig_type_dims(want), &n) || n == 0)
        return -1;
    v = flat(g, v, n);
    int in[2] = {v, v < 0 ? -1 : add_ints(g, 1, ig_type_dims(want), want->rank)};
    return v < 0 ? -1 : add_named(g, "Reshape", NULL, in, 2);
}

/* Into the range that the sample's own contents lie in. */
static int range_to(random_graph *g, int v, ig_fill fill)
{
    const ig_tensor *t = tensor_at(g, v);
    ig_dtype d = (ig_dtype)t->v.type.dtype;
    double most = 0;
    for (int64_t i = 0; i < igi_tensor_count(t); i++)
        most = fmax(most, fabs(igi_get_f64(d, t->data, i)));
    bool wild = !(most < 100); /* NaN too */
    if (fill == IG_FILL_NORMAL && !wild)
        return v;
    int in[1] = {add_named(g, "Tanh", NULL, &v, 1)};
    if (in[0] < 0 || fill == IG_FILL_NORMAL || fill == IG_FILL_UNIT)
        return in[0];
    return fill == IG_FILL_DISTINCT || fill == IG_FILL_ZERO_ONE
               ? -1
               : add_named(g, "Exp", NULL, in, 1);
}

/* Some value, adapted to the input that the sample has at `port`. */
static int adapted(random_graph *g, const suite_case *c, int port)
{
    const ig_sample_in *wish = &c->sample->in[port];
    const ig_type *want = &c->in[port]->type;
    int v = chance_below(g->r, g->n_values);
    const ig_tensor *t = tensor_at(g, v);
    if (want->kind != IG_KIND_TENSOR)
        return igi_type_equal(&g->value[v].v->type, want) ? v : -1;
    if (wish->data || suite_in_port(c, port)->flags & IG_VALUE || !t ||
        !(IG_FLOATS >> want->dtype & 1) || !(IG_NUMERIC >> t->v.type.dtype & 1))
        return -1;
    v = cast_to(g, v, (ig_dtype)want->dtype);
    v = v < 0 ? -1 : shape_to(g, v, want);
    return v < 0 ? -1 : range_to(g, v, (ig_fill)wish->fill);
}

/* ---- nodes ---- */

static int fresh(random_graph *g, const suite_case *c, int port)
{
    ig_value *v = suite_copy_value(c->in[port], 0);
    bool value = suite_in_port(c, port)->flags & IG_VALUE;
    bool input = g->n_inputs < RG_INPUTS && !chance_once_in(g->r, value ? 4 : 2);
    if (value)
        input = !input && g->n_inputs < RG_INPUTS;
    if (v && v->type.kind != IG_KIND_TENSOR) { /* no constant can hold it */
        input = true;
        if (g->n_inputs >= RG_INPUTS) {
            ig_value_unref(v);
            return -1;
        }
    }
    int made = add_value(g, input ? RG_INPUT : RG_CONSTANT, v, true);
    if (made >= 0)
        g->value[made].fixed = value;
    return made;
}

/* An elementwise operator takes any shape: its inputs may be one value of the graph,
 * and others of that shape. */
static bool elementwise(random_graph *g, const suite_case *c, int *in)
{
    int v = chance_below(g->r, g->n_values);
    const ig_tensor *t = tensor_at(g, v);
    if (!(c->op->def->flags & IG_OP_ELEMENTWISE) || !t ||
        !(IG_FLOATS >> t->v.type.dtype & 1) || t->v.type.dtype != c->dtype)
        return false;
    for (int i = 0; i < c->call.n_in; i++) {
        const ig_tensor *x = suite_tensor(c, i);
        if (!x || c->sample->in[i].data ||
            suite_in_port(c, i)->tv != suite_in_port(c, 0)->tv)
            return false;
        int other = i ? chance_below(g->r, g->n_values) : v;
        const ig_tensor *o = tensor_at(g, other);
        in[i] = o && o->v.type.dtype == t->v.type.dtype ? shape_to(g, other, &t->v.type)
                                                        : v;
        in[i] = in[i] < 0 ? v : in[i];
        in[i] = range_to(g, in[i], (ig_fill)c->sample->in[i].fill);
        if (in[i] < 0)
            return false;
    }
    return true;
}

static void add_node(random_graph *g)
{
    suite_case c;
    int in[SUITE_PORTS];
    bool complete = true;
    if (random_sample(&c, g->r, NULL, g->dtype) && !c.mutates &&
        !(c.op->def->flags & (IG_OP_RANDOM | IG_OP_EFFECTS)) &&
        g->n_values + 3 * c.call.n_in < RG_VALUES) {
        bool done = g->n_values && chance_once_in(g->r, 2) && elementwise(g, &c, in);
        for (int i = 0; i < c.call.n_in && !done; i++) {
            in[i] = -1;
            if (c.in[i] && g->n_values && !chance_once_in(g->r, 4))
                in[i] = adapted(g, &c, i);
            if (c.in[i] && in[i] < 0)
                in[i] = fresh(g, &c, i);
            complete = complete && (!c.in[i] || in[i] >= 0);
        }
        if (complete)
            (void)add_step(g, c.op, &c.call, in);
    }
    suite_case_free(&c);
}

/* All results that nobody reads, and some others. */
static void choose_outputs(random_graph *g)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = g->n_values - 1; i >= 0 && g->n_outputs < RG_PORTS_OUT; i--)
            if (g->value[i].kind == RG_RESULT &&
                (pass ? g->value[i].uses && chance_once_in(g->r, 10)
                      : !g->value[i].uses))
                g->output[g->n_outputs++] = i;
}

void random_graph_make(random_graph *g, chance *r, int nodes)
{
    static const ig_dtype often[] = {IG_FLOAT32, IG_FLOAT32, IG_FLOAT32,
                                     IG_FLOAT64, IG_FLOAT16, IG_BFLOAT16};
    static const ig_limits limits = {.memory_bytes = 1 << 26, .tensor_bytes = 1 << 22};
    memset(g, 0, sizeof(*g));
    igi_arena_init(&g->arena);
    igi_invoker_init(&g->invoker, suite_registry(), NULL, 1);
    igi_env_init(&g->invoker.env, &limits, NULL);
    g->r = r;
    g->dtype = often[chance_below(r, 6)];
    for (int i = 0; i < nodes; i++)
        add_node(g);
    choose_outputs(g);
    fix_values(g);
}

void random_graph_free(random_graph *g)
{
    for (int i = 0; i < g->n_steps; i++)
        igi_attrs_release(g->step[i].op->def, g->step[i].attrs);
    for (int i = 0; i < g->n_values; i++)
        ig_value_unref(g->value[i].v);
    igi_invoker_fini(&g->invoker);
    igi_arena_fini(&g->arena);
}
