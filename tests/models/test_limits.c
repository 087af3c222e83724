/* Every limit, in every way that it acts, at its boundary (T15): one less is refused
 * with a message that names it, the boundary itself and one more are not.
 *
 * One model has something of everything: constants, names, nodes, loops inside loops.
 * The boundary is found by searching; where it can be known beforehand, it is that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ingot/ingot.h>

#include "tests/support/test_main.h"

#define FOLDER    IG_BINARY_DIR "/limits_models"
#define LONG_NAME "a_name_that_is_longer_than_every_other_name_of_this_model"
#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

enum {
    ROWS = 64, /* of the largest constant and of the largest value */
    COLUMNS = 32,
    OUTER = 3, /* rounds */
    INNER = 2,
    NODES = 5 /* three, and one in each body */
};

typedef struct loop_attrs {
    uint32_t struct_size;
    ig_graph *body;
} loop_attrs;

static ig_value_id number(ig_graph *g, const char *name, ig_dtype dtype, int64_t v)
{
    ig_value_id id;
    ig_tensor *t = NULL;
    OK(ig_tensor_new(&t, dtype, 0, NULL));
    if (dtype == IG_INT64)
        *(int64_t *)ig_tensor_data(t) = v;
    OK(ig_graph_constant(g, name, t, &id));
    ig_tensor_unref(t);
    return id;
}

/* s := s after `rounds` rounds of `body`. */
static ig_value_id
loop(ig_graph *g, ig_graph *body, int64_t rounds, ig_value_id s, const char *name)
{
    loop_attrs a = {sizeof(a), body};
    ig_value_id in[3] = {number(g, name, IG_INT64, rounds), {0}, s}, out;
    OK(ig_graph_make_named(g, "Loop", &a, in, 3, &out, 1));
    ig_graph_free(body);
    return out;
}

/* A body (i, go, s) -> (go, next); *s is its state. */
static ig_graph *body(const char *name, ig_value_id *s)
{
    ig_graph *g = NULL;
    ig_value_id go;
    OK(ig_graph_new(&g, name, NULL));
    OK(ig_graph_input(g, "i", IG_INT64, 0, NULL, &go));
    OK(ig_graph_input(g, "go", IG_BOOL, 0, NULL, &go));
    OK(ig_graph_output(g, "go_on", go));
    OK(ig_graph_input(g, "s", IG_FLOAT32, 1, (int64_t[]){COLUMNS}, s));
    return g;
}

static ig_graph *model(void)
{
    ig_graph *g = NULL;
    ig_value_id s, y;
    ig_tensor *w = NULL;
    ig_graph *inner = body("inner", &s);
    OK(ig_graph_make_text(inner, "next = Sin(s)", &y));
    OK(ig_graph_output(inner, "s_next", y));
    ig_graph *outer = body("outer", &s);
    OK(ig_graph_output(outer, "s_next", loop(outer, inner, INNER, s, "inner_most")));
    OK(ig_graph_new(&g, "limits", NULL));
    OK(ig_graph_input(g, LONG_NAME, IG_FLOAT32, 1, (int64_t[]){COLUMNS}, &s));
    OK(ig_tensor_new(&w, IG_FLOAT32, 2, (int64_t[]){ROWS, COLUMNS}));
    OK(ig_graph_constant(g, "w", w, &y));
    ig_tensor_unref(w);
    s = loop(g, outer, OUTER, s, "outer_most");
    OK(ig_graph_output(g, "s", s));
    OK(ig_graph_make_text(g, "all = Add(w, " LONG_NAME ")", &y));
    OK(ig_graph_make_text(g, "y = Exp(all)", &y));
    OK(ig_graph_output(g, "y", y));
    return g;
}

/* ---- ways ---- */

typedef enum way {
    GRAPH,
    ONNX,
    INGOT,
    ONNX_BYTES,
    INGOT_BYTES,
    RUN,       /* limits of the run */
    MODEL_RUN, /* limits of the model, at a run */
    WAYS
} way;
static const char *const way_names[WAYS] = {
    "a graph",         "ONNX",  ".ingot",          "bytes of ONNX",
    "bytes of .ingot", "a run", "a run of a model"};

static struct {
    ig_graph *g;
    void *bytes[2];
    size_t size[2];
    ig_model *m;
    ig_tensor *x;
} have;
static const char *const paths[2] = {FOLDER "/limits.onnx", FOLDER "/limits.ingot"};

