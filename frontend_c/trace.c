/* Recording a function: its runs, at one size or several, and what is made of them. */
#include "frontend_c/trace_merge.h"
#include "frontend_c/view.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/core/escape.h"

/* ---- one run ---- */

/* The example of input i. */
static ig_value *example_of(const igi_trace_job *j, int i)
{
    ig_tensor *example = j->o->inputs[i].example;
    return example ? ig_tensor_value(example) : j->o->values[i];
}

static ig_status call_function(igi_trace_job *j, ig_value *const *in)
{
    ig_tensor *const *tensors = (ig_tensor *const *)in;
    ig_status rc = IG_OK;
    igi_error_clear();
    memset(j->out, 0, sizeof(j->out));
    for (int i = 0; !j->fn_values && i < j->n_in; i++)
        if (in[i]->type.kind != IG_KIND_TENSOR)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "input %s is no tensor: use ig_trace_values",
                           j->o->inputs[i].name);
    if (j->fn_values)
        rc = j->fn_values(j->c, in, j->out, j->user);
    else if (j->fn_n)
        rc = j->fn_n(j->c, tensors, (ig_tensor **)j->out, j->user);
    else
        j->out[0] = (ig_value *)j->fn(j->c, tensors, j->user);
    return igi_answer(j->c, rc);
}

static void name_value(const igi_recording *r, ig_value *v, ig_value_id id)
{
    v->trace = id.i;
    v->trace_epoch = r->epoch;
    v->flags |= IGI_TRACED;
}

static ig_status add_inputs(igi_trace_job *j, igi_recording *r, ig_value *const *in)
{
    for (int i = 0; i < j->n_in; i++) {
        ig_value_id id;
        IG_TRY(ig_graph_input_typed(r->g, j->o->inputs[i].name, &in[i]->type, &id));
        name_value(r, in[i], id);
    }
    r->n_in = j->n_in;
    for (size_t i = 0; j->state && i < j->state->tensors.n; i++) {
        ig_value_id id;
        ig_value *v = &j->state->tensors.p[i]->v;
        IG_TRY(ig_graph_input_typed(r->g, j->state->names.p[i], &v->type, &id));
        name_value(r, v, id);
    }
    return IG_OK;
}

/* "fc1.weight.next", in the order of the state's inputs. */
static ig_status add_next_state(igi_trace_job *j, igi_recording *r)
{
    for (size_t i = 0; i < j->state->tensors.n; i++) {
        igi_text name = {0};
        ig_value_id id = {j->state->tensors.p[i]->v.trace};
        igi_text_add(&name, "%s.next", j->state->names.p[i]);
        ig_status rc = name.p ? ig_graph_output(r->g, name.p, id) : IG_OUT_OF_MEMORY;
        igi_text_fini(&name);
        IG_TRY(rc);
    }
    return IG_OK;
}

static ig_status add_outputs(igi_trace_job *j, igi_recording *r)
{
    char made[32];
    for (int i = 0; i < j->n_out; i++) {
        ig_value_id id;
        if (!j->out[i])
            return ig_fail(IG_INVALID_ARGUMENT,
                           "the traced function gave no result number %d", i);
        IG_TRY(igi_trace_id(r, j->c, j->out[i], &id));
        const char *name = j->o->outputs[i];
        if (!name) {
            snprintf(made, sizeof(made), i ? "y%d" : "y", i);
            name = made;
        }
        IG_TRY(ig_graph_output(r->g, name, id));
    }
    return j->state ? add_next_state(j, r) : IG_OK;
}

/* `reads`: the values that the function reads decide about its path; NULL: they are
 * escapes. */
static ig_status
record_run(igi_trace_job *j, ig_value *const *in, igi_reads *reads, ig_graph **out)
{
    igi_recording r;
    ig_ctx *c = j->c;
    igi_recording_init(&r);
    r.reads = reads;
    IG_TRY(igi_graph_new(&r.g, j->o->name ? j->o->name : "trace", c->reg, NULL));
    ig_status rc = add_inputs(j, &r, in);
    c->trace = &r.sink;
    igi_recording_watch(&r);
    if (rc == IG_OK)
        rc = call_function(j, in);
    for (int i = 0; rc == IG_OK && i < j->n_out; i++)
        if (j->out[i])
            rc = igi_view_settle(c, NULL, "a traced result", j->out[i]);
    igi_recording_watch(NULL);
    c->trace = NULL;
    if (rc == IG_OK)
        rc = add_outputs(j, &r);
    ig_status again = j->state ? igi_trace_state_restore(j->state) : IG_OK;
    rc = rc == IG_OK ? again : rc;
    if (rc == IG_OK)
        rc = igi_ledger_check(&r);
    if (rc == IG_OK && r.notes.p)
        rc = igi_graph_add_meta(r.g, "trace.notes", r.notes.p);
    igi_recording_fini(&r);
    if (rc == IG_OK && !reads)
        (void)igi_graph_sweep(r.g);
    if (rc != IG_OK) {
        igi_graph_unref(r.g);
        r.g = NULL;
    }
    *out = r.g;
    return rc;
}

