/* External data, V20. */
#include "importers/onnx/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/core/dtype.h"
#include "graph/core/file.h"
#include "tests/importers/onnx/fixture.h"

static char folder[64];

static int fresh(void **state)
{
    igt_setup(state);
    strcpy(folder, "/tmp/ingot-onnx-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop(void **state)
{
    char cmd[128];
    igt_teardown(state);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
    return system(cmd);
}

static void entry(pb_tensor *t, const char *key, const char *value)
{
    pb_entry *e = igt_alloc(&m, sizeof(*e));
    igi_onnx__string_string_entry__init(e);
    e->key = igi_arena_strdup(&m.arena, key);
    e->value = igi_arena_strdup(&m.arena, value);
    pb_entry **list = igt_alloc(&m, (t->n_external_data + 1) * sizeof(*list));
    for (size_t i = 0; i < t->n_external_data; i++)
        list[i] = t->external_data[i];
    list[t->n_external_data++] = e;
    t->external_data = list;
}

static pb_tensor *external(const char *location, const char *offset, const char *length)
{
    pb_tensor *t = igt_tensor(IG_FLOAT32, DIMS(2));
    t->has_data_location = true;
    t->data_location = 1;
    if (location)
        entry(t, "location", location);
    if (offset)
        entry(t, "offset", offset);
    if (length)
        entry(t, "length", length);
    entry(t, "checksum", "ignored");
    return t;
}

static void make_file(const char *name, const void *p, size_t n)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

static const float numbers[] = {0, 1, 2, 3};

static void external_data_is_read_beneath_the_folder(void **state)
{
    (void)state;
    make_file("w.bin", numbers, 16);
    data.src.dir = folder;
    assert_status(igi_onnx_tensor(&data, external("w.bin", "4", "8"), &got), IG_OK);
    assert_true(ig_tensor_data_f32(got)[0] == 1 && ig_tensor_data_f32(got)[1] == 2);
    igi_onnx_data_fini(&data); /* the tensor keeps the mapping */
    assert_true(ig_tensor_data_f32(got)[1] == 2);
}

static void a_file_may_be_all_of_one_tensor_or_hold_many_at_any_offset(void **state)
{
    (void)state;
    unsigned char odd[17] = {0};
    memcpy(odd + 1, numbers, 16);
    make_file("whole.bin", numbers, 8);
    make_file("odd.bin", odd, 17);
    data.src.dir = folder;
    assert_status(igi_onnx_tensor(&data, external("whole.bin", NULL, NULL), &got),
                  IG_OK);
    assert_true(ig_tensor_data_f32(got)[1] == 1);
    static const struct {
        const char *offset, *length;
        float first;
    } many[] = {{"1", "8", 0}, {"9", "8", 2}, {"5", NULL, 1}};
    for (int i = 0; i < 3; i++) {
        ig_tensor_unref(got);
        got = NULL;
        assert_status(
            igi_onnx_tensor(&data, external("odd.bin", many[i].offset, many[i].length),
                            &got),
            IG_OK);
        assert_true(ig_tensor_data_f32(got)[0] == many[i].first);
    }
}

static void external_data_must_fit_the_file_and_the_dims(void **state)
{
    (void)state;
    make_file("w.bin", numbers, 16);
    data.src.dir = folder;
    igt_tensor_refused(external("w.bin", "12", NULL), IG_INVALID_GRAPH, "which has 16");
    igt_tensor_refused(external("w.bin", "0", "12"), IG_INVALID_GRAPH,
                       "has 12 bytes, the dims ask for 8");
    igt_tensor_refused(external("w.bin", "9223372036854775807", NULL), IG_INVALID_GRAPH,
                       "which has 16");
    igt_tensor_refused(external("w.bin", "18446744073709551620", NULL),
                       IG_INVALID_GRAPH, "no number");
    igt_tensor_refused(external("w.bin", "-4", NULL), IG_INVALID_GRAPH, "no number");
    igt_tensor_refused(external("w.bin", " 4", NULL), IG_INVALID_GRAPH, "no number");
    igt_tensor_refused(external("w.bin", "", NULL), IG_INVALID_GRAPH, "no number");
    pb_tensor *twice = external("w.bin", "4", "8");
    entry(twice, "offset", "0");
    igt_tensor_refused(twice, IG_INVALID_GRAPH, "two entries 'offset'");
    twice = external("w.bin", "4", "8");
    entry(twice, "length", "8");
    igt_tensor_refused(twice, IG_INVALID_GRAPH, "two entries 'length'");
}

static void external_data_cannot_leave_the_folder(void **state)
{
    (void)state;
    static const char *const bad[] = {"../w.bin", "a/../../w.bin", "/etc/passwd",
                                      "..",       "a\\b",          "."};
    make_file("w.bin", numbers, 16);
    data.src.dir = folder;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_not_equal(igi_onnx_tensor(&data, external(bad[i], NULL, NULL), &got),
                             IG_OK);
    igt_tensor_refused(external("", NULL, NULL), IG_INVALID_GRAPH,
                       "without a location");
    igt_tensor_refused(external(NULL, NULL, NULL), IG_INVALID_GRAPH,
                       "without a location");
    assert_int_equal(igi_onnx_tensor(&data, external("missing", NULL, NULL), &got),
                     IG_NOT_FOUND);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    char from[128], to[128];
    make_file("w.bin", numbers, 16);
    data.src.dir = folder;
    snprintf(from, sizeof(from), "%s/w.bin", folder);
    snprintf(to, sizeof(to), "%s/soft", folder);
    assert_int_equal(symlink(from, to), 0);
    assert_int_not_equal(igi_onnx_tensor(&data, external("soft", NULL, NULL), &got),
                         IG_OK);
    snprintf(to, sizeof(to), "%s/hard", folder);
    assert_int_equal(link(from, to), 0);
    assert_int_not_equal(igi_onnx_tensor(&data, external("hard", NULL, NULL), &got),
                         IG_OK);
}

static void a_model_from_memory_has_no_external_data(void **state)
{
    (void)state;
    igt_tensor_refused(external("w.bin", NULL, NULL), IG_INVALID_ARGUMENT, "data_dir");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fresh, drop)
static void a_model_that_cannot_be_written_leaves_its_old_data(void **state)
{
    (void)state;
    char path[128], beside[128];
    igi_file *f;
    ig_save_opts o = {.external_data = true};
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    snprintf(path, sizeof(path), "%s/m.onnx", folder);
    snprintf(beside, sizeof(beside), "%s/m.onnx.data", folder);
    assert_int_equal(mkdir(path, 0700), 0); /* no file can have this name */
    assert_status(igi_file_write_atomic(beside, "old", 3), IG_OK);
    assert_int_not_equal(igi_onnx_save(g, path, &o), IG_OK);
    assert_status(igi_file_read(&f, beside, 0), IG_OK);
    assert_int_equal(f->size, 3);
    igi_file_unref(f);
}

IG_TESTS(TEST(external_data_is_read_beneath_the_folder),
         TEST(a_file_may_be_all_of_one_tensor_or_hold_many_at_any_offset),
         TEST(external_data_must_fit_the_file_and_the_dims),
         TEST(external_data_cannot_leave_the_folder),
         TEST(links_are_not_followed),
         TEST(a_model_that_cannot_be_written_leaves_its_old_data),
         TEST(a_model_from_memory_has_no_external_data))
