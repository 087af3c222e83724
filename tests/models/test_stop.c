/* A deadline and a cancel flag take effect inside one long call, not only between
 * nodes.
 *
 * Each graph is one node that works for some ten milliseconds or more, planned by a run
 * without a deadline. Nothing looks at the clock after a graph's last node: a run that
 * ends with DEADLINE was stopped inside the kernel. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ingot/ingot.h>

#include "graph/core/dtype.h"
#include "tests/support/test_main.h"

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

enum { PORTS = 5, AT_MOST_S = 60 };

typedef struct port {
    const char *name; /* NULL: no more */
    ig_dtype dtype;
    int rank;
    int64_t dims[4];
    bool constant;
    double value; /* of every element; 0: numbers from -1 to 1 */
} port;

typedef struct long_call {
    const char *name;
    port in[PORTS];
    const char *line, *line2; /* line2 may be NULL */
} long_call;

#define F32(name_, ...)                                                                \
    {                                                                                  \
        name_, IG_FLOAT32, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),  \
            {__VA_ARGS__}, false, 0                                                    \
    }
#define OF(type_, name_, ...)                                                          \
    {                                                                                  \
        name_, type_, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),       \
            {__VA_ARGS__}, false, 0                                                    \
    }
#define WEIGHT(name_, ...)                                                             \
    {                                                                                  \
        name_, IG_FLOAT32, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),  \
            {__VA_ARGS__}, true, 0                                                     \
    }
#define NUMBER(name_, value_)                                                          \
    {                                                                                  \
        name_, IG_INT64, 1, {1}, true, value_                                          \
    }

