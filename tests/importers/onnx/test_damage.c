/* T5: every bit flip, every truncation and every lie in a length or number of small
 * models ends in an error with a message, or in a graph that is valid. The sanitizers
 * watch. */
#include <string.h>

#include "tests/importers/onnx/support.h"

static igt_model m;
static uint8_t *copy;

static int fresh(void **state)
{
    (void)state;
    igt_begin(&m, 13);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    igi_free(copy);
    copy = NULL;
    igt_end(&m);
    return 0;
}

/* Limits that make a lie about sizes cheap. */
static ig_limits limits(void)
{
    return (ig_limits){.memory_bytes = 1 << 22, .tensor_bytes = 1 << 20, .nodes = 1000};
}

static void try_bytes(const uint8_t *p, size_t n, const char *what, size_t at)
{
    ig_graph *g = NULL;
    ig_read_opts o = {.registry = igt_registry(), .limits = limits()};
    igi_source src = {.bytes = p, .size = n};
    ig_status rc = igi_onnx_read(&g, &src, &o);
    if (rc == IG_OK) {
        if (ig_graph_verify(g) != IG_OK)
            fail_msg("%s %zu: loads, but %s", what, at, ig_error_message());
    } else if (g || !*ig_error_message() || rc == IG_INTERNAL) {
        fail_msg("%s %zu: status %d without a message, or with a graph", what, at,
                 (int)rc);
    }
    ig_graph_free(g);
}

static void flip_every_bit(void)
{
    for (size_t i = 0; i < m.size * 8; i++) {
        copy[i / 8] ^= (uint8_t)(1u << (i % 8));
        try_bytes(copy, m.size, "bit", i);
        copy[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
}

/* Each copy is exactly as long as the file, so that a read past its end is seen. */
static void cut_everywhere(void)
{
    for (size_t n = 0; n < m.size; n++) {
        uint8_t *p = igi_alloc(n + 1);
        assert_non_null(p);
        memcpy(p + 1, m.bytes, n);
        try_bytes(p + 1, n, "truncation", n);
        igi_free(p);
    }
}

static void lie_everywhere(void)
{
    static const uint64_t lies[] = {0,          1,          UINT64_MAX,
                                    1ull << 31, 1ull << 32, INT64_MAX};
    for (size_t width = 1; width <= 8; width *= 2) {
        for (size_t i = 0; i + width <= m.size; i++) {
            for (size_t k = 0; k < sizeof(lies) / sizeof(*lies); k++) {
                memcpy(copy + i, &lies[k], width);
                try_bytes(copy, m.size, "lie", i);
            }
            memcpy(copy + i, (const uint8_t *)m.bytes + i, width);
        }
    }
}

static void damage(void)
{
    ig_graph *g;
    assert_status(igt_read(&m, &g), IG_OK);
    ig_graph_free(g);
    copy = igi_alloc(m.size);
    assert_non_null(copy);
    memcpy(copy, m.bytes, m.size);
    flip_every_bit();
    cut_everywhere();
    lie_everywhere();
}

static void a_small_network_survives_damage(void **state)
{
    (void)state;
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){-1, 3});
    igt_init_floats(&m, "w", 3, (float[]){1, 2, 3});
    pb_node *n = igt_node(&m, "Add", "x w", "a");
    n->name = (char *)"add";
    igt_node(&m, "Relu", "a", "b");
    n = igt_node(&m, "Concat", "a b", "c");
    igt_int(&m, n, "axis", 1);
    n = igt_node(&m, "Transpose", "c", "z");
    igt_ints(&m, n, "perm", 2, (int64_t[]){1, 0});
    igt_output(&m, "z", IG_FLOAT32);
    damage();
}

static void shapes_computed_from_constants_survive_damage(void **state)
{
    (void)state;
    igt_input(&m, "x", IG_FLOAT32, 3, (int64_t[]){2, 3, 4});
    pb_tensor *t = igt_init(&m, "s", IG_INT64, 1, (int64_t[]){2});
    t->n_int64_data = 2;
    t->int64_data = (int64_t[]){6, -1};
    t = igt_init(&m, "i", IG_INT32, 1, (int64_t[]){2});
    t->n_int32_data = 2;
    t->int32_data = (int32_t[]){1, 0};
    igt_node(&m, "Reshape", "x s", "a");
    igt_node(&m, "Gather", "a i", "b");
    igt_int(&m, igt_node(&m, "Softmax", "b", "z"), "axis", -1);
    igt_output(&m, "z", IG_FLOAT32);
    damage();
}

static void old_operators_survive_damage(void **state)
{
    (void)state;
    m.model.opset_import[0]->version = 6;
    igt_input(&m, "x", IG_FLOAT32, 4, (int64_t[]){1, 2, 5, 5});
    igt_init_floats(&m, "b", 2, (float[]){1, 2});
    pb_node *n = igt_node(&m, "Add", "x b", "a");
    igt_int(&m, n, "broadcast", 1);
    igt_int(&m, n, "axis", 1);
    n = igt_node(&m, "MaxPool", "a", "p");
    igt_ints(&m, n, "kernel_shape", 2, (int64_t[]){2, 2});
    igt_ints(&m, n, "strides", 2, (int64_t[]){1, 2});
    n = igt_node(&m, "Pad", "p", "q");
    igt_ints(&m, n, "pads", 8, (int64_t[]){0, 0, 1, 0, 0, 0, 0, 1});
    n = igt_node(&m, "Softmax", "q", "z");
    igt_int(&m, n, "axis", 1);
    igt_output(&m, "z", IG_FLOAT32);
    damage();
}

static void functions_and_sparse_constants_survive_damage(void **state)
{
    (void)state;
    igt_input(&m, "x", IG_FLOAT32, 1, (int64_t[]){4});
    pb_function *f = igt_function(&m, "F", "a", "c");
    f->attribute = igt_names(&m, "k", &f->n_attribute);
    pb_node *inner = igt_new_node(&m, "Flatten", "a", "t");
    igt_attr(&m, inner, "axis", PB_ATTR_INT)->ref_attr_name = (char *)"k";
    igt_function_node(&m, f, inner);
    igt_function_node(&m, f, igt_new_node(&m, "Neg", "t", "c"));
    igt_int(&m, igt_node(&m, "local::F", "x", "y"), "k", 1);
    pb_sparse *s = igt_alloc(&m, sizeof(*s));
    igi_onnx__sparse_tensor__init(s);
    s->values = igt_init(&m, "s", IG_FLOAT32, 1, (int64_t[]){1});
    s->values->n_float_data = 1;
    s->values->float_data = (float[]){2};
    s->indices = igt_init(&m, "", IG_INT64, 1, (int64_t[]){1});
    s->indices->n_int64_data = 1;
    s->indices->int64_data = (int64_t[]){3};
    s->n_dims = 1;
    s->dims = (int64_t[]){4};
    m.graph.n_initializer = 0;
    m.graph.n_sparse_initializer = 1;
    m.graph.sparse_initializer = &s;
    igt_node(&m, "Mul", "y s", "z");
    igt_output(&m, "z", IG_FLOAT32);
    damage();
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fresh, drop)
IG_TESTS(TEST(a_small_network_survives_damage),
         TEST(shapes_computed_from_constants_survive_damage),
         TEST(old_operators_survive_damage),
         TEST(functions_and_sparse_constants_survive_damage))
