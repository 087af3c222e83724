/* Models for services: compile once, run from any thread. */
#include "graph/runtime/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- symbolic dims given by the caller ---- */

/* "N=4" -> index of the symbol and its size. */
static ig_status parse_dim(const ig_symtab *s, const char *text, int64_t *values, int n)
{
    const char *equal = strchr(text, '=');
    char *end = NULL;
    errno = 0;
    long long size = equal ? strtoll(equal + 1, &end, 10) : -1;
    if (!equal || end == equal + 1 || *end || errno || size < 0)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "dim '%s': must be NAME=SIZE with a size of 0 or more", text);
    for (int k = 0; k < n; k++) {
        const char *name = igi_symtab_name(s, igi_symtab_at(s, k));
        if (!name || strlen(name) != (size_t)(equal - text) ||
            strncmp(name, text, (size_t)(equal - text)) != 0)
            continue;
        values[k] = size;
        return IG_OK;
    }
    return ig_fail(IG_INVALID_ARGUMENT,
                   "dim '%s': the model has no symbolic dim '%.*s'", text,
                   (int)(equal - text), text);
}

static void replace_dims(ig_graph *g, const int64_t *values, int n)
{
    for (size_t i = 0; i < g->inputs.n; i++) {
        ig_type *t = &igi_value_at(g, g->inputs.p[i])->type;
        int64_t *d = t->rank > 8 ? t->u.dim_far : t->u.dim;
        for (int k = 0; t->kind == IG_KIND_TENSOR && k < t->rank; k++) {
            int64_t e =
                ig_dim_is_symbol(d[k]) ? igi_dim_eval(g->syms, d[k], values, n) : -1;
            d[k] = e >= 0 ? e : d[k];
        }
    }
}

static ig_status set_dims(ig_graph *g, const char *const *dims)
{
    if (!dims || !*dims)
        return IG_OK;
    int n = igi_symtab_count(g->syms);
    int64_t *values = igi_alloc_array((size_t)n + 1, sizeof(*values));
    ig_status rc = values ? IG_OK : IG_OUT_OF_MEMORY;
    for (int k = 0; values && k < n; k++)
        values[k] = -1;
    for (; rc == IG_OK && *dims; dims++)
        rc = parse_dim(g->syms, *dims, values, n);
    if (rc == IG_OK) {
        replace_dims(g, values, n);
        rc = igi_graph_infer(g);
    }
    igi_free(values);
    return rc;
}

/* ---- life ---- */

static ig_status compile(ig_model *m, const ig_model_opts *o)
{
    ig_net_opts n = {.device = o->device,
                     .threads = o->threads,
                     .level = o->level,
                     .limits = o->limits,
                     .plan_cache = o->plan_cache,
                     .exact_conv = o->exact_conv,
                     .small_memory = o->small_memory,
                     .strict_qdq = o->strict_qdq,
                     .keep_on_device = o->keep_on_device,
                     .capture = o->capture,
                     .tf32 = o->tf32};
    IG_TRY(set_dims(m->graph, o->dims));
    m->weights = ig_workspace_new(NULL);
    if (!m->weights)
        return IG_OUT_OF_MEMORY;
    return ig_net_new(&m->net, m->graph, m->weights, &n);
}

ig_status igi_model_take(ig_model **out, ig_graph *g, const ig_model_opts *opts)
{
    ig_model_opts defaults = {0};
    ig_model *m = igi_calloc(1, sizeof(*m));
    *out = NULL;
    ig_status rc = m ? igi_mutex_init(&m->lock) : IG_OUT_OF_MEMORY;
    if (rc != IG_OK) {
        igi_free(m);
        ig_graph_free(g);
        return rc;
    }
    m->graph = g;
    rc = compile(m, opts ? opts : &defaults);
    if (rc != IG_OK) {
        ig_model_free(m);
        return rc;
    }
    *out = m;
    return IG_OK;
}

ig_status
ig_model_from_graph(ig_model **out, const ig_graph *g, const ig_model_opts *opts)
{
    IGI_NEEDS(out);
    igi_error_clear();
    ig_graph *copy = NULL;
    *out = NULL;
    if (!g)
        return ig_fail(IG_INVALID_ARGUMENT, "ig_model_from_graph: the graph is NULL");
    IG_TRY(ig_graph_clone(&copy, g));
    return igi_model_take(out, copy, opts);
}

