/* Values in .ingot files that are no tensors. */
#include <string.h>

#include "tests/importers/native/support.h"

static ig_graph *g, *again;
static file_bytes b;

static int teardown(void **state)
{
    (void)state;
    igi_graph_unref(g);
    igi_graph_unref(again);
    g = again = NULL;
    nt_bytes_free(&b);
    nt_registry_free();
    return 0;
}

/* x, a map from strings to int64, as input, output and self-test. */
static void maps_come_back(void **state)
{
    (void)state;
    const char *const names[2] = {"two", "one"};
    const int64_t n = 2, numbers[2] = {2, 1};
    ig_tensor *keys = NULL, *t[2] = {NULL, NULL};
    ig_value *map = NULL, *values[2];
    ig_value_id x;
    OK(ig_tensor_new_strings(&keys, 1, &n, names));
    for (int i = 0; i < 2; i++) {
        OK(ig_tensor_new_copy(&t[i], IG_INT64, 0, NULL, &numbers[i], 8));
        values[i] = ig_tensor_value(t[i]);
    }
    OK(ig_map_new(&map, keys, values));
    ig_tensor_unref(keys);
    ig_tensor_unref(t[0]);
    ig_tensor_unref(t[1]);
    OK(igi_graph_new(&g, "maps", nt_registry(), NULL));
    OK(ig_graph_input_typed(g, "x", &map->type, &x));
    OK(ig_graph_output(g, "y", x));
    assert_true(IGI_RESERVE(&g->self_test, 2));
    g->self_test.p[g->self_test.n++] = igi_value_share(map);
    g->self_test.p[g->self_test.n++] = ig_value_ref(map);
    b = nt_save(g);
    OK(nt_read(&again, &b));
    const ig_value *read = again->self_test.p[1];
    assert_true(igi_type_equal(&read->type, &map->type));
    assert_int_equal(ig_value_size(read), 2);
    assert_string_equal(ig_tensor_string(ig_map_keys(read), 0), "two");
    const ig_value *one = ig_map_get_string(read, "one");
    assert_int_equal(*ig_tensor_data_i64((const ig_tensor *)one), 1);
    for (size_t i = 0; i < b.n; i++) { /* damage is an error, never more */
        b.p[i] ^= 0x41;
        igi_graph_unref(again);
        again = NULL;
        assert_int_not_equal(nt_read(&again, &b), IG_OK);
        b.p[i] ^= 0x41;
    }
}

IG_TESTS(cmocka_unit_test_setup_teardown(maps_come_back, NULL, teardown))
