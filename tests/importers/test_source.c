/* Files as sources: who keeps the bytes alive, where external data is looked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/tensor.h"
#include "importers/import.h"
#include "tests/support/test_main.h"

static char folder[64], path[128];
static igi_source src;

static int fresh(void **state)
{
    (void)state;
    memset(&src, 0, sizeof(src));
    strcpy(folder, "/tmp/ingot-source-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    FILE *f = fopen(path, "wb");
    if (!f)
        return -1;
    for (int i = 0; i < 100000; i++)
        fputc(i & 0x7f, f);
    return fclose(f);
}

static int drop(void **state)
{
    (void)state;
    char cmd[160];
    igi_source_close(&src);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
    return system(cmd);
}

static void a_file_is_mapped_and_its_folder_known(void **state)
{
    (void)state;
    assert_int_equal(igi_source_open(&src, path, NULL), IG_OK);
    assert_int_equal(src.size, 100000);
    assert_int_equal(((const char *)src.bytes)[130], 2);
    assert_string_equal(src.dir, folder);
    assert_true(src.owner->st->flags & IGI_MAPPED);
    assert_true(src.owner->st->flags & IGI_READONLY);
}

/* V7 */
static void a_private_copy_is_not_mapped(void **state)
{
    (void)state;
    ig_read_opts o = {.private_copy = true, .data_dir = "/elsewhere"};
    assert_int_equal(igi_source_open(&src, path, &o), IG_OK);
    assert_false(src.owner->st->flags & IGI_MAPPED);
    assert_string_equal(src.dir, "/elsewhere");
}

static void the_bytes_live_as_long_as_a_tensor_needs_them(void **state)
{
    (void)state;
    assert_int_equal(igi_source_open(&src, path, NULL), IG_OK);
    ig_tensor *t = ig_tensor_ref(src.owner);
    igi_source_close(&src);
    assert_null(src.bytes);
    assert_int_equal(((const char *)ig_tensor_data(t))[99999], 99999 & 0x7f);
    ig_tensor_unref(t);
}

static void pages_that_were_given_back_are_read_again(void **state)
{
    (void)state;
    assert_int_equal(igi_source_open(&src, path, NULL), IG_OK);
    igi_source_forget(src.bytes, src.size);
    for (size_t i = 0; i < src.size; i += 1000)
        assert_int_equal(((const char *)src.bytes)[i], i & 0x7f);
}

static void the_limit_of_file_bytes_holds_exactly(void **state)
{
    (void)state;
    for (uint64_t most = 99999; most <= 100001; most++) {
        ig_read_opts o = {.limits.file_bytes = most};
        ig_status rc = igi_source_open(&src, path, &o);
        assert_int_equal(rc, most < 100000 ? IG_LIMIT : IG_OK);
        igi_source_close(&src);
    }
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    assert_int_equal(igi_source_open(&src, "/nonexistent/model.onnx", NULL),
                     IG_NOT_FOUND);
    assert_non_null(strstr(ig_error_message(), "/nonexistent/model.onnx"));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fresh, drop)
IG_TESTS(TEST(a_file_is_mapped_and_its_folder_known),
         TEST(a_private_copy_is_not_mapped),
         TEST(the_bytes_live_as_long_as_a_tensor_needs_them),
         TEST(pages_that_were_given_back_are_read_again),
         TEST(the_limit_of_file_bytes_holds_exactly),
         TEST(a_missing_file_is_named))
