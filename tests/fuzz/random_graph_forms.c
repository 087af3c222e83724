/* A random graph as a graph and as a trace; see random_graph.h. */
#include <stdio.h>

#include "graph/core/dtype.h"
#include "tests/fuzz/random_graph.h"

const char *random_graph_name(char stem, int value, char *buf, size_t size)
{
    snprintf(buf, size, "%c%d", stem, value);
    return buf;
}

/* About twice what rounding to the type does to 1; 0: not shaken. */
static double shake_of(ig_dtype d)
{
    return d == IG_FLOAT64    ? 0x1p-50
           : d == IG_FLOAT32  ? 0x1p-21
           : d == IG_FLOAT16  ? 0x1p-9
           : d == IG_BFLOAT16 ? 0x1p-6
                              : 0;
}

ig_value *random_graph_shaken(const random_graph *g, int value, uint64_t seed)
{
    ig_value *v = suite_copy_value(g->value[value].v, 0);
    ig_tensor *t = v ? ig_value_tensor(v) : NULL;
    ig_dtype d = t ? (ig_dtype)t->v.type.dtype : IG_UNDEFINED;
    chance r = {.state = seed + (uint64_t)value * 977};
    double step = shake_of(d);
    for (int64_t i = 0;
         seed && step > 0 && i < igi_tensor_count(t) && !g->value[value].fixed; i++) {
        double by = 1 + step * (chance_below(&r, 3) - 1);
        igi_put_f64(d, t->data, i, by * igi_get_f64(d, t->data, i));
    }
    return v;
}

static ig_status add_leaf(const random_graph *g,
                          int i,
                          bool symbols,
                          uint64_t seed,
                          ig_graph *to,
                          ig_value_id *id)
{
    char name[16], dim[32];
    const ig_type *t = &g->value[i].v->type;
    int64_t dims[IG_RANK_MAX];
    if (g->value[i].kind == RG_CONSTANT) {
        ig_value *v = random_graph_shaken(g, i, seed);
        ig_status rc =
            ig_graph_constant(to, random_graph_name('c', i, name, sizeof(name)),
                              v ? ig_value_tensor(v) : NULL, id);
        ig_value_unref(v);
        return rc;
    }
    (void)random_graph_name('x', i, name, sizeof(name));
    if (t->kind != IG_KIND_TENSOR)
        return ig_graph_input_typed(to, name, t, id);
    for (int d = 0; d < t->rank; d++) {
        dims[d] = ig_type_dims(t)[d];
        snprintf(dim, sizeof(dim), "D%lld", (long long)dims[d]);
        if (symbols && dims[d] != 1)
            IG_TRY(ig_graph_dim(to, dim, &dims[d]));
    }
    return ig_graph_input(to, name, (ig_dtype)t->dtype, t->rank, dims, id);
}

/* *id, the result `value`, times 1 and a little, as if it had been rounded otherwise:
 * some operators hide what happens to their inputs. */
static ig_status shake_result(
    const random_graph *g, int value, uint64_t seed, ig_graph *to, ig_value_id *id)
{
    const ig_type *type = &g->value[value].v->type;
    double step = type->kind == IG_KIND_TENSOR ? shake_of((ig_dtype)type->dtype) : 0;
    chance r = {.state = seed + (uint64_t)value * 977};
    ig_value_id in[2] = {*id};
    ig_tensor *factor = NULL;
    if (!seed || !(step > 0) || g->value[value].fixed)
        return IG_OK;
    ig_status rc = ig_tensor_new(&factor, (ig_dtype)type->dtype, 0, NULL);
    if (rc == IG_OK) {
        igi_put_f64((ig_dtype)type->dtype, factor->data, 0,
                    1 + step * (chance_below(&r, 3) - 1));
        rc = ig_graph_constant(to, NULL, factor, &in[1]);
    }
    if (rc == IG_OK)
        rc = ig_graph_make_named(to, "Mul", NULL, in, 2, id, 1);
    ig_tensor_unref(factor);
    return rc;
}

