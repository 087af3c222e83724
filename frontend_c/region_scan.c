/* ig_scan: a function over the slices of tensors. */
#include <inttypes.h>

#include <ingot/ops.h>

#include "frontend_c/region.h"
#include "frontend_c/wrap.h"
#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/ir/attr.h"

typedef struct scan_call {
    const char *where;
    ig_ctx *c;
    ig_scan_fn fn;
    const ig_scan_args *a;
    void *user;
    int64_t length;
} scan_call;

/* ---- checks ---- */

/* The number of slices, the same for all inputs. */
static ig_status check_inputs(scan_call *s)
{
    for (int i = 0; i < s->a->n_in; i++) {
        const ig_tensor *x = s->a->in[i];
        char text[160];
        if (!x)
            return ig_fail(IG_INVALID_ARGUMENT, "input %d of a scan is NULL", i);
        int64_t n = ig_tensor_dim(x, s->a->axis);
        if (n < 0)
            return ig_fail(IG_INVALID_ARGUMENT, "input %d of a scan is %s: no axis %d",
                           i, igi_type_print(&x->v.type, NULL, text, sizeof(text)),
                           s->a->axis);
        if (i && n != s->length)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "input %d of a scan has %" PRId64
                           " slices along axis %d, input 0 has %" PRId64,
                           i, n, s->a->axis, s->length);
        s->length = n;
    }
    return IG_OK;
}

static ig_status check_call(scan_call *s)
{
    const ig_scan_args *a = s->a;
    IG_TRY(igi_check_ports(a->n_in, 1, "inputs of a scan"));
    IG_TRY(igi_check_ports(a->n_state, 0, "states of a scan"));
    IG_TRY(igi_check_ports(a->n_out, a->n_state ? 0 : 1, "results of a scan"));
    for (int i = 0; i < a->n_state; i++)
        if (!a->state[i])
            return ig_fail(IG_INVALID_ARGUMENT, "state %d of a scan is NULL", i);
    return check_inputs(s);
}

/* What a slice gave: states keep their types, which Scan's inference relies on. */
static ig_status
check_slice(const scan_call *s, ig_tensor *const *next, ig_tensor *const *result)
{
    char a[160], b[160];
    for (int i = 0; i < s->a->n_state; i++) {
        const ig_tensor *old = s->a->state[i];
        if (!next[i])
            return ig_fail(IG_INVALID_ARGUMENT, "a scan gave no state number %d", i);
        if (!igi_type_equal(&old->v.type, &next[i]->v.type))
            return ig_fail(IG_INVALID_ARGUMENT,
                           "state %d of a scan becomes %s from %s: a state keeps its "
                           "type",
                           i, igi_type_print(&next[i]->v.type, NULL, a, sizeof(a)),
                           igi_type_print(&old->v.type, NULL, b, sizeof(b)));
    }
    for (int o = 0; o < s->a->n_out; o++)
        if (!result[o])
            return ig_fail(IG_INVALID_ARGUMENT, "a scan gave no result number %d", o);
    return IG_OK;
}

/* ---- eager ---- */

/* Pieces at a time: Split and Concat have so many ports at most. The gradient of a
 * Split is one Concat, where that of single slices would be as many whole tensors. */
enum { BLOCK = IG_PORTS_MAX / 2 };

/* The slices of x, which keep the axis with size 1. */
static ig_status split(const scan_call *s, ig_tensor *x, ig_tensor **items)
{
    ig_split_opts o = IG_SPLIT_OPTS_INIT;
    o.axis = s->a->axis;
    for (int64_t at = 0; at < s->length; at += BLOCK) {
        int64_t n = s->length - at < BLOCK ? s->length - at : BLOCK;
        ig_tensor *part =
            n == s->length ? x : ig_slice_at(s->where, s->c, x, o.axis, at, at + n, 1);
        o.num_outputs = n;
        IG_TRY(ig_op_split_at(s->where, s->c, part, NULL, &o, items + at, (int)n));
    }
    return IG_OK;
}