/* ---- inputs of other sizes ---- */

/* Contents of `src`, repeated or cut, in other dims: values do not matter, sizes do. */
static ig_status
resized(ig_ctx *c, const ig_tensor *src, const int64_t *dims, ig_tensor **out)
{
    ig_tensor *flat = NULL, *t = NULL;
    ig_dtype dtype = (ig_dtype)src->v.type.dtype;
    IG_TRY(igi_tensor_readable(&flat, src));
    ig_status rc = ig_tensor_new(&t, dtype, src->v.type.rank, dims);
    int64_t n = rc == IG_OK ? igi_tensor_count(t) : 0, have = igi_tensor_count(flat);
    const int64_t zero = 0, one = 1;
    for (int64_t i = 0; have > 0 && i < n; i++)
        igi_copy_nd(dtype, 1, &one, t->data, i, &zero, flat->data, i % have, &zero);
    ig_tensor_unref(flat);
    if (rc == IG_OK)
        rc = igi_scope_push(c, (ig_value *)t);
    *out = t;
    return rc;
}

static ig_status
inputs_at(igi_trace_job *j, const igi_dynamic *d, const int64_t *sizes, ig_value **in)
{
    for (int i = 0; i < j->n_in; i++) {
        int64_t dims[IG_RANK_MAX];
        ig_tensor *example = j->o->inputs[i].example, *t = NULL;
        if (!example)
            return ig_fail(IG_UNSUPPORTED,
                           "input %s is no tensor: dynamic dims need tensors",
                           j->o->inputs[i].name);
        memcpy(dims, ig_type_dims(&example->v.type),
               sizeof(int64_t) * (size_t)example->v.type.rank);
        for (size_t k = 0; k < d->dims.n; k++)
            if (d->dims.p[k].input == i)
                dims[d->dims.p[k].axis] = sizes[d->dims.p[k].symbol];
        IG_TRY(resized(j->c, example, dims, &t));
        in[i] = &t->v;
    }
    return IG_OK;
}

/* ---- the whole trace ---- */

/* The value under another header, which carries the identity in the trace. */
static ig_status alias_value(ig_ctx *c, ig_value *v, ig_value **out)
{
    if (v->type.kind == IG_KIND_TENSOR) {
        *out = (ig_value *)igi_alias(c, (ig_tensor *)v);
        return *out ? IG_OK : c->status;
    }
    int64_t n;
    ig_value **items = igi_value_items(v, &n);
    IG_TRY(igi_value_with(out, v, items, n));
    return igi_scope_push(c, *out);
}

static ig_status trace_fixed(igi_trace_job *j, ig_graph **out)
{
    ig_value *in[IG_TRACE_INPUTS_MAX];
    for (int i = 0; i < j->n_in; i++)
        IG_TRY(alias_value(j->c, example_of(j, i), &in[i]));
    return record_run(j, in, NULL, out);
}

/* ---- examples of several paths ---- */

static ig_status check_also(const igi_trace_job *j, int set)
{
    char a[160], b[160];
    for (int i = 0; i < j->n_in; i++) {
        const ig_tensor *first = j->o->inputs[i].example, *x = j->o->also[set][i];
        if (!first || !x)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "input %s has no tensor in set %d of further examples",
                           j->o->inputs[i].name, set);
        if (!igi_type_equal(&first->v.type, &x->v.type))
            return ig_fail(IG_INVALID_ARGUMENT,
                           "input %s is %s in set %d of further examples, and %s in "
                           "the first",
                           j->o->inputs[i].name,
                           igi_type_print(&x->v.type, NULL, a, sizeof(a)), set,
                           igi_type_print(&first->v.type, NULL, b, sizeof(b)));
    }
    return IG_OK;
}

