/* Fixture of runtime tests: a registry of tiny operators and one graph. */
#ifndef TESTS_GRAPH_RUNTIME_SUPPORT_H
#define TESTS_GRAPH_RUNTIME_SUPPORT_H

#include <stdlib.h>
#include <string.h>

#include <ingot/ingot.h>

#include "tests/support/test_main.h"
#include "tests/support/tiny_ops.h"

typedef struct fixture {
    ig_registry *reg;
    ig_graph *g;
} fixture;

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)
#define FAILS(code_, expr_)                                                            \
    do {                                                                               \
        ig_status rc_ = (expr_);                                                       \
        if (rc_ != (code_) || ig_error_status() != (code_))                            \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, ig_status_string(rc_),       \
                     ig_error_message());                                              \
    } while (0)
#define MESSAGE_HAS(text_)                                                             \
    do {                                                                               \
        if (!strstr(ig_error_message(), (text_)))                                      \
            fail_msg("%s:%d: no '%s' in: %s", __FILE__, __LINE__, (text_),             \
                     ig_error_message());                                              \
    } while (0)

static inline int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    if (!f || tiny_registry(&f->reg) != IG_OK ||
        igi_graph_new(&f->g, "test", f->reg, NULL) != IG_OK)
        return -1;
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    fixture *f = *state;
    ig_graph_free(f->g);
    igi_registry_free(f->reg);
    free(f);
    return 0;
}

static inline ig_value_id
input(ig_graph *g, const char *name, int rank, const int64_t *dims)
{
    ig_value_id v = {0};
    OK(ig_graph_input(g, name, IG_FLOAT32, rank, dims, &v));
    return v;
}

static inline int64_t dim(ig_graph *g, const char *name)
{
    int64_t d = -1;
    OK(ig_graph_dim(g, name, &d));
    return d;
}

/* A constant that the graph alone holds. */
static inline ig_value_id constant(ig_graph *g, const char *name, ig_tensor *t)
{
    ig_value_id v = {0};
    OK(ig_graph_constant(g, name, t, &v));
    ig_tensor_unref(t);
    return v;
}

static inline ig_value_id
node(ig_graph *g, const ig_op_def *op, const char *name, ig_value_id a, ig_value_id b)
{
    return tiny_node(g, op, name, NULL, a, b);
}
#define NONE ((ig_value_id){0})

static inline void assert_floats(const ig_tensor *t, int n, const float *want)
{
    assert_non_null(t);
    assert_int_equal(ig_tensor_numel(t), n);
    const float *p = ig_tensor_data(t);
    for (int i = 0; i < n; i++)
        if (p[i] != want[i])
            fail_msg("element %d is %g, not %g", i, (double)p[i], (double)want[i]);
}
#define FLOATS(...) ((const float[]){__VA_ARGS__})

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

#endif
