#include "tests/graph/passes/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/runtime/invoke.h"

extern const ig_op_def *const igi_builtin_ops[];

static ig_registry *registry;

const ig_registry *t_registry(void)
{
    if (registry)
        return registry;
    assert_int_equal(igi_registry_new(&registry), IG_OK);
    for (int i = 0; igi_builtin_ops[i]; i++)
        if (igi_registry_add(registry, igi_builtin_ops[i]) != IG_OK)
            fail_msg("%s", ig_error_message());
    return registry;
}

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s: %s", #expr_, ig_error_message());                            \
    } while (0)

ig_graph *t_graph(void)
{
    ig_graph *g = NULL;
    OK(igi_graph_new(&g, "test", t_registry(), NULL));
    return g;
}

void t_free(ig_graph *g)
{
    igi_graph_unref(g);
}

/* ---- values ---- */

ig_value_id
t_input_of(ig_graph *g, const char *name, ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_value_id v = {0};
    OK(ig_graph_input(g, name, dtype, rank, dims, &v));
    return v;
}

ig_value_id t_input(ig_graph *g, const char *name, int rank, const int64_t *dims)
{
    return t_input_of(g, name, IG_FLOAT32, rank, dims);
}

static double random_number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / (1 << 23) - 1;
}

static ig_value_id constant(ig_graph *g, ig_tensor *t)
{
    ig_value_id v = {0};
    OK(ig_graph_constant(g, NULL, t, &v));
    ig_tensor_unref(t);
    return v;
}

static ig_tensor *
random_tensor(ig_dtype dtype, int rank, const int64_t *dims, uint32_t seed)
{
    ig_tensor *t = NULL;
    uint32_t state = seed * 2654435761u + 12345;
    bool is_int = igi_dtype_is_int(dtype);
    OK(ig_tensor_new(&t, dtype, rank, dims));
    for (int64_t i = 0; i < igi_tensor_count(t); i++) {
        double x = random_number(&state);
        igi_put_f64(dtype, t->data, i, is_int ? floor(3 * x) : x);
    }
    return t;
}

ig_value_id t_random(ig_graph *g, int rank, const int64_t *dims)
{
    return constant(g, random_tensor(IG_FLOAT32, rank, dims, (uint32_t)g->values.n));
}

ig_value_id t_positive(ig_graph *g, int rank, const int64_t *dims)
{
    ig_tensor *t = random_tensor(IG_FLOAT32, rank, dims, (uint32_t)g->values.n);
    for (int64_t i = 0; i < igi_tensor_count(t); i++)
        igi_put_f64(IG_FLOAT32, t->data, i, 1.5 + igi_get_f64(IG_FLOAT32, t->data, i));
    return constant(g, t);
}

ig_value_id t_filled(ig_graph *g, double v, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    OK(ig_tensor_new(&t, IG_FLOAT32, rank, dims));
    for (int64_t i = 0; i < igi_tensor_count(t); i++)
        igi_put_f64(IG_FLOAT32, t->data, i, v);
    return constant(g, t);
}

ig_value_id t_number(ig_graph *g, double v)
{
    return t_filled(g, v, 0, NULL);
}

ig_value_id t_ints(ig_graph *g, int n, const int64_t *v)
{
    ig_tensor *t = NULL;
    OK(ig_tensor_new_copy(&t, IG_INT64, 1, &(int64_t){n}, v, (size_t)n * sizeof(*v)));
    return constant(g, t);
}

/* ---- nodes ---- */

static void set_attr(ig_graph *g, const ig_op_def *op, void *attrs, char *word)
{
    char *text = strpbrk(word, "=:");
    int64_t list[32], n = 0;
    assert_non_null(text);
    bool is_string = *text == ':';
    *text++ = 0;
    const ig_attr_def *row = igi_attr_find(op, word);
    if (!row)
        fail_msg("%s has no attribute %s", op->name, word);
    if (is_string) {
        OK(igi_attrs_set_string(&g->arena, op, attrs, word, text));
        return;
    }
    if (row->kind == IG_A_FLOAT) {
        OK(igi_attrs_set_float(op, attrs, word, strtof(text, NULL)));
        return;
    }
    for (char *at = text; *at; at += *at == ',')
        list[n++] = strtoll(at, &at, 10);
    if (row->kind == IG_A_INTS)
        OK(igi_attrs_set_ints(&g->arena, op, attrs, word, list, n));
    else
        OK(igi_attrs_set_int(op, attrs, word, list[0]));
}