static ig_status record_path(igi_trace_job *j, int set, igi_path *path)
{
    ig_value *in[IG_TRACE_INPUTS_MAX];
    ig_scope s = ig_scope_enter(j->c);
    ig_status rc = set < 0 ? IG_OK : check_also(j, set);
    for (int i = 0; rc == IG_OK && i < j->n_in; i++)
        rc = alias_value(j->c, set < 0 ? example_of(j, i) : &j->o->also[set][i]->v,
                         &in[i]);
    if (rc == IG_OK)
        rc = record_run(j, in, &path->reads, &path->g);
    ig_scope_leave(&s);
    return rc;
}

static ig_status trace_paths(igi_trace_job *j, const igi_dynamic *d, ig_graph **out)
{
    igi_path paths[IG_TRACE_PATHS_MAX + 1] = {{0}};
    ig_status rc = IG_OK;
    int n = 0;
    if (d->symbols.n || j->state)
        return ig_fail(IG_UNSUPPORTED, "examples of several paths (also) in a trace %s",
                       j->state ? "of a training step" : "at several sizes (dynamic)");
    do
        rc = record_path(j, n - 1, &paths[n]);
    while (rc == IG_OK && ++n <= IG_TRACE_PATHS_MAX && j->o->also[n - 1]);
    if (rc == IG_OK)
        rc = igi_trace_merge(out, paths, n);
    for (int k = 0; k <= IG_TRACE_PATHS_MAX; k++) {
        for (size_t i = 0; i < paths[k].reads.n; i++)
            igi_free(paths[k].reads.p[i].where);
        IGI_VEC_FREE(&paths[k].reads);
        igi_graph_unref(paths[k].g);
    }
    return rc;
}

/* ---- several sizes ---- */

/* Distinct primes, none 0 or 1, so that no size can pass for another. The last run
 * checks with sizes that 2, 3 and 4 divide: what C code makes of a remainder (padding
 * to an even size) is a number like others at odd sizes alone. */
static const int64_t primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31};
static const int64_t checks[] = {12, 24, 36, 48, 60};
#define SYMBOLS_MAX 5

static void choose_sizes(int run, int n_runs, int n_sym, int64_t *sizes)
{
    for (int s = 0; s < n_sym; s++)
        sizes[s] = run == n_runs - 1 ? checks[s] : primes[run == s + 1 ? s + n_sym : s];
}

static ig_status trace_dynamic(igi_trace_job *j, const igi_dynamic *d, ig_graph **out)
{
    int n_sym = (int)d->symbols.n, n_runs = n_sym + 2;
    int64_t store[SYMBOLS_MAX + 2][SYMBOLS_MAX], *sizes[SYMBOLS_MAX + 2] = {0};
    ig_graph *runs[SYMBOLS_MAX + 2] = {0};
    ig_status rc = IG_OK;
    if (n_sym > SYMBOLS_MAX)
        return ig_fail(IG_LIMIT, "at most %d dynamic dims can be traced", SYMBOLS_MAX);
    for (int r = 0; rc == IG_OK && r < n_runs; r++) {
        ig_value *in[IG_TRACE_INPUTS_MAX];
        ig_scope s = ig_scope_enter(j->c);
        sizes[r] = store[r];
        choose_sizes(r, n_runs, n_sym, sizes[r]);
        rc = inputs_at(j, d, sizes[r], in);
        if (rc == IG_OK)
            rc = record_run(j, in, NULL, &runs[r]);
        ig_scope_leave(&s);
    }
    if (rc == IG_OK)
        rc = igi_trace_join(out, runs, n_runs, sizes, d);
    for (int r = 0; r < n_runs; r++)
        igi_graph_unref(runs[r]);
    return rc;
}

static ig_status add_vector(ig_graph *g, const ig_value *v)
{
    ig_value *copy = NULL;
    if (!v)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the traced function gave no result the second time");
    if (!IGI_RESERVE(&g->self_test, g->self_test.n + 1))
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_value_copy(&copy, v));
    g->self_test.p[g->self_test.n++] = igi_value_share(copy);
    return IG_OK;
}

/* Runs the function once more, untraced, on the examples; the vectors go into the file.
 */