void ig_model_free(ig_model *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->idle.n; i++)
        igi_instance_free(m->idle.p[i]);
    IGI_VEC_FREE(&m->idle);
    ig_net_free(m->net);
    ig_workspace_free(m->weights);
    ig_graph_free(m->graph);
    igi_mutex_fini(&m->lock);
    igi_free(m);
}

/* ---- instances ---- */

ig_status igi_model_borrow(ig_model *m, igi_instance **out)
{
    ig_status rc = IG_OK;
    *out = NULL;
    igi_mutex_lock(&m->lock);
    if (m->idle.n)
        *out = m->idle.p[--m->idle.n];
    else if (IGI_RESERVE(&m->idle, m->n_made + 1))
        m->n_made++;
    else
        rc = IG_OUT_OF_MEMORY;
    igi_mutex_unlock(&m->lock);
    if (*out || rc != IG_OK)
        return rc;
    rc = igi_instance_new(out, m->net);
    if (rc != IG_OK) {
        igi_mutex_lock(&m->lock);
        m->n_made--;
        igi_mutex_unlock(&m->lock);
    }
    return rc;
}

void igi_model_return(ig_model *m, igi_instance *x)
{
    igi_mutex_lock(&m->lock);
    m->idle.p[m->idle.n++] = x;
    igi_mutex_unlock(&m->lock);
}

void igi_model_memory(ig_model *m, size_t *arena, size_t *packed)
{
    *arena = 0;
    igi_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->idle.n; i++)
        if (m->idle.p[i]->arena_bytes[IGI_HOST] > *arena)
            *arena = m->idle.p[i]->arena_bytes[IGI_HOST];
    igi_mutex_unlock(&m->lock);
    igi_mutex_lock(&m->weights->packs.lock);
    *packed = m->weights->packs.bytes;
    igi_mutex_unlock(&m->weights->packs.lock);
}

/* ---- running ---- */

static ig_status run(ig_model *m,
                     ig_value *const *in,
                     ig_value **out,
                     int n_out,
                     const ig_run_opts *opts)
{
    igi_instance *x;
    IG_TRY(igi_model_borrow(m, &x));
    ig_status rc = igi_instance_run(x, in, out, n_out, opts);
    igi_model_return(m, x);
    return rc;
}

static ig_status check_counts(const ig_model *m, ig_inputs in, ig_outputs out)
{
    if ((in.n > 0 && !in.v) || (out.n > 0 && !out.v))
        return ig_fail(IG_INVALID_ARGUMENT, "ig_model_run: the list of %s is NULL",
                       in.n > 0 && !in.v ? "inputs" : "outputs");
    if (in.n != m->net->n_in)
        return ig_fail(IG_INVALID_ARGUMENT, "the model takes %d inputs, %d given",
                       m->net->n_in, in.n);
    if (out.n < 0 || out.n > m->net->n_out)
        return ig_fail(IG_INVALID_ARGUMENT, "the model has %d outputs, %d wanted",
                       m->net->n_out, out.n);
    for (int i = 0; i < in.n; i++)
        if (!in.v[i])
            return ig_fail(IG_INVALID_ARGUMENT, "input '%s' is NULL",
                           m->net->in_names[i]);
    for (int j = 0; j < out.n; j++) {
        if (!out.v[j])
            return ig_fail(IG_INVALID_ARGUMENT, "the place for output '%s' is NULL",
                           m->net->out_names[j]);
        if (ig_model_output_type(m, j)->kind != IG_KIND_TENSOR)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "output '%s' is no tensor: use ig_model_run_values",
                           m->net->out_names[j]);
    }
    return IG_OK;
}

ig_status
ig_model_run(ig_model *m, ig_inputs in, ig_outputs out, const ig_run_opts *opts)
{
    enum { FEW = 16 };
    ig_value *local[2 * FEW], **values = local;
    igi_error_clear();
    if (!m)
        return ig_fail(IG_INVALID_ARGUMENT, "ig_model_run: the model is NULL");
    IG_TRY(check_counts(m, in, out));
    size_t n = (size_t)in.n + (size_t)out.n;
    if (n > 2 * FEW && !(values = igi_calloc(n, sizeof(*values))))
        return IG_OUT_OF_MEMORY;
    ig_value **results = values + in.n;
    for (int i = 0; i < in.n; i++)
        values[i] = &in.v[i]->v;
    for (int j = 0; j < out.n; j++)
        results[j] = *out.v[j] ? &(*out.v[j])->v : NULL;
    ig_status rc = run(m, values, results, out.n, opts);
    for (int j = 0; j < out.n && rc == IG_OK; j++)
        *out.v[j] = (ig_tensor *)results[j];
    if (values != local)
        igi_free(values);
    return rc;
}

