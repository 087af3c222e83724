/* Values as text; see print.h. */
#include "tools/print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/file.h"
#include "graph/core/tensor.h"
#include "graph/core/vec.h"

#define EDGE 4 /* elements shown at each end */

void print_type(igi_text *t, const ig_type *type, const ig_symtab *syms)
{
    char text[600];
    igi_text_add(t, "%s", igi_type_print(type, syms, text, sizeof(text)));
}

void print_element(igi_text *t, const ig_tensor *x, int64_t i)
{
    ig_dtype dtype = ig_tensor_dtype(x);
    const void *p = ig_tensor_data(x);
    if (dtype == IG_STRING) {
        igi_text_add(t, "\"%s\"", ig_tensor_string(x, i));
    } else if (dtype == IG_BOOL) {
        igi_text_add(t, "%s", igi_get_i64(dtype, p, i) ? "true" : "false");
    } else if (dtype == IG_UINT64) {
        igi_text_add(t, "%" PRIu64, ((const uint64_t *)p)[i]);
    } else if (igi_dtype_is_int(dtype)) {
        igi_text_add(t, "%" PRId64, igi_get_i64(dtype, p, i));
    } else if (dtype == IG_COMPLEX64) {
        igi_text_add(t, "%g%+gi", (double)((const float *)p)[2 * i],
                     (double)((const float *)p)[2 * i + 1]);
    } else if (dtype == IG_COMPLEX128) {
        igi_text_add(t, "%g%+gi", ((const double *)p)[2 * i],
                     ((const double *)p)[2 * i + 1]);
    } else {
        igi_text_add(t, "%.6g", igi_get_f64(dtype, p, i));
    }
}

/* "[1 2 ... 9]" */
static void elements(igi_text *t, ig_tensor *x)
{
    ig_tensor *own = NULL;
    if (!ig_tensor_is_contiguous(x)) {
        if (igi_tensor_contiguous_copy(&own, NULL, x) != IG_OK)
            return;
        x = own;
    }
    int64_t n = ig_tensor_numel(x);
    igi_text_add(t, "[");
    for (int64_t i = 0; i < n; i++) {
        if (n > 3 * EDGE && i == EDGE) {
            igi_text_add(t, " ...");
            i = n - EDGE;
        }
        igi_text_add(t, i ? " " : "");
        print_element(t, x, i);
    }
    igi_text_add(t, "]");
    ig_tensor_unref(own);
}

/* A value on one line; nested IGI_NEST_MAX deep at most. */
static void one_line(igi_text *t, ig_value *v)
{
    ig_tensor *x = ig_value_tensor(v), *keys = ig_map_keys(v);
    if (x && ig_tensor_rank(x) == 0) {
        print_element(t, x, 0);
        return;
    }
    if (x) {
        elements(t, x);
        return;
    }
    igi_text_add(t, keys ? "{" : "(");
    for (int64_t i = 0; i < ig_value_size(v); i++) {
        igi_text_add(t, i ? ", " : "");
        if (i == 2 * EDGE) {
            igi_text_add(t, "...");
            break;
        }
        if (keys) {
            print_element(t, keys, i);
            igi_text_add(t, ": ");
        }
        one_line(t, ig_value_item(v, i));
    }
    igi_text_add(t, keys ? "}" : ")");
}

void print_value(igi_text *t, const char *name, ig_value *v)
{
    igi_text_add(t, "%s: ", name);
    print_type(t, &v->type, NULL);
    while (ig_value_kind(v) == IG_KIND_OPTIONAL && ((igi_optional *)v)->item)
        v = ((igi_optional *)v)->item;
    if (ig_value_kind(v) == IG_KIND_TENSOR) {
        igi_text_add(t, "\n  ");
        elements(t, ig_value_tensor(v));
        igi_text_add(t, "\n");
        return;
    }
    if (ig_value_kind(v) == IG_KIND_OPTIONAL) {
        igi_text_add(t, " (empty)\n");
        return;
    }
    int64_t n = ig_value_size(v);
    igi_text_add(t, " with %" PRId64 " items\n", n);
    for (int64_t i = 0; i < n && i < 2 * EDGE; i++) {
        igi_text_add(t, "  ");
        if (ig_map_keys(v)) {
            print_element(t, ig_map_keys(v), i);
            igi_text_add(t, ": ");
        }
        one_line(t, ig_value_item(v, i));
        igi_text_add(t, "\n");
    }
    if (n > 2 * EDGE)
        igi_text_add(t, "  ...\n");
}