static const long_call calls[] = {
    {"MatMul by constant",
     {F32("x", 1024, 2048), WEIGHT("w", 2048, 2048)},
     .line = "y = MatMul(x, w)"},
    {"MatMul",
     {F32("x", 1024, 2048), F32("w", 2048, 2048)},
     .line = "y = MatMul(x, w)"},
    {"MatMul of a batch",
     {F32("x", 64, 256, 256), F32("w", 64, 256, 512)},
     .line = "y = MatMul(x, w)"},
    {"MatMul in float64",
     {OF(IG_FLOAT64, "x", 512, 1024), OF(IG_FLOAT64, "w", 1024, 1024)},
     .line = "y = MatMul(x, w)"},
    {"MatMul in float16",
     {OF(IG_FLOAT16, "x", 256, 256), OF(IG_FLOAT16, "w", 256, 512)},
     .line = "y = MatMul(x, w)"},
    {"MatMul of integers",
     {OF(IG_INT32, "x", 256, 256), OF(IG_INT32, "w", 256, 512)},
     .line = "y = MatMul(x, w)"},
    {"MatMulInteger",
     {OF(IG_UINT8, "x", 2048, 2048), OF(IG_INT8, "w", 2048, 2048)},
     .line = "y = MatMulInteger(x, w)"},
    {"Conv, 1 x 1",
     {F32("x", 16, 56, 56, 256), WEIGHT("w", 256, 256, 1, 1)},
     .line = "y = ingot::Conv(x, w)"},
    {"Conv, 3 x 3 by Winograd",
     {F32("x", 8, 56, 56, 128), WEIGHT("w", 128, 128, 3, 3)},
     .line = "y = ingot::Conv(x, w) pads=1,1,1,1"},
    {"Conv, 3 x 3 of stride 2",
     {F32("x", 32, 56, 56, 128), WEIGHT("w", 128, 128, 3, 3)},
     .line = "y = ingot::Conv(x, w) pads=1,1,1,1 strides=2,2"},
    {"Conv, depthwise",
     {F32("x", 16, 64, 64, 256), WEIGHT("w", 256, 1, 3, 3)},
     .line = "y = ingot::Conv(x, w) pads=1,1,1,1 group=256"},
    {"Conv, weights that are fed",
     {F32("x", 32, 56, 56, 128), F32("w", 128, 128, 3, 3)},
     .line = "y = ingot::Conv(x, w) pads=1,1,1,1 strides=2,2"},
    {"ConvTranspose",
     {F32("x", 32, 128, 28, 28), WEIGHT("w", 128, 128, 3, 3)},
     .line = "y = ConvTranspose(x, w)"},
    {"Conv in float64",
     {OF(IG_FLOAT64, "x", 1, 32, 64, 64), OF(IG_FLOAT64, "w", 32, 32, 3, 3)},
     .line = "y = Conv(x, w)"},
    {"Attention",
     {F32("q", 1, 8, 1024, 64), F32("k", 1, 8, 1024, 64), F32("v", 1, 8, 1024, 64)},
     .line = "y = Attention(q, k, v)"},
    {"Attention in float16",
     {OF(IG_FLOAT16, "q", 1, 2, 256, 64), OF(IG_FLOAT16, "k", 1, 2, 256, 64),
      OF(IG_FLOAT16, "v", 1, 2, 256, 64)},
     .line = "y = Attention(q, k, v)"},
    {"LSTM",
     {F32("x", 512, 4, 128), WEIGHT("w", 1, 1024, 128), WEIGHT("r", 1, 1024, 256)},
     .line = "y = LSTM(x, w, r) hidden_size=256"},
    {"LSTM in float64",
     {OF(IG_FLOAT64, "x", 64, 2, 32), OF(IG_FLOAT64, "w", 1, 256, 32),
      OF(IG_FLOAT64, "r", 1, 256, 64)},
     .line = "y = LSTM(x, w, r) hidden_size=64"},
    {"GRU",
     {F32("x", 512, 4, 128), F32("w", 1, 768, 128), F32("r", 1, 768, 256)},
     .line = "y = GRU(x, w, r) hidden_size=256"},
    {"Einsum",
     {F32("x", 1024, 2048), F32("w", 2048, 2048)},
     .line = "y = Einsum(x, w) equation=\"ij,jk->ik\""},
    {"Einsum of three",
     {F32("a", 128, 128), F32("b", 128, 128), F32("c", 128, 8)},
     .line = "y = Einsum(a, b, c) equation=\"ij,jk,kl->il\""},
    {"TopK", {F32("x", 2, 2000000), NUMBER("k", 100000)}, .line = "y, i = TopK(x, k)"},
    {"TopK in float64",
     {OF(IG_FLOAT64, "x", 2, 2000000), NUMBER("k", 100000)},
     .line = "y, i = TopK(x, k)"},
    {"Unique", {OF(IG_INT64, "x", 400000)}, .line = "y = Unique(x)"},
    {"DFT", {F32("x", 16, 65536, 2)}, .line = "y = DFT(x) inverse=0"},
    {"DFT of a prime", {F32("x", 8, 65537, 2)}, .line = "y = DFT(x)"},
    {"STFT",
     {F32("x", 2, 65536, 1), NUMBER("step", 4), {.name = NULL}, NUMBER("n", 1024)},
     .line = "y = STFT(x, step, , n)"},
    {"NonMaxSuppression",
     {F32("b", 1, 20000, 4),
      F32("s", 1, 1, 20000),
      NUMBER("most", 20000),
      {"i", IG_FLOAT32, 1, {1}, true, 2}},
     .line = "y = NonMaxSuppression(b, s, most, i)"},
    {"sum over a view",
     {OF(IG_FLOAT16, "x", 1), {"d", IG_INT64, 1, {1}, true, 3e8}},
     .line = "e = Expand(x, d)",
     .line2 = "y = ReduceSum(e) keepdims=0"},
    {"AveragePool",
     {F32("x", 1, 8, 512, 512)},
     .line = "y = AveragePool(x) kernel_shape=16,16"},
    {"MaxPool in float64",
     {OF(IG_FLOAT64, "x", 1, 4, 128, 128)},
     .line = "y = MaxPool(x) kernel_shape=16,16"},
    {"LRN in float64",
     {OF(IG_FLOAT64, "x", 1, 256, 64, 64)},
     .line = "y = LRN(x) size=33"},
    {"Resize in float64",
     {OF(IG_FLOAT64, "x", 1, 4, 128, 128), {"s", IG_FLOAT32, 1, {4}, true, 2}},
     .line = "y = Resize(x, , s) mode=cubic"},
    {"Im2Col",
     {F32("x", 1, 16, 200, 200), {"b", IG_INT64, 1, {2}, true, 3}},
     .line = "y = ingot::Im2Col(x, b)"},
    {"Col2Im in float64",
     {OF(IG_FLOAT64, "x", 1, 144, 39204),
      {"s", IG_INT64, 1, {2}, true, 200},
      {"b", IG_INT64, 1, {2}, true, 3}},
     .line = "y = Col2Im(x, s, b)"},
    {"Det", {F32("x", 16, 200, 200)}, .line = "y = Det(x)"},
    {"Exp", {F32("x", 50000000)}, .line = "y = Exp(x)"},
    {"Add", {F32("x", 30000000), F32("z", 30000000)}, .line = "y = Add(x, z)"},
    {"Sin in float16", {OF(IG_FLOAT16, "x", 4000000)}, .line = "y = Sin(x)"},
    {"Softmax", {F32("x", 20000, 1000)}, .line = "y = Softmax(x)"},
    {"LRN", {F32("x", 1, 2048, 32, 32)}, .line = "y = LRN(x) size=1025"},
    {"ReduceSum of short rows",
     {F32("x", 20000000, 2), NUMBER("a", 1)},
     .line = "y = ReduceSum(x, a)"},
    {"BatchNormalization of rows",
     {F32("x", 400000, 64), F32("s", 64), F32("b", 64), F32("m", 64), F32("v", 64)},
     .line = "y = BatchNormalization(x, s, b, m, v)"},
    {"PRelu of rows", {F32("x", 1000000, 32), F32("s", 32)}, .line = "y = PRelu(x, s)"},
    {"Cast to strings", {F32("x", 400000)}, .line = "y = Cast(x) to=string"},
    {"Cast of strings", {OF(IG_STRING, "x", 400000)}, .line = "y = Cast(x) to=float32"},
    {"StringConcat", {OF(IG_STRING, "x", 400000)}, .line = "y = StringConcat(x, x)"},
    {"StringSplit", {OF(IG_STRING, "x", 400000)}, .line = "y, n = StringSplit(x)"},
    {"StringNormalizer",
     {OF(IG_STRING, "x", 400000)},
     .line = "y = StringNormalizer(x) case_change_action=UPPER"},
    {"RegexFullMatch",
     {OF(IG_STRING, "x", 400000)},
     .line = "y = RegexFullMatch(x) pattern=.*a"},
    {"LabelEncoder",
     {OF(IG_STRING, "x", 400000)},
     .line = "y = ai.onnx.ml::LabelEncoder(x) keys_strings=a,1.25 values_strings=b,c"},
    {"OneHotEncoder",
     {OF(IG_STRING, "x", 400000)},
     .line = "y = ai.onnx.ml::OneHotEncoder(x) cats_strings=a,b,c,d,e,f,g,h"},
    {"GatherElements",
     {F32("x", 2000000, 16), OF(IG_INT64, "i", 2000000, 16)},
     .line = "y = GatherElements(x, i)"},
};