static int find_name(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (name && strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static ig_status place_inputs(const ig_net *net,
                              const char *const *names,
                              ig_value *const *in,
                              int n,
                              ig_value **slots)
{
    for (int k = 0; k < n; k++) {
        int i = find_name(net->in_names, net->n_in, names[k]);
        if (i < 0)
            return ig_fail(IG_NOT_FOUND, "the model has no input '%s'",
                           names[k] ? names[k] : "(NULL)");
        if (slots[i])
            return ig_fail(IG_INVALID_ARGUMENT, "input '%s' is given twice", names[k]);
        slots[i] = in[k];
    }
    for (int i = 0; i < net->n_in; i++)
        if (!slots[i])
            return ig_fail(IG_INVALID_ARGUMENT, "input '%s' is missing",
                           net->in_names[i]);
    return IG_OK;
}

static ig_status run_named(ig_model *m,
                           const char *const *out_names,
                           ig_value **out,
                           int n_out,
                           ig_value **slots,
                           int *index,
                           const ig_run_opts *opts)
{
    ig_net *net = m->net;
    ig_value **results = slots + net->n_in;
    int most = 0;
    for (int k = 0; k < n_out; k++) {
        index[k] = find_name(net->out_names, net->n_out, out_names[k]);
        if (index[k] < 0)
            return ig_fail(IG_NOT_FOUND, "the model has no output '%s'",
                           out_names[k] ? out_names[k] : "(NULL)");
        most = index[k] + 1 > most ? index[k] + 1 : most;
    }
    IG_TRY(run(m, slots, results, most, opts));
    for (int k = 0; k < n_out; k++)
        out[k] = ig_value_ref(results[index[k]]);
    for (int j = 0; j < most; j++)
        ig_value_unref(results[j]);
    return IG_OK;
}

ig_status ig_model_run_values(ig_model *m,
                              const char *const *in_names,
                              ig_value *const *in,
                              int n_in,
                              const char *const *out_names,
                              ig_value **out,
                              int n_out,
                              const ig_run_opts *opts)
{
    igi_error_clear();
    if (!m || n_in < 0 || n_out < 0)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "ig_model_run_values: the model is NULL or a count negative");
    if ((n_in && !(in_names && in)) || (n_out && !(out_names && out)))
        return ig_fail(IG_INVALID_ARGUMENT, "ig_model_run_values: a list is NULL");
    for (int k = 0; k < n_out; k++)
        out[k] = NULL;
    size_t n = (size_t)(m->net->n_in + m->net->n_out) + (size_t)n_out + 1;
    ig_value **slots = igi_calloc(n, sizeof(*slots));
    if (!slots)
        return IG_OUT_OF_MEMORY;
    int *index = (int *)(void *)(slots + m->net->n_in + m->net->n_out);
    ig_status rc = place_inputs(m->net, in_names, in, n_in, slots);
    if (rc == IG_OK)
        rc = run_named(m, out_names, out, n_out, slots, index, opts);
    igi_free(slots);
    return rc;
}

/* ---- reading ---- */

int ig_model_n_inputs(const ig_model *m)
{
    return m->net->n_in;
}

int ig_model_n_outputs(const ig_model *m)
{
    return m->net->n_out;
}

const char *ig_model_input_name(const ig_model *m, int i)
{
    return i >= 0 && i < m->net->n_in ? m->net->in_names[i] : NULL;
}

const char *ig_model_output_name(const ig_model *m, int i)
{
    return i >= 0 && i < m->net->n_out ? m->net->out_names[i] : NULL;
}

const ig_type *ig_model_input_type(const ig_model *m, int i)
{
    return i >= 0 && i < m->net->n_in
               ? &igi_value_at(m->graph, m->graph->inputs.p[i])->type
               : NULL;
}

const ig_type *ig_model_output_type(const ig_model *m, int i)
{
    return i >= 0 && i < m->net->n_out
               ? &igi_value_at(m->graph, m->graph->outputs.p[i])->type
               : NULL;
}

const ig_graph *ig_model_graph(const ig_model *m)
{
    return m->graph;
}