void t_node(ig_graph *g,
            const char *op,
            const char *attrs,
            const ig_value_id *in,
            int n_in,
            ig_value_id *out,
            int n_out)
{
    const igi_op *found = igi_registry_find_full(g->reg, op);
    char words[256], *save = NULL;
    if (!found)
        fail_msg("no operator %s", op);
    void *a = igi_new_attrs(g, found);
    snprintf(words, sizeof(words), "%s", attrs ? attrs : "");
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        set_attr(g, found->def, a, w);
    ig_call call = {.op = found->def,
                    .attrs = found->def->attrs_size ? a : NULL,
                    .n_in = n_in,
                    .n_out = n_out};
    if (ig_graph_make(g, &call, in, out) != IG_OK)
        fail_msg("%s: %s", op, ig_error_message());
}

ig_value_id t_op(ig_graph *g,
                 const char *op,
                 const char *attrs,
                 ig_value_id a,
                 ig_value_id b,
                 ig_value_id c,
                 ig_value_id d)
{
    ig_value_id in[4] = {a, b, c, d}, out = {0};
    int n = 4;
    while (n && !in[n - 1].i)
        n--;
    t_node(g, op, attrs, in, n, &out, 1);
    return out;
}

void t_output(ig_graph *g, const char *name, ig_value_id v)
{
    OK(ig_graph_output(g, name, v));
}

int t_count(const ig_graph *g, const char *op)
{
    int n = 0;
    ig_node_id id;
    ig_node_iter it = ig_graph_nodes(g);
    while (ig_node_next(&it, &id))
        n += igi_node_is(igi_node_at(g, id), op);
    return n;
}

int t_nodes(const ig_graph *g)
{
    return (int)igi_live_nodes(g);
}

const igi_node *t_only(const ig_graph *g, const char *op)
{
    const igi_node *found = NULL;
    ig_node_id id;
    ig_node_iter it = ig_graph_nodes(g);
    while (ig_node_next(&it, &id)) {
        const igi_node *n = igi_node_at(g, id);
        if (!igi_node_is(n, op))
            continue;
        if (found)
            fail_msg("more than one %s", op);
        found = n;
    }
    if (!found)
        fail_msg("no %s", op);
    return found;
}

/* ---- running ---- */

static ig_status fold(void *self,
                      const igi_op *op,
                      const ig_call *call,
                      ig_value *const *in,
                      ig_value **out)
{
    return igi_invoke(self, op, call, in, out);
}

bool t_strict_qdq;

void t_optimise(ig_graph *g, int level)
{
    igi_invoker v;
    igi_invoker_init(&v, g->reg, NULL, 1);
    igi_pass_opts o = {.struct_size = sizeof(o),
                       .level = level,
                       .threads = 1,
                       .strict_qdq = t_strict_qdq,
                       .fold = fold,
                       .fold_self = &v};
    ig_status rc = igi_passes_run(g, &o);
    igi_invoker_fini(&v);
    if (rc != IG_OK)
        fail_msg("passes: %s", ig_error_message());
    OK(ig_graph_verify(g));
}

static ig_value *make_input(const ig_graph *g, const igi_gvalue *v, uint32_t seed)
{
    int64_t dims[IG_RANK_MAX];
    for (int i = 0; i < v->type.rank; i++) {
        dims[i] = ig_type_dims(&v->type)[i];
        for (int k = 0; dims[i] < 0; k++)
            if (dims[i] == igi_symtab_at(g->syms, k))
                dims[i] = 2 + k;
    }
    return &random_tensor((ig_dtype)v->type.dtype, v->type.rank, dims, seed)->v;
}