static ig_tensor *texts(const port *p)
{
    ig_tensor *t = NULL;
    const int64_t n = p->dims[0];
    const char **all = malloc((size_t)n * sizeof(*all));
    assert_non_null(all);
    for (int64_t i = 0; i < n; i++)
        all[i] = "1.25";
    OK(ig_tensor_new_strings(&t, p->rank, p->dims, all));
    free(all);
    return t;
}

static ig_tensor *filled(const port *p)
{
    ig_tensor *t = NULL;
    if (p->dtype == IG_STRING)
        return texts(p);
    OK(ig_tensor_new(&t, p->dtype, p->rank, p->dims));
    for (int64_t i = 0, n = ig_tensor_numel(t); i < n; i++)
        igi_put_f64(p->dtype, ig_tensor_data(t), i,
                    p->value < 0 || p->value > 0 ? p->value
                    : igi_dtype_is_int(p->dtype) ? (double)(i * 7919 % 100003 % 128)
                                                 : (double)(i * 37 % 2557) / 1278 - 1);
    return t;
}

static int ports_of(const long_call *c, ig_tensor **t)
{
    int n = 0;
    for (int i = 0; i < PORTS; i++)
        if (c->in[i].name)
            t[n++] = filled(&c->in[i]);
    return n;
}

/* The model; its inputs are given in the order of those ports that are no constants. */
static ig_model *model_of(const long_call *c, int threads, ig_tensor **in, int *n_in)
{
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    ig_tensor *all[PORTS];
    ig_model_opts o = {.threads = threads, .level = -1};
    int n = ports_of(c, all);
    *n_in = 0;
    OK(ig_graph_new(&g, "long", NULL));
    for (int i = 0, k = 0; i < PORTS; i++) {
        const port *p = &c->in[i];
        if (!p->name)
            continue;
        if (p->constant)
            OK(ig_graph_constant(g, p->name, all[k], &id));
        else
            OK(ig_graph_input(g, p->name, p->dtype, p->rank, p->dims, &id));
        if (p->constant)
            ig_tensor_unref(all[k]);
        else
            in[(*n_in)++] = all[k];
        k++;
    }
    assert_true(n <= PORTS);
    OK(ig_graph_make_text(g, c->line, &id));
    if (c->line2)
        OK(ig_graph_make_text(g, c->line2, &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &o));
    ig_graph_free(g);
    return m;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void is_stopped(const long_call *c, int threads)
{
    ig_tensor *in[PORTS], *y = NULL;
    int n;
    ig_model *m = model_of(c, threads, in, &n);
    ig_run_opts o = {.deadline_s = 1e-3};
    if (!c->line2) { /* plans, packs weights: no part of the time */
        OK(ig_model_run(m, (ig_inputs){n, in}, IG_OUTPUTS(&y), NULL));
        ig_tensor_unref(y);
        y = NULL;
    }
    double begin = now_s();
    ig_status rc = ig_model_run(m, (ig_inputs){n, in}, IG_OUTPUTS(&y), &o);
    double took = now_s() - begin;
    if (rc != IG_DEADLINE)
        fail_msg("%s, %d threads: '%s' after %.3f s", c->name, threads,
                 rc ? ig_error_message() : "no error", took);
    if (took > AT_MOST_S)
        fail_msg("%s: stopped only after %.1f s", c->name, took);
    assert_null(y);
    for (int i = 0; i < n; i++)
        ig_tensor_unref(in[i]);
    ig_model_free(m);
}

static void a_deadline_stops_each_long_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        is_stopped(&calls[i], 1);
}

