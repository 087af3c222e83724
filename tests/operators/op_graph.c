#include "tests/operators/op_graph.h"

#include <stdio.h>
#include <string.h>

#include "graph/ir/attr.h"

extern const ig_op_def *const igi_builtin_ops[];

ig_graph *g;
int64_t N, W;
static ig_registry *reg;
static int n_inputs;

int op_graph_setup(void **state)
{
    (void)state;
    if (igi_registry_new(&reg) != IG_OK)
        return -1;
    for (int i = 0; igi_builtin_ops[i]; i++) {
        if (igi_registry_add(reg, igi_builtin_ops[i]) != IG_OK) {
            print_error("%s\n", ig_error_message());
            return -1;
        }
    }
    n_inputs = 0;
    if (igi_graph_new(&g, "test", reg, NULL) != IG_OK)
        return -1;
    return ig_graph_dim(g, "N", &N) != IG_OK || ig_graph_dim(g, "W", &W) != IG_OK;
}

int op_graph_teardown(void **state)
{
    (void)state;
    ig_graph_free(g);
    igi_registry_free(reg);
    g = NULL;
    return 0;
}

ig_value_id graph_input(int rank, const int64_t *dims)
{
    char name[16];
    ig_value_id v = {0};
    snprintf(name, sizeof(name), "x%d", n_inputs++);
    assert_int_equal(ig_graph_input(g, name, IG_FLOAT32, rank, dims, &v), IG_OK);
    return v;
}

static ig_value_id constant(int rank, int64_t n, const int64_t *v)
{
    ig_tensor *t = NULL;
    ig_value_id id = {0};
    size_t bytes = (size_t)n * sizeof(*v);
    assert_int_equal(ig_tensor_new_copy(&t, IG_INT64, rank, &n, v, bytes), IG_OK);
    assert_int_equal(ig_graph_constant(g, NULL, t, &id), IG_OK);
    ig_tensor_unref(t);
    return id;
}

ig_value_id graph_ints(int n, const int64_t *v)
{
    return constant(1, n, v);
}

ig_value_id graph_int(int64_t v)
{
    return constant(0, 1, &v);
}

static ig_status make(const char *op,
                      const void *attrs,
                      int n_in,
                      const ig_value_id *in,
                      ig_value_id *out)
{
    const igi_op *record = igi_registry_find_full(reg, op);
    assert_non_null(record);
    ig_call call = {.op = record->def, .attrs = attrs, .n_in = n_in, .n_out = 1};
    return ig_graph_make(g, &call, in, out);
}

ig_value_id
graph_node(const char *op, const void *attrs, int n_in, const ig_value_id *in)
{
    ig_value_id out = {0};
    if (make(op, attrs, n_in, in, &out) != IG_OK)
        fail_msg("%s: %s", op, ig_error_message());
    return out;
}

void assert_type(ig_value_id v, const char *want)
{
    char text[256];
    const ig_type *t = ig_graph_value_type(g, v);
    assert_string_equal(igi_type_print(t, ig_graph_symbols(g), text, sizeof(text)),
                        want);
}

void assert_refused(const char *op,
                    const void *attrs,
                    int n_in,
                    const ig_value_id *in,
                    const char *text)
{
    ig_value_id out = {0};
    if (make(op, attrs, n_in, in, &out) == IG_OK)
        fail_msg("%s was not refused", op);
    if (!strstr(ig_error_message(), text))
        fail_msg("'%s' lacks '%s'", ig_error_message(), text);
}

ig_status run_reference(
    const char *op, const void *attrs, ig_tensor *const *in, int n_in, ig_tensor *out)
{
    const igi_op *record = igi_registry_find_full(reg, op);
    ig_value *values[8] = {0}, *result = ig_tensor_value(out);
    char defaults[256] = {0};
    assert_non_null(record);
    assert_true(record->def->attrs_size <= sizeof(defaults) && n_in <= 8);
    igi_attrs_init(record->def, defaults);
    for (int i = 0; i < n_in; i++)
        values[i] = in[i] ? ig_tensor_value(in[i]) : NULL;
    ig_kernel_ctx k = {.struct_size = sizeof(k),
                       .n_in = (int16_t)n_in,
                       .n_out = 1,
                       .in = values,
                       .out = &result,
                       .attrs = attrs ? attrs : defaults,
                       .threads = 1,
                       .op = record->def};
    return record->def->reference(&k);
}