static void *read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    *size = (size_t)st.st_size;
    void *p = malloc(*size);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, *size, f), *size);
    fclose(f);
    return p;
}

static int make(void **state)
{
    (void)state;
    (void)mkdir(FOLDER, 0777); /* exists, or saving says why */
    have.g = model();
    for (int i = 0; i < 2; i++) {
        OK(ig_graph_save(have.g, paths[i], NULL));
        have.bytes[i] = read_all(paths[i], &have.size[i]);
    }
    OK(ig_model_from_graph(&have.m, have.g, &(ig_model_opts){.threads = 1}));
    OK(ig_tensor_new(&have.x, IG_FLOAT32, 1, (int64_t[]){COLUMNS}));
    return 0;
}

static int drop(void **state)
{
    (void)state;
    ig_graph_free(have.g);
    free(have.bytes[0]);
    free(have.bytes[1]);
    ig_model_free(have.m);
    ig_tensor_unref(have.x);
    return 0;
}

static ig_status run(ig_model *m, const ig_run_opts *o)
{
    ig_tensor *s = NULL, *y = NULL;
    ig_status rc = ig_model_run(m, IG_INPUTS(have.x), IG_OUTPUTS(&s, &y), o);
    ig_tensor_unref(s);
    ig_tensor_unref(y);
    return rc;
}

static ig_status attempt(way w, const ig_limits *limits)
{
    ig_model *m = NULL;
    ig_model_opts o = {.threads = 1, .limits = *limits};
    ig_status rc = IG_OK;
    switch (w) {
    case GRAPH:
    case MODEL_RUN:
        rc = ig_model_from_graph(&m, have.g, &o);
        if (rc == IG_OK && w == MODEL_RUN)
            rc = run(m, NULL);
        break;
    case ONNX:
    case INGOT:
        rc = ig_model_load(&m, paths[w == INGOT], &o);
        break;
    case ONNX_BYTES:
    case INGOT_BYTES:
        rc = ig_model_load_bytes(&m, have.bytes[w == INGOT_BYTES],
                                 have.size[w == INGOT_BYTES], NULL, NULL, &o);
        break;
    default:
        rc = run(have.m, &(ig_run_opts){.limits = *limits});
        break;
    }
    ig_model_free(m);
    return rc;
}

/* ---- the table ---- */