static ig_status
build(const random_graph *g, bool symbols, uint64_t seed, ig_graph *to, ig_value_id *id)
{
    char name[16];
    for (int i = 0; i < g->n_values; i++)
        if (g->value[i].kind != RG_RESULT && g->value[i].uses)
            IG_TRY(add_leaf(g, i, symbols, seed, to, &id[i]));
    for (int k = 0; k < g->n_steps; k++) {
        const rg_step *s = &g->step[k];
        ig_value_id in[SUITE_PORTS] = {{0}}, made[SUITE_PORTS] = {{0}};
        for (int i = 0; i < s->call.n_in; i++)
            if (s->in[i] >= 0)
                in[i] = id[s->in[i]];
        IG_TRY(ig_graph_make(to, &s->call, in, made));
        for (int o = 0; o < s->call.n_out; o++)
            if (s->out[o] >= 0) {
                id[s->out[o]] = made[o];
                IG_TRY(shake_result(g, s->out[o], seed, to, &id[s->out[o]]));
            }
    }
    for (int i = 0; i < g->n_outputs; i++)
        IG_TRY(ig_graph_output(to,
                               random_graph_name('y', g->output[i], name, sizeof(name)),
                               id[g->output[i]]));
    return ig_graph_verify(to);
}

ig_status
random_graph_build(const random_graph *g, bool symbols, uint64_t seed, ig_graph **out)
{
    ig_value_id id[RG_VALUES] = {{0}};
    IG_TRY(ig_graph_new(out, "random", suite_registry()));
    ig_status rc = build(g, symbols, seed, *out, id);
    if (rc != IG_OK) {
        ig_graph_free(*out);
        *out = NULL;
    }
    return rc;
}

static bool is_input(const random_graph *g, int i)
{
    return g->value[i].uses && g->value[i].kind == RG_INPUT;
}

static ig_status replay(ig_ctx *ctx, ig_value *const *in, ig_value **out, void *user)
{
    const random_graph *g = user;
    ig_value *now[RG_VALUES] = {0};
    for (int i = 0, k = 0; i < g->n_values; i++)
        now[i] = is_input(g, i)                    ? in[k++]
                 : g->value[i].kind == RG_CONSTANT ? g->value[i].v
                                                   : NULL;
    for (int k = 0; k < g->n_steps; k++) {
        const rg_step *s = &g->step[k];
        ig_value *args[SUITE_PORTS] = {0}, *made[SUITE_PORTS] = {0};
        ig_call call = s->call;
        call.draw = 0;
        call.where = IG_HERE;
        for (int i = 0; i < call.n_in; i++)
            args[i] = s->in[i] >= 0 ? now[s->in[i]] : NULL;
        IG_TRY(ig_dispatch(ctx, &call, args, made));
        for (int o = 0; o < call.n_out; o++)
            if (s->out[o] >= 0)
                now[s->out[o]] = made[o];
    }
    for (int i = 0; i < g->n_outputs; i++)
        out[i] = now[g->output[i]];
    return IG_OK;
}

ig_graph *random_graph_trace(const random_graph *g, ig_ctx *ctx)
{
    static char names[IG_TRACE_INPUTS_MAX * 2][16];
    ig_trace_opts o = {.no_self_test = true};
    for (int i = 0, k = 0; i < g->n_values; i++)
        if (is_input(g, i) && k < IG_TRACE_INPUTS_MAX) {
            o.inputs[k].name = random_graph_name('x', i, names[k], sizeof(names[k]));
            o.values[k++] = g->value[i].v;
        }
    for (int i = 0; i < g->n_outputs; i++)
        o.outputs[i] = random_graph_name(
            'y', g->output[i], names[IG_TRACE_INPUTS_MAX + i], sizeof(names[0]));
    return ig_trace_values(ctx, replay, (void *)(uintptr_t)g, g->n_outputs, &o);
}
