/* Comparison of values; see compare.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/tensor.h"
#include "tools/compare.h"

static void differ(compare_result *r, const char *text)
{
    r->mismatches++;
    if (!r->text[0])
        (void)snprintf(r->text, sizeof(r->text), "%.399s", text);
}

/* "[1,2,3]" of element i. */
static void index_text(const ig_tensor *t, int64_t i, char *buf, size_t size)
{
    int rank = ig_tensor_rank(t);
    size_t at = 0;
    int64_t below = ig_tensor_numel(t);
    buf[at++] = '[';
    for (int k = 0; k < rank && at + 24 < size; k++) {
        below /= ig_tensor_dims(t)[k];
        at += (size_t)snprintf(buf + at, size - at, "%s%" PRId64, k ? "," : "",
                               i / below);
        i %= below;
    }
    (void)snprintf(buf + at, size - at, "]");
}

typedef struct sums {
    double gg, ww, gw;
} sums;

/* Whether one pair of numbers agrees; keeps the statistics. */
static bool
number_agrees(double g, double w, const compare_opts *o, compare_result *r, sums *s)
{
    if (isnan(g) || isnan(w))
        return isnan(g) && isnan(w);
    if (isinf(g) || isinf(w))
        return g == w;
    double d = fabs(g - w);
    r->max_abs = d > r->max_abs ? d : r->max_abs;
    if (w != 0 && d / fabs(w) > r->max_rel)
        r->max_rel = d / fabs(w);
    s->gg += g * g;
    s->ww += w * w;
    s->gw += g * w;
    return d <= o->atol + o->rtol * fabs(w);
}

/* Number `part` (1: imaginary) of element i. */
static double number_at(const ig_tensor *t, int64_t i, int part)
{
    ig_dtype dtype = ig_tensor_dtype(t);
    const void *p = ig_tensor_data(t);
    if (dtype == IG_COMPLEX64)
        return (double)((const float *)p)[2 * i + part];
    if (dtype == IG_COMPLEX128)
        return ((const double *)p)[2 * i + part];
    return igi_get_f64(dtype, p, i);
}

/* 64-bit integers beyond 2^53 would look equal as doubles; they must be equal then. */
static bool wide_equal(const ig_tensor *a, const ig_tensor *b, int64_t i)
{
    ig_dtype dtype = ig_tensor_dtype(a);
    if (dtype != IG_INT64 && dtype != IG_UINT64)
        return true;
    uint64_t x = ((const uint64_t *)ig_tensor_data(a))[i];
    uint64_t y = ((const uint64_t *)ig_tensor_data(b))[i];
    double small = 9007199254740992.0;
    return x == y || fabs(number_at(a, i, 0)) < small;
}

static void numbers(const ig_tensor *g,
                    const ig_tensor *w,
                    const compare_opts *o,
                    compare_result *r)
{
    int parts =
        ig_tensor_dtype(w) == IG_COMPLEX64 || ig_tensor_dtype(w) == IG_COMPLEX128 ? 2
                                                                                  : 1;
    int64_t n = ig_tensor_numel(w);
    sums s = {0};
    for (int64_t i = 0; i < n; i++) {
        bool agrees = wide_equal(g, w, i);
        for (int part = 0; part < parts; part++)
            agrees &=
                number_agrees(number_at(g, i, part), number_at(w, i, part), o, r, &s);
        if (agrees)
            continue;
        char at[200], text[360];
        index_text(w, i, at, sizeof(at));
        (void)snprintf(text, sizeof(text), "at %s got %.9g, expected %.9g", at,
                       number_at(g, i, 0), number_at(w, i, 0));
        differ(r, text);
    }
    r->cosine = s.gg > 0 && s.ww > 0 ? s.gw / sqrt(s.gg) / sqrt(s.ww) : s.gg == s.ww;
}

static void strings(const ig_tensor *g, const ig_tensor *w, compare_result *r)
{
    for (int64_t i = 0; i < ig_tensor_numel(w); i++) {
        const char *a = ig_tensor_string(g, i), *b = ig_tensor_string(w, i);
        char at[200], text[400];
        if (a && b && strcmp(a, b) == 0)
            continue;
        index_text(w, i, at, sizeof(at));
        (void)snprintf(text, sizeof(text), "at %s got \"%.60s\", expected \"%.60s\"",
                       at, a ? a : "", b ? b : "");
        differ(r, text);
    }
}