/* ---- JSON ---- */

/* Numbers that other functions would make smaller: as text. */
static void uint64_json(json_out *j, uint64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, v);
    json_raw(j, NULL, text);
}

/* [real, imaginary] */
static void complex_json(json_out *j, ig_dtype dtype, const void *p, int64_t i)
{
    json_begin(j, '[');
    for (int64_t part = 2 * i; part < 2 * i + 2; part++) {
        if (dtype == IG_COMPLEX64)
            json_number(j, NULL, (double)((const float *)p)[part]);
        else
            json_double(j, NULL, ((const double *)p)[part]);
    }
    json_end(j, ']');
}

static void element_json(json_out *j, const ig_tensor *x, int64_t i)
{
    ig_dtype dtype = ig_tensor_dtype(x);
    const void *p = ig_tensor_data(x);
    if (dtype == IG_UINT64)
        uint64_json(j, ((const uint64_t *)p)[i]);
    else if (dtype == IG_COMPLEX64 || dtype == IG_COMPLEX128)
        complex_json(j, dtype, p, i);
    else if (dtype == IG_FLOAT64)
        json_double(j, NULL, ((const double *)p)[i]);
    else if (dtype == IG_STRING)
        json_string(j, NULL, ig_tensor_string(x, i));
    else if (dtype == IG_BOOL)
        json_bool(j, NULL, igi_get_i64(dtype, p, i) != 0);
    else if (igi_dtype_is_int(dtype))
        json_int(j, NULL, igi_get_i64(dtype, p, i));
    else
        json_number(j, NULL, igi_get_f64(dtype, p, i));
}

static void tensor_json(json_out *j, ig_tensor *x, int64_t most)
{
    ig_tensor *own = NULL;
    json_string(j, "type", ig_dtype_name(ig_tensor_dtype(x)));
    json_key(j, "shape");
    json_begin(j, '[');
    for (int i = 0; i < ig_tensor_rank(x); i++)
        json_int(j, NULL, ig_tensor_dims(x)[i]);
    json_end(j, ']');
    if (!ig_tensor_is_contiguous(x) &&
        igi_tensor_contiguous_copy(&own, NULL, x) == IG_OK)
        x = own;
    int64_t n = ig_tensor_numel(x);
    json_bool(j, "complete", n <= most);
    json_key(j, "values");
    json_begin(j, '[');
    for (int64_t i = 0; i < n && i < most; i++)
        element_json(j, x, i);
    json_end(j, ']');
    ig_tensor_unref(own);
}

static void items_json(json_out *j, ig_value *v, int64_t most);

/* A scalar as it is, a tensor as an object, nothing as null, items as a list. */
static void value_json(json_out *j, const char *key, ig_value *v, int64_t most)
{
    while (v && ig_value_kind(v) == IG_KIND_OPTIONAL)
        v = ig_value_item(v, 0);
    ig_tensor *x = v ? ig_value_tensor(v) : NULL;
    if (key)
        json_key(j, key);
    if (!v) {
        json_raw(j, NULL, "null");
    } else if (x && ig_tensor_rank(x) == 0) {
        element_json(j, x, 0);
    } else if (x) {
        json_begin(j, '{');
        tensor_json(j, x, most);
        json_end(j, '}');
    } else {
        items_json(j, v, most);
    }
}