static ig_status add_self_test(igi_trace_job *j, ig_graph *g)
{
    ig_value *in[IG_TRACE_INPUTS_MAX];
    size_t n_state = j->state ? j->state->tensors.n : 0;
    if (j->o->no_self_test || !g)
        return IG_OK;
    for (int i = 0; i < j->n_in; i++) {
        in[i] = example_of(j, i);
        IG_TRY(add_vector(g, in[i]));
    }
    for (size_t i = 0; i < n_state; i++)
        IG_TRY(add_vector(g, &j->state->tensors.p[i]->v));
    ig_status rc = call_function(j, in);
    for (int i = 0; rc == IG_OK && i < j->n_out; i++)
        rc = add_vector(g, j->out[i]);
    for (size_t i = 0; rc == IG_OK && i < n_state; i++)
        rc = add_vector(g, &j->state->tensors.p[i]->v);
    ig_status again = j->state ? igi_trace_state_restore(j->state) : IG_OK;
    return rc == IG_OK ? again : rc;
}

static ig_status run_trace(igi_trace_job *j, ig_graph **out)
{
    igi_dynamic d = {0};
    for (; j->n_in < IG_TRACE_INPUTS_MAX && j->o->inputs[j->n_in].name; j->n_in++)
        if (!example_of(j, j->n_in))
            return ig_fail(IG_INVALID_ARGUMENT, "input %s has no example",
                           j->o->inputs[j->n_in].name);
    if (j->c->trace)
        return ig_fail(IG_INVALID_ARGUMENT, "a trace runs inside a trace");
    ig_grad_mode mode = ig_grad_mode_set(j->c, j->state != NULL);
    ig_status rc = igi_dynamic_parse(&d, j->o, j->n_in);
    if (rc == IG_OK)
        rc = j->o->also[0] ? trace_paths(j, &d, out)
             : d.symbols.n ? trace_dynamic(j, &d, out)
                           : trace_fixed(j, out);
    if (rc == IG_OK)
        rc = add_self_test(j, *out);
    ig_grad_mode_restore(&mode);
    igi_dynamic_fini(&d);
    return rc;
}

ig_graph *igi_trace(const char *where, igi_trace_job *j)
{
    ig_graph *g = NULL;
    ig_ctx *c = j->c;
    if (c->status != IG_OK)
        return NULL;
    if ((!j->fn && !j->fn_n && !j->fn_values) || !j->o) {
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "a trace needs a function and example inputs");
        return NULL;
    }
    ig_scope s = ig_scope_enter(c);
    ig_status rc = run_trace(j, &g);
    ig_scope_leave(&s);
    if (rc == IG_OK)
        return g;
    igi_graph_unref(g);
    (void)igi_ctx_record(c, where, rc);
    return NULL;
}

ig_graph *ig_trace_at(
    const char *where, ig_ctx *c, ig_trace_fn fn, void *user, const ig_trace_opts *opts)
{
    igi_trace_job j = {.c = c, .fn = fn, .user = user, .o = opts, .n_out = 1};
    return igi_trace(where, &j);
}

static ig_graph *trace_several(const char *where, igi_trace_job *j)
{
    if (j->c->status == IG_OK && (j->n_out < 1 || j->n_out > IG_TRACE_INPUTS_MAX)) {
        (void)ig_ctx_fail(j->c, where, IG_LIMIT, "a trace has 1 to %d results",
                          IG_TRACE_INPUTS_MAX);
        return NULL;
    }
    return igi_trace(where, j);
}

ig_graph *ig_trace_n_at(const char *where,
                        ig_ctx *c,
                        ig_trace_fn_n fn,
                        void *user,
                        int n_out,
                        const ig_trace_opts *opts)
{
    igi_trace_job j = {.c = c, .fn_n = fn, .user = user, .o = opts, .n_out = n_out};
    return trace_several(where, &j);
}

ig_graph *ig_trace_values_at(const char *where,
                             ig_ctx *c,
                             ig_trace_fn_values fn,
                             void *user,
                             int n_out,
                             const ig_trace_opts *opts)
{
    igi_trace_job j = {
        .c = c, .fn_values = fn, .user = user, .o = opts, .n_out = n_out};
    return trace_several(where, &j);
}

double ig_item_constant_at(const char *where, ig_ctx *c, ig_tensor *t)
{
    igi_sink *active = c->trace;
    c->trace = NULL; /* accepted: no entry in the ledger */
    double v = ig_item_at(where, c, t);
    c->trace = active;
    return v;
}