/* Results, each with a new axis already, as one. */
static ig_tensor *join(const scan_call *s, ig_tensor **results)
{
    int64_t n = s->length;
    while (n > 1) {
        int64_t made = 0;
        for (int64_t at = 0; at < n; at += BLOCK) {
            int64_t k = n - at < BLOCK ? n - at : BLOCK;
            results[made++] =
                ig_cat_at(s->where, s->c, results + at, (int)k, s->a->axis);
        }
        n = made;
    }
    return results[0];
}

static ig_status
run_slice(const scan_call *s, ig_tensor *const *items, ig_tensor **results, int64_t t)
{
    ig_tensor *item[IG_TRACE_INPUTS_MAX], *next[IG_TRACE_INPUTS_MAX] = {0},
                                          *result[IG_TRACE_INPUTS_MAX] = {0};
    for (int i = 0; i < s->a->n_in; i++)
        item[i] = ig_squeeze_at(s->where, s->c, items[i * s->length + t], s->a->axis);
    IG_TRY(s->c->status);
    igi_error_clear();
    IG_TRY(igi_answer(s->c, s->fn(s->c, s->a->state, item, next, result, s->user)));
    IG_TRY(check_slice(s, next, result));
    for (int i = 0; i < s->a->n_state; i++)
        s->a->state[i] = next[i];
    for (int o = 0; o < s->a->n_out; o++)
        results[o * s->length + t] =
            ig_unsqueeze_at(s->where, s->c, result[o], s->a->axis);
    return s->c->status;
}

static ig_status eager_scan(const scan_call *s)
{
    int n_in = s->a->n_in, n_out = s->a->n_out;
    size_t n;
    if (!igi_mul_size((size_t)n_in + (size_t)n_out, (size_t)s->length, &n))
        return IG_OUT_OF_MEMORY;
    ig_tensor **all = igi_alloc_array(n, sizeof(*all));
    if (!all)
        return IG_OUT_OF_MEMORY;
    ig_tensor **results = all + n_in * s->length;
    ig_status rc = IG_OK;
    for (int i = 0; rc == IG_OK && i < n_in; i++)
        rc = split(s, s->a->in[i], all + i * s->length);
    for (int64_t k = 0; rc == IG_OK && k < s->length; k++)
        rc = run_slice(s, all, results, s->a->reverse ? s->length - 1 - k : k);
    for (int o = 0; rc == IG_OK && o < n_out; o++)
        s->a->out[o] = join(s, results + o * s->length);
    igi_free(all);
    return rc == IG_OK ? s->c->status : rc;
}

/* ---- one body: in a trace, and for no slice at all ---- */

/* A slice for the body to be recorded with: the first that runs, or zeros. */
static ig_status example(const scan_call *s, ig_tensor *x, ig_tensor **out)
{
    int64_t dims[IG_RANK_MAX], at = s->a->reverse ? s->length - 1 : 0;
    int rank = x->v.type.rank, axis = s->a->axis + (s->a->axis < 0 ? rank : 0);
    igi_sink *active = s->c->trace;
    s->c->trace = NULL; /* no call of the function */
    if (s->length > 0)
        *out = ig_squeeze(s->c, ig_slice(s->c, x, axis, at, at + 1, 1), axis);
    else {
        for (int d = 0; d + 1 < rank; d++)
            dims[d] = ig_type_dims(&x->v.type)[d < axis ? d : d + 1];
        *out = ig_zeros(s->c, (ig_dtype)x->v.type.dtype, (ig_shape){rank - 1, dims});
    }
    s->c->trace = active;
    return s->c->status;
}

static ig_status record_slice(const scan_call *s, igi_recording *r)
{
    ig_tensor *state[IG_TRACE_INPUTS_MAX], *item[IG_TRACE_INPUTS_MAX],
        *next[IG_TRACE_INPUTS_MAX] = {0}, *result[IG_TRACE_INPUTS_MAX] = {0};
    for (int i = 0; i < s->a->n_state; i++)
        IG_TRY(igi_body_input(r, s->a->state[i], NULL, &state[i]));
    for (int i = 0; i < s->a->n_in; i++) {
        IG_TRY(example(s, s->a->in[i], &item[i]));
        IG_TRY(igi_body_input(r, item[i], NULL, &item[i]));
    }
    ig_status rc = igi_body_begin(r);
    if (rc == IG_OK) {
        igi_error_clear();
        rc = igi_answer(s->c, s->fn(s->c, state, item, next, result, s->user));
    }
    if (rc == IG_OK)
        rc = check_slice(s, next, result);
    if (rc == IG_OK)
        rc = igi_body_outputs(r, next, s->a->n_state);
    if (rc == IG_OK)
        rc = igi_body_outputs(r, result, s->a->n_out);
    igi_body_end(r);
    return rc;
}