static void
tensors(ig_tensor *g, ig_tensor *w, const compare_opts *o, compare_result *r)
{
    char a[200], b[200], text[430];
    if (!igi_type_equal(&g->v.type, &w->v.type)) {
        (void)snprintf(text, sizeof(text), "got %s, expected %s",
                       igi_type_print(&g->v.type, NULL, a, sizeof(a)),
                       igi_type_print(&w->v.type, NULL, b, sizeof(b)));
        differ(r, text);
        return;
    }
    r->count += ig_tensor_numel(w);
    if (o->types_only)
        return;
    if (ig_tensor_dtype(w) == IG_STRING)
        strings(g, w, r);
    else
        numbers(g, w, o, r);
}

/* Contiguous forms; a reference of their own each. */
static bool dense(ig_tensor *t, ig_tensor **out, compare_result *r)
{
    if (ig_tensor_is_contiguous(t)) {
        *out = ig_tensor_ref(t);
        return true;
    }
    if (igi_tensor_contiguous_copy(out, NULL, t) == IG_OK)
        return true;
    differ(r, ig_error_message());
    return false;
}

static void compare(
    ig_value *got, ig_value *want, const compare_opts *o, compare_result *r, int depth);

/* The item of g for item i of w: at the same place, of maps by the same key. */
static ig_value *partner(const ig_value *g, const ig_value *w, int64_t i)
{
    if (w->type.kind != IG_KIND_MAP)
        return ig_value_item(g, i);
    const ig_tensor *keys = ig_map_keys(w);
    if (g->type.dtype != w->type.dtype)
        return NULL;
    return ig_tensor_dtype(keys) == IG_STRING
               ? ig_map_get_string(g, ig_tensor_string(keys, i))
               : ig_map_get(g, igi_get_i64(ig_tensor_dtype(keys), keys->data, i));
}

static void items(const ig_value *g,
                  const ig_value *w,
                  const compare_opts *o,
                  compare_result *r,
                  int depth)
{
    char text[100];
    const char *kind = w->type.kind == IG_KIND_MAP ? "map" : "sequence";
    if (ig_value_size(g) != ig_value_size(w)) {
        (void)snprintf(text, sizeof(text),
                       "got a %s of %" PRId64 " items, expected %" PRId64, kind,
                       ig_value_size(g), ig_value_size(w));
        differ(r, text);
        return;
    }
    for (int64_t i = 0; i < ig_value_size(w) && !r->mismatches; i++) {
        ig_value *have = partner(g, w, i);
        if (have) {
            compare(have, ig_value_item(w, i), o, r, depth + 1);
            continue;
        }
        (void)snprintf(text, sizeof(text), "key number %" PRId64 " is not there", i);
        differ(r, text);
    }
}

/* Depth is bounded by the types of values (IGI_NEST_MAX). */
static void compare(
    ig_value *got, ig_value *want, const compare_opts *o, compare_result *r, int depth)
{
    static const char *const kinds[] = {"a tensor", "a sequence", "an optional",
                                        "a map", "a sparse tensor"};
    ig_kind kind = ig_value_kind(want);
    if (ig_value_kind(got) != kind || depth > IGI_NEST_MAX) {
        char text[100];
        (void)snprintf(text, sizeof(text), "got %s, expected %s",
                       kinds[ig_value_kind(got)], kinds[kind]);
        differ(r, text);
    } else if (kind == IG_KIND_TENSOR) {
        ig_tensor *g = NULL, *w = NULL;
        if (dense(ig_value_tensor(got), &g, r) && dense(ig_value_tensor(want), &w, r))
            tensors(g, w, o, r);
        ig_tensor_unref(g);
        ig_tensor_unref(w);
    } else if (kind == IG_KIND_SEQUENCE || kind == IG_KIND_MAP) {
        items(got, want, o, r, depth);
    } else if (kind == IG_KIND_OPTIONAL) {
        ig_value *g = ((igi_optional *)got)->item, *w = ((igi_optional *)want)->item;
        if (!g != !w)
            differ(r, g ? "got a value, expected an empty optional"
                        : "got an empty optional, expected a value");
        else if (g)
            compare(g, w, o, r, depth + 1);
    } else {
        differ(r, "values of this kind cannot be compared");
    }
}

bool compare_values(ig_value *got,
                    ig_value *want,
                    const compare_opts *o,
                    compare_result *r)
{
    *r = (compare_result){.cosine = 1};
    compare(got, want, o, r, 0);
    return r->mismatches == 0;
}