/* All leave together, also from kernels whose threads meet. */
static void a_deadline_stops_a_team(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strstr(calls[i].name, "MatMul") || strstr(calls[i].name, "Conv, ") ||
            strstr(calls[i].name, "LSTM") || strstr(calls[i].name, "GRU"))
            is_stopped(&calls[i], 2);
}

/* ---- loops ---- */

/* x := x + 1, 2^31 - 1 times. */
static ig_model *endless(ig_limits limits)
{
    ig_graph *g = NULL, *body = NULL;
    ig_model *m = NULL;
    ig_value_id id, in[3], out;
    ig_tensor *one = NULL, *most = NULL;
    OK(ig_graph_new(&body, "body", NULL));
    OK(ig_graph_input(body, "i", IG_INT64, 0, NULL, &id));
    OK(ig_graph_input(body, "go", IG_BOOL, 0, NULL, &id));
    OK(ig_graph_output(body, "go_on", id));
    OK(ig_graph_input(body, "x", IG_FLOAT32, 0, NULL, &id));
    OK(ig_tensor_new(&one, IG_FLOAT32, 0, NULL));
    *(float *)ig_tensor_data(one) = 1;
    OK(ig_graph_constant(body, "one", one, &id));
    OK(ig_graph_make_text(body, "next = Add(x, one)", &id));
    OK(ig_graph_output(body, "x_next", id));
    OK(ig_graph_new(&g, "endless", NULL));
    OK(ig_tensor_new(&most, IG_INT64, 0, NULL));
    *(int64_t *)ig_tensor_data(most) = INT32_MAX;
    OK(ig_graph_constant(g, "most", most, &in[0]));
    in[1] = (ig_value_id){0};
    OK(ig_graph_input(g, "x", IG_FLOAT32, 0, NULL, &in[2]));
    struct {
        uint32_t struct_size;
        ig_graph *body;
    } attrs = {sizeof(attrs), body};
    OK(ig_graph_make_named(g, "Loop", &attrs, in, 3, &out, 1));
    OK(ig_graph_output(g, "y", out));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .limits = limits}));
    ig_graph_free(body);
    ig_graph_free(g);
    ig_tensor_unref(one);
    ig_tensor_unref(most);
    return m;
}