static void
run_node(const ig_graph *g, const igi_node *n, igi_invoker *v, ig_value **value)
{
    ig_value *in[IG_PORTS_MAX], *out[IG_PORTS_MAX] = {0};
    ig_call call = {.op = n->op->def,
                    .attrs = n->attrs,
                    .draw = n->draw,
                    .n_in = n->n_in,
                    .n_captures = n->n_captures,
                    .n_out = n->n_out};
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i].i ? value[n->in[i].i] : NULL;
    for (int i = 0; i < n->n_out; i++)
        call.wanted |= n->out[i].i ? IG_BIT(i) : 0;
    if (igi_invoke(v, n->op, &call, in, out) != IG_OK)
        fail_msg("%s (%s): %s", n->name, n->op->def->name, ig_error_message());
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i].i)
            value[n->out[i].i] = out[i];
    (void)g;
}

void t_run(const ig_graph *g, ig_tensor **out)
{
    igi_invoker v;
    igi_invoker_init(&v, g->reg, NULL, 1);
    ig_value **value = calloc(g->values.n, sizeof(ig_value *));
    assert_non_null(value);
    for (size_t i = 0; i < g->inputs.n; i++)
        value[g->inputs.p[i].i] =
            make_input(g, igi_value_at(g, g->inputs.p[i]), (uint32_t)i + 1);
    for (size_t i = 1; i < g->values.n; i++)
        if (g->values.p[i].live && g->values.p[i].constant)
            value[i] = ig_value_ref(&g->values.p[i].constant->v);
    ig_node_id id;
    ig_node_iter it = ig_graph_nodes(g);
    while (ig_node_next(&it, &id))
        run_node(g, igi_node_at(g, id), &v, value);
    for (size_t i = 0; i < g->outputs.n; i++)
        out[i] = ig_tensor_ref(ig_value_tensor(value[g->outputs.p[i].i]));
    for (size_t i = 1; i < g->values.n; i++)
        ig_value_unref(value[i]);
    free(value);
    igi_invoker_fini(&v);
}

static void
compare_tensors(const char *name, const ig_tensor *a, const ig_tensor *b, int level)
{
    ig_tensor *x = NULL, *y = NULL;
    if (!igi_type_equal(&a->v.type, &b->v.type))
        fail_msg("output %s: types differ", name);
    OK(igi_tensor_contiguous_copy(&x, NULL, a));
    OK(igi_tensor_contiguous_copy(&y, NULL, b));
    ig_dtype dtype = (ig_dtype)a->v.type.dtype;
    for (int64_t i = 0; i < igi_tensor_count(a); i++) {
        double p = igi_get_f64(dtype, x->data, i), q = igi_get_f64(dtype, y->data, i);
        double t = dtype == IG_FLOAT16 || dtype == IG_BFLOAT16 ? 2e-2 : 1e-5;
        bool same = level < 2
                        ? !memcmp(&p, &q, sizeof(p))
                        : fabs(p - q) <= t + t * fabs(p) || (isnan(p) && isnan(q));
        if (!same)
            fail_msg("output %s, element %d: %.9g as written, %.9g optimised", name,
                     (int)i, p, q);
    }
    ig_tensor_unref(x);
    ig_tensor_unref(y);
}

ig_graph *t_compare(const ig_graph *g, int level)
{
    enum { MAX = 8 };
    ig_graph *fast = NULL;
    ig_tensor *want[MAX], *have[MAX];
    assert_true(g->outputs.n <= MAX);
    OK(ig_graph_clone(&fast, g));
    t_optimise(fast, level);
    assert_int_equal(fast->outputs.n, g->outputs.n);
    assert_int_equal(fast->inputs.n, g->inputs.n);
    t_run(g, want);
    t_run(fast, have);
    for (size_t i = 0; i < g->outputs.n; i++) {
        assert_string_equal(g->output_names.p[i], fast->output_names.p[i]);
        compare_tensors(g->output_names.p[i], want[i], have[i], level);
        ig_tensor_unref(want[i]);
        ig_tensor_unref(have[i]);
    }
    return fast;
}
