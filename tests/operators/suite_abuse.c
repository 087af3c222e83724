/* Calls that are wrong, for every operator: inputs that are missing or of another type
 * or shape, integers and attributes out of range.
 *
 * Each must end in an error with a message, or run; then the default kernel, the
 * reference and a compiled net agree. Nothing may be written outside the outputs. */
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/ir/attr.h"
#include "tests/operators/suite_list.h"
#include "tests/operators/try_call.h"
#include "tools/suite/suite.h"

/* The call as it stands now, in all ways. */
static void try_call(const suite_case *c, const char *what)
{
    (void)suite_try_call(
        c, what, &(try_ways){.threads = 1, .level = 2, .constants = SUITE_VALUES});
}

/* ---- wrong inputs ---- */

static const double extremes[] = {-1,
                                  0,
                                  1,
                                  3,
                                  100,
                                  -100,
                                  2147483648.0,
                                  -9223372036854775808.0,
                                  9223372036854774784.0};
#define EXTREMES ((int)(sizeof(extremes) / sizeof(extremes[0])))

static ig_tensor *shaped(ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    if (ig_tensor_new(&t, dtype, rank, dims) != IG_OK)
        return NULL;
    for (int64_t i = 0; dtype != IG_STRING && i < igi_tensor_count(t); i++)
        igi_put_f64(dtype, t->data, i, (double)(i % 3));
    return t;
}

/* Tries the call with `t` (taken over) as input i. */
static void try_input(suite_case *c, int i, ig_tensor *t, const char *what)
{
    ig_value *kept = c->in[i];
    char text[96];
    snprintf(text, sizeof(text), "input %d %s", i, what);
    c->in[i] = (ig_value *)t;
    try_call(c, text);
    ig_tensor_unref(t);
    c->in[i] = kept;
}

static void wrong_shapes(suite_case *c, int i)
{
    const ig_type *t = &c->in[i]->type;
    int64_t dims[10] = {1};
    memcpy(dims + 1, ig_type_dims(t), (size_t)t->rank * sizeof(*dims));
    ig_dtype d = (ig_dtype)t->dtype;
    try_input(c, i, shaped(d, t->rank + 1, dims), "with one axis more");
    if (t->rank)
        try_input(c, i, shaped(d, t->rank - 1, dims + 2), "with one axis less");
    for (int k = 1; k <= t->rank; k++) {
        int64_t kept = dims[k];
        dims[k] = kept + 1;
        try_input(c, i, shaped(d, t->rank, dims + 1), "with a dim one larger");
        dims[k] = 0;
        try_input(c, i, shaped(d, t->rank, dims + 1), "with an empty dim");
        dims[k] = 1;
        try_input(c, i, shaped(d, t->rank, dims + 1), "with a dim of 1");
        dims[k] = kept;
    }
}

static void wrong_types(suite_case *c, int i)
{
    static const ig_dtype other[] = {IG_FLOAT32, IG_FLOAT64, IG_INT32, IG_INT64,
                                     IG_BOOL,    IG_STRING,  IG_INT4};
    const ig_type *t = &c->in[i]->type;
    for (size_t k = 0; k < sizeof(other) / sizeof(other[0]); k++)
        if (other[k] != t->dtype)
            try_input(c, i, shaped(other[k], t->rank, ig_type_dims(t)),
                      ig_dtype_name(other[k]));
}

static void wrong_integers(suite_case *c, int i)
{
    const ig_tensor *x = suite_tensor(c, i);
    int64_t n = igi_tensor_count(x);
    ig_dtype d = (ig_dtype)x->v.type.dtype;
    if (d != IG_INT64 && d != IG_INT32)
        return;
    for (int64_t k = 0; k < n && k < 4; k++) {
        for (int e = 0; e < EXTREMES; e++) {
            char what[64];
            ig_tensor *t = suite_copy(x, 0);
            igi_put_f64(d, t->data, k, extremes[e]);
            snprintf(what, sizeof(what), "with element %lld = %g", (long long)k,
                     extremes[e]);
            try_input(c, i, t, what);
        }
    }
}