static void a_deadline_stops_a_loop(void **state)
{
    (void)state;
    ig_model *m = endless((ig_limits){0});
    ig_tensor *x = NULL, *y = NULL;
    OK(ig_tensor_new(&x, IG_FLOAT32, 0, NULL));
    for (int i = 0; i < 3; i++)
        assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                                      &(ig_run_opts){.deadline_s = 0.02}),
                         IG_DEADLINE);
    ig_tensor_unref(x), ig_model_free(m);
}

typedef struct later {
    volatile int flag;
} later;

static void *raise_flag(void *arg)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
    __atomic_store_n(&((later *)arg)->flag, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void a_cancel_flag_stops_a_loop(void **state)
{
    (void)state;
    ig_model *m = endless((ig_limits){0});
    ig_tensor *x = NULL, *y = NULL;
    pthread_t thread;
    later l = {0};
    OK(ig_tensor_new(&x, IG_FLOAT32, 0, NULL));
    assert_int_equal(pthread_create(&thread, NULL, raise_flag, &l), 0);
    assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                                  &(ig_run_opts){.cancel = &l.flag}),
                     IG_CANCELLED);
    pthread_join(thread, NULL);
    ig_tensor_unref(x), ig_model_free(m);
}

static void a_cancel_flag_stops_a_long_call(void **state)
{
    (void)state;
    static const long_call sum = {
        "sum over a view",
        {OF(IG_FLOAT16, "x", 1), {"d", IG_INT64, 1, {1}, true, 8e9}},
        .line = "e = Expand(x, d)",
        .line2 = "y = ReduceSum(e) keepdims=0"};
    ig_tensor *in[PORTS], *y = NULL;
    pthread_t thread;
    later l = {0};
    int n;
    ig_model *m = model_of(&sum, 1, in, &n);
    assert_int_equal(pthread_create(&thread, NULL, raise_flag, &l), 0);
    assert_int_equal(ig_model_run(m, (ig_inputs){n, in}, IG_OUTPUTS(&y),
                                  &(ig_run_opts){.cancel = &l.flag}),
                     IG_CANCELLED);
    pthread_join(thread, NULL);
    ig_tensor_unref(in[0]), ig_model_free(m);
}

IG_TESTS(cmocka_unit_test(a_deadline_stops_each_long_call),
         cmocka_unit_test(a_deadline_stops_a_team),
         cmocka_unit_test(a_deadline_stops_a_loop),
         cmocka_unit_test(a_cancel_flag_stops_a_loop),
         cmocka_unit_test(a_cancel_flag_stops_a_long_call))