/* Of maps: objects of key and value. */
static void items_json(json_out *j, ig_value *v, int64_t most)
{
    ig_tensor *keys = ig_map_keys(v);
    json_begin(j, '[');
    for (int64_t i = 0; i < ig_value_size(v) && i < most; i++) {
        if (!keys) {
            value_json(j, NULL, ig_value_item(v, i), most);
            continue;
        }
        json_begin(j, '{');
        json_key(j, "key");
        element_json(j, keys, i);
        value_json(j, "value", ig_value_item(v, i), most);
        json_end(j, '}');
    }
    json_end(j, ']');
}

void print_value_json(json_out *j, const char *name, ig_value *v, int64_t most)
{
    json_begin(j, '{');
    json_string(j, "name", name);
    if (ig_value_tensor(v)) {
        tensor_json(j, ig_value_tensor(v), most);
    } else {
        igi_text t = {0};
        char *text = NULL;
        print_type(&t, &v->type, NULL);
        if (igi_text_take(&t, &text) == IG_OK)
            json_string(j, "type", text);
        igi_free(text);
        json_bool(j, "complete", ig_value_size(v) <= most);
        json_key(j, "items");
        items_json(j, v, most);
    }
    json_end(j, '}');
}

/* ---- labels ---- */

ig_status labels_read(labels *l, const char *path)
{
    igi_file *f = NULL;
    IGI_VEC(char *) lines = {0};
    *l = (labels){0};
    IG_TRY(igi_file_read(&f, path, (uint64_t)1 << 26));
    l->text = igi_strndup(f->data, f->size);
    igi_file_unref(f);
    ig_status rc = l->text ? IG_OK : IG_OUT_OF_MEMORY;
    char *rest = l->text, *line;
    while (rc == IG_OK && rest && *rest && (line = strsep(&rest, "\n")) != NULL) {
        line[strcspn(line, "\r")] = 0;
        rc = IGI_PUSH(&lines, line) ? IG_OK : IG_OUT_OF_MEMORY;
    }
    l->line = lines.p;
    l->n = lines.n;
    return rc;
}

void labels_fini(labels *l)
{
    igi_free(l->text);
    igi_free(l->line);
    *l = (labels){0};
}

/* ---- the largest ---- */

/* Inserts into a list of k kept in order; earlier elements win ties. */
static void insert(ranked *best, int64_t *n, int64_t k, ranked r)
{
    int64_t at = *n < k ? (*n)++ : k;
    while (at > 0 && (r.value > best[at - 1].value || isnan(best[at - 1].value))) {
        if (at < k)
            best[at] = best[at - 1];
        at--;
    }
    if (at < k)
        best[at] = r;
}

int64_t print_top(ig_value *v, int64_t k, ranked **entries, int64_t *rows)
{
    ig_tensor *x = ig_value_tensor(v), *own = NULL;
    *entries = NULL;
    if (!x || ig_tensor_dtype(x) == IG_STRING || ig_tensor_rank(x) < 1 ||
        ig_tensor_numel(x) < 1)
        return 0;
    if (!ig_tensor_is_contiguous(x)) {
        if (igi_tensor_contiguous_copy(&own, NULL, x) != IG_OK)
            return 0;
        x = own;
    }
    int axis = ig_tensor_rank(x) - 1; /* trailing axes of size 1 hold nothing to rank */
    while (axis > 0 && ig_tensor_dim(x, axis) == 1)
        axis--;
    int64_t width = ig_tensor_dim(x, axis);
    *rows = ig_tensor_numel(x) / width;
    k = k < width ? k : width;
    size_t count;
    if (!__builtin_mul_overflow((size_t)*rows, (size_t)k, &count))
        *entries = igi_alloc_array(count, sizeof(ranked));
    for (int64_t r = 0; *entries && r < *rows; r++) {
        int64_t n = 0;
        for (int64_t i = 0; i < width; i++) {
            ranked one = {
                i, igi_get_f64(ig_tensor_dtype(x), ig_tensor_data(x), r * width + i)};
            insert(*entries + r * k, &n, k, one);
        }
    }
    ig_tensor_unref(own);
    return *entries ? k : 0;
}