#define LIMIT(member_, ...)                                                            \
    {                                                                                  \
#member_, offsetof(ig_limits, member_), sizeof((ig_limits){0}.member_),        \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
enum { NO_LIMIT = 0, SEARCH = -1, SIZE = -2 /* of the file */ };

/* The boundary by way: a number, or how it is found. */
static const struct limit {
    const char *name;
    size_t offset, bytes;
    int64_t boundary[WAYS];
} limits[] = {
    LIMIT(file_bytes,
          [ONNX] = SIZE,
          [INGOT] = SIZE,
          [ONNX_BYTES] = SIZE,
          [INGOT_BYTES] = SIZE),
    LIMIT(memory_bytes,
          [ONNX] = SEARCH,
          [INGOT] = SEARCH,
          [ONNX_BYTES] = SEARCH,
          [INGOT_BYTES] = SEARCH,
          [RUN] = SEARCH,
          [MODEL_RUN] = SEARCH),
    LIMIT(tensor_bytes,
          [ONNX] = ROWS * COLUMNS * 4,
          [INGOT] = ROWS * COLUMNS * 4,
          [ONNX_BYTES] = ROWS * COLUMNS * 4,
          [INGOT_BYTES] = ROWS * COLUMNS * 4,
          [RUN] = ROWS * COLUMNS * 4,
          [MODEL_RUN] = ROWS * COLUMNS * 4),
    /* ONNX gets an Identity where a body hands an input on. */
    LIMIT(nodes,
          [GRAPH] = NODES,
          [ONNX] = SEARCH,
          [INGOT] = NODES,
          [ONNX_BYTES] = SEARCH,
          [INGOT_BYTES] = NODES),
    LIMIT(depth,
          [GRAPH] = 2,
          [ONNX] = SEARCH,
          [INGOT] = 2,
          [ONNX_BYTES] = SEARCH,
          [INGOT_BYTES] = 2),
    LIMIT(name_bytes,
          [ONNX] = sizeof(LONG_NAME) - 1,
          [INGOT] = sizeof(LONG_NAME) - 1,
          [ONNX_BYTES] = sizeof(LONG_NAME) - 1,
          [INGOT_BYTES] = sizeof(LONG_NAME) - 1),
    LIMIT(loop_iterations,
          [RUN] = OUTER + OUTER * INNER,
          [MODEL_RUN] = OUTER + OUTER * INNER),
};

static ig_status attempt_at(const struct limit *l, way w, uint64_t value)
{
    ig_limits all = {0};
    uint32_t narrow = (uint32_t)value;
    memcpy((char *)&all + l->offset,
           l->bytes == sizeof(narrow) ? (void *)&narrow : (void *)&value, l->bytes);
    return attempt(w, &all);
}

/* The least value that is allowed. */
static uint64_t search(const struct limit *l, way w)
{
    uint64_t lo = 1, hi = 1 << 30; /* 0 is the default */
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (attempt_at(l, w, mid) == IG_OK)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static void holds_exactly(const struct limit *l, way w)
{
    int64_t known = l->boundary[w];
    uint64_t at = known == SEARCH ? search(l, w)
                  : known == SIZE ? have.size[w == INGOT || w == INGOT_BYTES]
                                  : (uint64_t)known;
    for (int d = -1; d <= 1; d++) {
        uint64_t value = at + (uint64_t)(int64_t)d;
        if (value == 0)
            continue;
        ig_status rc = attempt_at(l, w, value);
        if (rc != (d < 0 ? IG_LIMIT : IG_OK))
            fail_msg("%s of %s at %llu, boundary %llu: %s", l->name, way_names[w],
                     (unsigned long long)value, (unsigned long long)at,
                     rc ? ig_error_message() : "no error");
        if (rc && !strstr(ig_error_message(), l->name))
            fail_msg("%s of %s: '%s' does not name it", l->name, way_names[w],
                     ig_error_message());
    }
}

static void each_limit_holds_exactly(void **state)
{
    (void)state;
    size_t covered = 0;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        covered += limits[i].bytes;
        for (int w = 0; w < WAYS; w++)
            if (limits[i].boundary[w] != NO_LIMIT)
                holds_exactly(&limits[i], (way)w);
    }
    assert_int_equal(covered, sizeof(ig_limits)); /* a new member needs a row */
}

/* Text, and maps of single numbers, take far more than the tensors that they are made
 * of. */
static void strings_and_maps_count(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "y = Cast(x) to=string", "s = Cast(x) to=string\ny = StringConcat(s, s)",
        "y = ai.onnx.ml::ZipMap(x) classlabels_int64s=1,2,3,4,5,6,7,8"};
    static const char *const xs[] = {"x"}, *const ys[] = {"y"};
    static const int64_t dims[2] = {1000, 8};
    ig_tensor *x = NULL;
    OK(ig_tensor_new(&x, IG_FLOAT32, 2, dims));
    for (int i = 0; i < 3; i++) {
        ig_graph *g = NULL;
        ig_model *m = NULL;
        ig_value_id y;
        ig_value *out = NULL, *in = ig_tensor_value(x);
        char text[128], *second;
        (void)snprintf(text, sizeof(text), "%s", lines[i]);
        OK(ig_graph_new(&g, "text", NULL));
        OK(ig_graph_input(g, "x", IG_FLOAT32, 2, dims, &y));
        if ((second = strchr(text, '\n')))
            *second++ = 0;
        OK(ig_graph_make_text(g, text, &y));
        if (second)
            OK(ig_graph_make_text(g, second, &y));
        OK(ig_graph_output(g, "y", y));
        OK(ig_model_from_graph(&m, g, NULL));
        ig_run_opts o = {.limits.memory_bytes = 1 << 19};
        assert_int_equal(ig_model_run_values(m, xs, &in, 1, ys, &out, 1, &o), IG_LIMIT);
        assert_non_null(strstr(ig_error_message(), "memory_bytes"));
        o.limits.memory_bytes = 1 << 24;
        OK(ig_model_run_values(m, xs, &in, 1, ys, &out, 1, &o));
        ig_value_unref(out);
        ig_model_free(m);
        ig_graph_free(g);
    }
    ig_tensor_unref(x);
}

IG_TESTS(cmocka_unit_test_setup_teardown(each_limit_holds_exactly, make, drop),
         cmocka_unit_test(strings_and_maps_count))