static ig_status fill_attrs(const scan_call *s, igi_arena *a, const igi_op *op, void *o)
{
    static const char *const lists[] = {"scan_input_axes", "scan_output_axes",
                                        "scan_input_directions",
                                        "scan_output_directions"};
    int64_t v[IG_TRACE_INPUTS_MAX] = {0};
    igi_attrs_init(op->def, o);
    IG_TRY(igi_attrs_set_int(op->def, o, "num_scan_inputs", s->a->n_in));
    for (int k = 0; k < 4; k++) {
        int n = k % 2 ? s->a->n_out : s->a->n_in;
        for (int i = 0; i < n; i++)
            v[i] = k < 2 ? s->a->axis : s->a->reverse;
        if (n && v[0])
            IG_TRY(igi_attrs_set_ints(a, op->def, o, lists[k], v, n));
    }
    return IG_OK;
}

static ig_status call_scan(const scan_call *s, igi_bodies *b, ig_graph *body)
{
    ig_value *in[IG_PORTS_MAX] = {0};
    ig_tensor *out[2 * IG_TRACE_INPUTS_MAX] = {0};
    _Alignas(16) char attrs[160];
    int n_state = s->a->n_state;
    igi_arena lists = {0};
    const igi_op *op = igi_registry_find_full(s->c->reg, "Scan");
    for (int i = 0; i < n_state; i++)
        in[i] = (ig_value *)s->a->state[i];
    for (int i = 0; i < s->a->n_in; i++)
        in[n_state + i] = (ig_value *)s->a->in[i];
    ig_status rc = fill_attrs(s, &lists, op, attrs);
    if (rc == IG_OK)
        rc = igi_region_dispatch(b, &(igi_region_call){s->where, op, attrs, &body, 1,
                                                       in, n_state + s->a->n_in, out,
                                                       n_state + s->a->n_out});
    igi_arena_fini(&lists);
    for (int i = 0; rc == IG_OK && i < n_state; i++)
        s->a->state[i] = out[i];
    for (int o = 0; rc == IG_OK && o < s->a->n_out; o++)
        s->a->out[o] = out[n_state + o];
    return rc;
}

static ig_status record_scan(const scan_call *s)
{
    ig_ctx *c = s->c;
    igi_bodies b = {
        .c = c, .outer = c->trace, .n_formal = (size_t)(s->a->n_state + s->a->n_in)};
    igi_recording r, *from = &r;
    const char *name = "scan";
    ig_grad_mode mode = ig_grad_mode_set(c, false);
    ig_status rc = igi_body_new(&r, &b, name);
    ig_scope scope = ig_scope_enter(c);
    if (rc == IG_OK)
        rc = record_slice(s, &r);
    ig_scope_leave(&scope);
    ig_grad_mode_restore(&mode);
    if (b.outer)
        igi_ledger_merge((igi_recording *)b.outer, &from, &name, 1);
    if (rc == IG_OK)
        rc = call_scan(s, &b, r.g);
    igi_graph_unref(r.g);
    igi_recording_fini(&r);
    igi_bodies_fini(&b);
    return rc;
}

ig_status ig_scan_at(
    const char *where, ig_ctx *c, ig_scan_fn fn, const ig_scan_args *args, void *user)
{
    scan_call s = {where, c, fn, args, user, 0};
    if (igi_misses(c, where, "the body of a scan", (const void *)(uintptr_t)fn) ||
        igi_misses(c, where, "the list of arguments of a scan", args))
        return c->status;
    ig_status rc = check_call(&s);
    if (rc == IG_OK)
        rc = c->trace || s.length == 0 ? record_scan(&s) : eager_scan(&s);
    return c->status != IG_OK ? c->status : igi_ctx_record(c, where, rc);
}
