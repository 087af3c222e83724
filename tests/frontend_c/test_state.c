/* States of modules in files: what comes back, what is reported, what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ingot/train.h>

#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

typedef struct net {
    ig_module *m;
    ig_nn_conv2d *conv;
    ig_nn_linear *fc;
    ig_tensor *mean;
} net;

static char folder[64], path[128];
static ig_ctx *c;
static net a, b;

static net make(int64_t out)
{
    net n = {.m = ig_module_new(c, "net")};
    n.conv = ig_nn_conv2d_new(n.m, "conv", 1, 2, 3, NULL);
    n.fc = ig_nn_linear_new(ig_module_child(n.m, "head"), "fc", 4, out, NULL);
    n.mean = ig_module_buffer(n.m, "mean", ig_rand(c, IG_FLOAT64, IG_SHAPE(3)));
    assert_int_equal(ig_ctx_status(c), IG_OK);
    return n;
}

static int fresh(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/ingot_test_state_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/net.safetensors", folder);
    assert_int_equal(ig_ctx_new(&c, NULL), IG_OK);
    a = make(3);
    b = make(3);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    ig_module_free(a.m);
    ig_module_free(b.m);
    ig_ctx_free(c);
    a = b = (net){0};
    (void)unlink(path);
    (void)rmdir(folder);
    return 0;
}

static bool same(const ig_tensor *x, const ig_tensor *y)
{
    return !memcmp(ig_tensor_data(x), ig_tensor_data(y), ig_tensor_nbytes(x));
}

static void a_state_comes_back_into_the_tensors_that_are_there(void **state)
{
    (void)state;
    ig_load_report r;
    const void *memory = ig_tensor_data(b.fc->weight);
    assert_false(same(a.fc->weight, b.fc->weight));
    assert_int_equal(ig_module_save(a.m, path), IG_OK);
    assert_int_equal(ig_module_load(b.m, path, &r), IG_OK);
    assert_int_equal(r.loaded, 5);
    assert_int_equal(r.missing + r.unexpected, 0);
    assert_string_equal(r.text, "");
    assert_ptr_equal(ig_tensor_data(b.fc->weight), memory);
    assert_true(same(a.fc->weight, b.fc->weight));
    assert_true(same(a.fc->bias, b.fc->bias));
    assert_true(same(a.conv->weight, b.conv->weight));
    assert_true(same(a.mean, b.mean));
    assert_true(ig_tensor_requires_grad(b.fc->weight));
    assert_false(ig_tensor_requires_grad(b.mean));
}

static void missing_and_unexpected_names_are_an_error_without_a_report(void **state)
{
    (void)state;
    assert_int_equal(ig_module_save(a.m, path), IG_OK);
    ig_module *other = ig_module_new(c, "other");
    ig_nn_linear *fc =
        ig_nn_linear_new(ig_module_child(other, "head"), "fc", 4, 3, NULL);
    (void)ig_nn_linear_new(other, "extra", 1, 1, NULL);
    ig_status rc = ig_module_load(other, path, NULL);
    bool untouched = !same(fc->weight, a.fc->weight);
    bool named = strstr(ig_error_message(), "extra.weight") &&
                 strstr(ig_error_message(), "conv.bias");
    ig_load_report r;
    ig_status rc2 = ig_module_load(other, path, &r);
    bool loaded = same(fc->weight, a.fc->weight);
    ig_module_free(other);
    assert_int_equal(rc, IG_INVALID_ARGUMENT);
    assert_true(untouched);
    assert_true(named);
    assert_int_equal(rc2, IG_OK);
    assert_true(loaded);
    assert_int_equal(r.loaded, 2);
    assert_int_equal(r.missing, 2);
    assert_int_equal(r.unexpected, 3);
    assert_non_null(strstr(r.text, "; missing extra.weight, extra.bias"));
    assert_int_equal(ig_ctx_status(c), IG_OK); /* the context goes on */
}

static void another_shape_is_named_and_nothing_is_loaded(void **state)
{
    (void)state;
    ig_load_report r;
    net wide = make(7);
    assert_int_equal(ig_module_save(wide.m, path), IG_OK);
    ig_module_free(wide.m);
    ig_tensor *before = ig_keep(c, a.conv->weight);
    float first = *ig_tensor_data_f32(before);
    ig_status rc = ig_module_load(a.m, path, &r);
    char message[1024];
    snprintf(message, sizeof(message), "%s", ig_error_message());
    bool kept = first == *ig_tensor_data_f32(a.conv->weight);
    ig_tensor_unref(before);
    assert_int_equal(rc, IG_INVALID_ARGUMENT);
    assert_non_null(strstr(message, "2 of 5"));
    assert_non_null(strstr(message, "head.fc."));
    assert_non_null(strstr(message, "float32[7"));
    assert_true(kept);
    assert_int_equal(r.loaded, 0);
}

static void a_tape_that_saved_old_contents_refuses_them(void **state)
{
    (void)state;
    assert_int_equal(ig_module_save(a.m, path), IG_OK);
    ig_status rc = IG_OK;
    IG_SCOPE(c) {
        ig_tensor *x =
            ig_requires_grad(c, ig_rand(c, IG_FLOAT32, IG_SHAPE(2, 4)), true);
        ig_tensor *loss = ig_sum(c, ig_nn_linear_apply(c, a.fc, x), IG_ALL, false);
        assert_int_equal(ig_module_load(a.m, path, NULL), IG_OK);
        rc = ig_backward(c, loss);
    }
    assert_int_equal(rc, IG_INVALID_ARGUMENT);
    ig_ctx_clear(c);
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    ig_load_report r;
    assert_int_equal(ig_module_load(a.m, path, &r), IG_NOT_FOUND);
    assert_non_null(strstr(ig_error_message(), "net.safetensors"));
    assert_int_equal(ig_module_load(NULL, path, &r), IG_INVALID_ARGUMENT);
    assert_int_equal(ig_module_save(NULL, path), IG_INVALID_ARGUMENT);
    assert_int_equal(ig_ctx_status(c), IG_OK);
}

/* Two parameters and a buffer, saved and loaded again. */
static ig_status there_and_back(void *arg)
{
    ig_ctx *ctx = NULL;
    ig_status rc = ig_ctx_new(&ctx, &(ig_ctx_opts){.threads = 1});
    if (rc != IG_OK)
        return rc;
    ig_module *m = ig_module_new(ctx, "m");
    (void)ig_nn_linear_new(ig_module_child(m, "head"), "fc", 4, 3, NULL);
    (void)ig_module_buffer(m, "mean", ig_zeros(ctx, IG_FLOAT64, IG_SHAPE(3)));
    rc = ig_ctx_status(ctx);
    if (rc == IG_OK)
        rc = ig_module_save(m, arg);
    if (rc == IG_OK)
        rc = ig_module_load(m, arg, NULL);
    ig_module_free(m);
    ig_ctx_free(ctx);
    return rc;
}

static void memory_that_runs_out_leaves_nothing_behind(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/ingot_test_state_%d.safetensors", (int)getpid());
    assert_non_null(ig_registry_builtin()); /* lives as long as the process */
    igi_failing_each(there_and_back, path);
    (void)unlink(path);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fresh, drop)
IG_TESTS(TEST(a_state_comes_back_into_the_tensors_that_are_there),
         TEST(missing_and_unexpected_names_are_an_error_without_a_report),
         TEST(another_shape_is_named_and_nothing_is_loaded),
         TEST(a_tape_that_saved_old_contents_refuses_them),
         TEST(a_file_that_is_not_there_is_not_found),
         cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind))