/* ---- wrong attributes ---- */

static void
wrong_numbers(suite_case *c, const ig_attr_def *a, void *at, const char *what)
{
    (void)a;
    int64_t *v = at, kept = *v;
    for (int e = 0; e < EXTREMES; e++) {
        *v = (int64_t)extremes[e];
        try_call(c, what);
    }
    *v = kept;
}

static void wrong_list(suite_case *c, void *at, const char *what)
{
    ig_ints *list = at, kept = *list;
    int64_t v[16];
    int64_t n = kept.v && kept.n < 15 ? kept.n : 0;
    memset(v, 0, sizeof(v));
    if (n)
        memcpy(v, kept.v, (size_t)n * sizeof(*v));
    for (int64_t m = n ? n - 1 : 0; m <= n + 1; m++) {
        *list = (ig_ints){m, v};
        try_call(c, what);
    }
    *list = (ig_ints){n ? n : 2, v};
    for (int64_t k = 0; k < list->n && k < 4; k++) {
        int64_t was = v[k];
        for (int e = 0; e < EXTREMES; e++) {
            v[k] = (int64_t)extremes[e];
            try_call(c, what);
        }
        v[k] = was;
    }
    *list = kept;
}

static void wrong_attributes(suite_case *c)
{
    _Alignas(16) char attrs[512];
    const ig_op_def *def = c->op->def;
    const void *kept = c->call.attrs;
    if (!def->attrs || def->attrs_size > sizeof(attrs))
        return;
    if (kept)
        memcpy(attrs, kept, def->attrs_size);
    else
        igi_attrs_init(def, attrs);
    c->call.attrs = attrs;
    for (const ig_attr_def *a = def->attrs; a->name; a++) {
        char what[96];
        void *at = igi_attr_at(a, attrs);
        snprintf(what, sizeof(what), "attribute %s", a->name);
        if (a->kind == IG_A_INT || a->kind == IG_A_ENUM || a->kind == IG_A_DTYPE)
            wrong_numbers(c, a, at, what);
        if (a->kind == IG_A_INTS)
            wrong_list(c, at, what);
    }
    c->call.attrs = kept;
}

/* ---- one operator ---- */

static void abuse(suite_case *c)
{
    for (int i = 0; i < c->call.n_in; i++) {
        if (!c->in[i])
            continue;
        try_input(c, i, NULL, "missing");
        if (!suite_tensor(c, i)) {
            try_input(c, i, shaped(c->dtype, 0, NULL), "a tensor");
            continue;
        }
        wrong_shapes(c, i);
        wrong_types(c, i);
        wrong_integers(c, i);
    }
    int n = c->call.n_in;
    int captures = c->call.n_captures;
    for (c->call.n_in = 0; c->call.n_in < n; c->call.n_in++) {
        c->call.n_captures = captures < c->call.n_in ? captures : c->call.n_in;
        try_call(c, "fewer inputs");
    }
    c->call.n_captures = captures;
    wrong_attributes(c);
}

static ig_dtype first_type(const igi_op *op, const ig_sample *s)
{
    uint64_t types = suite_dtypes(op, s);
    return types & IG_T(FLOAT32) ? IG_FLOAT32 : (ig_dtype)__builtin_ctzll(types);
}

static void operator_refuses_or_survives_wrong_calls(void **state)
{
    const igi_op *op = *state;
    suite_failures_reset();
    for (int s = 0; op->def->samples && op->def->samples[s].name; s++) {
        suite_case c;
        if (!op->def->types)
            continue;
        if (suite_case_make(&c, op, s, first_type(op, &op->def->samples[s])))
            abuse(&c);
        suite_case_free(&c);
    }
    assert_int_equal(suite_failures(), 0);
}

const struct CMUnitTest *igi_tests_get(size_t *count)
{
    return suite_tests(operator_refuses_or_survives_wrong_calls, count);
}
