/* Contexts, scopes, the first error, reading and making tensors. */
#include <stdlib.h>

#include "frontend_c/ctx.h"
#include "tests/frontend_c/support.h"

static void temporaries_die_with_their_scope(void **state)
{
    (void)state;
    ig_tensor *x = vec(2, D(1, 2));
    IG_SCOPE(c) {
        (void)ig_neg(c, ig_reshape(c, x, IG_SHAPE(2, 1)));
        assert_true(c->scope.n > 1);
        assert_int_equal(x->st->refs, 2); /* the view */
    }
    assert_int_equal(c->scope.n, 1);
    assert_int_equal(x->st->refs, 1);
}

static int leave_by_return(void)
{
    IG_SCOPE(c) {
        (void)ig_zeros(c, IG_FLOAT32, IG_SHAPE(4));
        return 1;
    }
    return 0;
}

static void break_and_return_leave_scopes(void **state)
{
    (void)state;
    assert_int_equal(leave_by_return(), 1);
    assert_int_equal(c->scope.n, 0);
    IG_SCOPE(c) {
        (void)ig_zeros(c, IG_FLOAT32, IG_SHAPE(4));
        if (c->scope.n)
            break;
    }
    assert_int_equal(c->scope.n, 0);
    IG_SCOPE(c) {
        (void)ig_zeros(c, IG_FLOAT32, IG_SHAPE(4));
    }
    assert_int_equal(c->scope.n, 0);
}

static void kept_tensors_outlive_scope_and_context(void **state)
{
    (void)state;
    ig_ctx *own = NULL;
    ig_tensor *kept = NULL, *y = NULL;
    assert_int_equal(ig_ctx_new(&own, NULL), IG_OK);
    IG_SCOPE(own) {
        ig_tensor *x =
            ig_requires_grad(own, ig_from(own, IG_FLOAT64, IG_SHAPE(2), D(3, 4)), true);
        kept = ig_keep(own, x);
        y = ig_keep(own, ig_mul(own, x, x)); /* has a history */
        assert_int_equal(ig_backward(own, ig_sum(own, y, IG_ALL, false)), IG_OK);
    }
    ig_ctx_free(own);
    VALUES(kept, 2, 3, 4);
    VALUES(y, 2, 9, 16);
    GRADIENT(kept, 2, 6, 8);
    ig_tensor_unref(y);
    ig_tensor_unref(kept);
}

static void the_first_error_wins_and_calls_after_it_do_nothing(void **state)
{
    (void)state;
    ig_tensor *a = vec(2, D(1, 2)), *b = vec(3, D(1, 2, 3));
    assert_null(ig_add(c, a, b));
    size_t held = c->scope.n;
    assert_null(ig_matmul(c, a, NULL));
    assert_null(ig_zeros(c, IG_FLOAT32, IG_SHAPE(2)));
    assert_true(isnan(ig_item(c, a)));
    assert_int_equal(ig_size(c, a, 0), -1);
    assert_int_not_equal(ig_backward(c, a), IG_OK);
    assert_int_equal(c->scope.n, held);
    FAILED("test_eager.c", "Add", "float64[2]", "float64[3]");
    assert_int_equal(ig_ctx_status(c), IG_OK);
    assert_string_equal(ig_ctx_message(c), "");
    assert_non_null(ig_add(c, a, a));
}

static void null_flows_through_calls_once_an_error_is_recorded(void **state)
{
    (void)state;
    ig_tensor *y = ig_relu(c, ig_matmul(c, vec(2, D(1, 2)), vec(3, D(1, 2, 3))));
    y = ig_softmax(c, ig_reshape(c, ig_cat(c, &y, 1, 0), IG_SHAPE(-1)), -1);
    y = ig_linear(c, ig_transpose(c, ig_flatten(c, y, 0), 0, 1), y, NULL);
    assert_null(y);
    FAILED("MatMul");
}

static void a_null_input_alone_is_an_error_that_names_the_port(void **state)
{
    (void)state;
    assert_null(ig_relu(c, NULL));
    FAILED("Relu", "X");
    assert_true(isnan(ig_item(c, NULL)));
    FAILED("item", "NULL");
    assert_int_equal(ig_size(c, NULL, 0), -1);
    FAILED("size", "NULL");
    assert_null(ig_relu_(c, NULL));
    FAILED("in place", "NULL");
    assert_null(ig_copy_(c, NULL, vec(1, D(1))));
    FAILED("copy in place", "NULL");
    assert_null(ig_requires_grad(c, NULL, true));
    FAILED("requires_grad", "NULL");
    assert_null(ig_detach(c, NULL));
    FAILED("detach", "NULL");
    assert_null(ig_transpose(c, ig_flatten(c, NULL, 1), 0, 1));
    FAILED("flatten", "NULL");
}

static void whatever_else_is_null_is_named(void **state)
{
    (void)state;
    ig_tensor *x = vec(1, D(1)), *y = x;
    assert_null(ig_from(c, IG_FLOAT32, IG_SHAPE(2), NULL));
    FAILED("the data is NULL");
    assert_null(ig_zeros(c, IG_FLOAT32, (ig_shape){2, NULL}));
    FAILED("the shape is NULL");
    assert_null(ig_reshape(c, x, (ig_shape){1, NULL}));
    FAILED("the shape is NULL");
    assert_int_equal(ig_call_op(c, NULL, NULL, &x, 1, &y, 1), IG_INVALID_ARGUMENT);
    FAILED("name is NULL");
    assert_int_equal(ig_call_op(c, "Relu", NULL, NULL, 1, &y, 1), IG_INVALID_ARGUMENT);
    FAILED("inputs is NULL");
    assert_null(ig_module_new(c, NULL));
    FAILED("module's name is NULL");
    (void)ig_loop(c, 1, NULL, &x, 1, NULL);
    FAILED("body of a loop is NULL");
    (void)ig_scan(c, NULL, NULL, NULL);
    FAILED("body of a scan is NULL");
    (void)ig_cond(c, x, NULL, NULL, &x, &y, 1, NULL);
    FAILED("arm of a condition is NULL");
}

static void a_plugin_style_call_by_an_unknown_name_is_not_found(void **state)
{
    (void)state;
    ig_tensor *x = vec(1, D(1)), *y = x;
    assert_int_equal(ig_call_op(c, "test::Nothing", NULL, &x, 1, &y, 1), IG_NOT_FOUND);
    assert_null(y);
    FAILED("test::Nothing", "test_eager.c");
}

static void options_without_their_init_are_refused(void **state)
{
    (void)state;
    ig_softmax_opts o = {0};
    assert_null(ig_op_softmax(c, vec(2, D(1, 2)), &o));
    FAILED("Softmax", "struct_size");
}

static void wrong_axes_and_indices_name_value_and_bound(void **state)
{
    (void)state;
    ig_tensor *x = vec(3, D(1, 2, 3));
    assert_null(ig_softmax(c, x, 3));
    FAILED("Softmax", "axis", "3");
    assert_null(
        ig_index_select(c, x, 0, ig_from(c, IG_INT64, IG_SHAPE(1), &(int64_t){7})));
    FAILED("Gather", "7", "3");
    assert_int_equal(ig_size(c, x, 1), -1);
    FAILED("axis 1", "rank 1");
    assert_null(ig_transpose(c, x, 0, 4));
    FAILED("transpose", "4");
    assert_null(ig_flatten(c, x, 5));
    FAILED("flatten", "5");
}

static void item_reads_one_number_only(void **state)
{
    (void)state;
    assert_true(ig_item(c, ig_scalar(c, IG_FLOAT32, 2.5)) == 2.5);
    assert_true(ig_item(c, ig_full(c, IG_INT64, IG_SHAPE(1, 1), 7)) == 7);
    assert_true(isnan(ig_item(c, vec(2, D(1, 2)))));
    FAILED("one number", "float64[2]");
    assert_true(isnan(ig_item(c, ig_full(c, IG_COMPLEX64, IG_SCALAR, 1))));
    FAILED("one number", "complex64");
}

static void random_numbers_follow_seed_and_draw(void **state)
{
    (void)state;
    ig_ctx_seed(c, 5);
    ig_tensor *a = ig_randn(c, IG_FLOAT64, IG_SHAPE(100)),
              *b = ig_randn(c, IG_FLOAT64, IG_SHAPE(100));
    ig_ctx_seed(c, 5);
    ig_tensor *again = ig_randn(c, IG_FLOAT64, IG_SHAPE(100));
    FINE();
    assert_memory_equal(ig_tensor_data(a), ig_tensor_data(again), 800);
    assert_memory_not_equal(ig_tensor_data(a), ig_tensor_data(b), 800);
    double mean = ig_item(c, ig_mean(c, a, IG_ALL, false));
    assert_true(fabs(mean) < 0.4);
    ig_tensor *u = ig_rand(c, IG_FLOAT64, IG_SHAPE(1000));
    assert_true(ig_item(c, ig_amax(c, u, IG_ALL, false)) < 1);
    assert_true(ig_item(c, ig_amax(c, ig_neg(c, u), IG_ALL, false)) <= 0);
}

static void short_forms_compute_what_their_names_say(void **state)
{
    (void)state;
    ig_tensor *x = ig_from(c, IG_FLOAT64, IG_SHAPE(2, 3), D(1, -2, 3, 4, 5, -6));
    VALUES(ig_sum(c, x, 0, false), 3, 5, 3, -3);
    VALUES(ig_mean(c, x, 1, true), 2, 2.0 / 3, 1);
    VALUES(ig_amax(c, x, IG_ALL, false), 1, 5);
    VALUES(ig_slice(c, x, 1, 0, 3, 2), 4, 1, 3, 4, -6);
    VALUES(ig_permute(c, x, IG_SHAPE(1, 0)), 6, 1, 4, -2, 5, 3, -6);
    VALUES(ig_clamp(c, x, -1, 3), 6, 1, -1, 3, 3, 3, -1);
    VALUES(ig_maximum(c, x, ig_scalar(c, IG_FLOAT64, 0)), 6, 1, 0, 3, 4, 5, 0);
    VALUES(ig_expand(c, vec(2, D(1, 2)), IG_SHAPE(2, 2)), 4, 1, 2, 1, 2);
    VALUES(ig_squeeze(c, ig_unsqueeze(c, vec(2, D(1, 2)), 0), 0), 2, 1, 2);
    VALUES(ig_cat(c, (ig_tensor *[]){vec(1, D(1)), vec(2, D(2, 3))}, 2, 0), 3, 1, 2, 3);
    VALUES(ig_mse_loss(c, vec(2, D(1, 2)), vec(2, D(3, 5))), 1, 6.5);
    VALUES(ig_arange(c, IG_FLOAT64, 1, 2, 0.25), 4, 1, 1.25, 1.5, 1.75);
    VALUES(ig_pow_scalar(c, vec(2, D(2, 3)), 2), 2, 4, 9);
    assert_int_equal(*ig_tensor_data_i64(ig_argmax(c, x, IG_ALL, false)), 4);
    FINE();
}

static void a_reshape_to_a_size_of_0_leaves_no_other_open(void **state)
{
    (void)state;
    ig_tensor *x = ig_zeros(c, IG_FLOAT64, IG_SHAPE(3, 4));
    assert_null(ig_reshape(c, x, IG_SHAPE(0, -1)));
    FAILED("reshape", "size of 0");
    x = ig_reshape(c, ig_slice(c, x, 0, 0, 0, 1), IG_SHAPE(2, -1));
    FINE();
    assert_int_equal(ig_tensor_dim(x, 1), 0);
    assert_int_equal(ig_tensor_rank(ig_reshape(c, x, IG_SHAPE(5, 0, 7))), 3);
}

static void in_place_forms_write_into_their_tensor(void **state)
{
    (void)state;
    ig_tensor *x = vec(2, D(1, -2)), *same = ig_detach(c, x);
    assert_ptr_equal(ig_add_(c, x, vec(1, D(1))), x);
    VALUES(x, 2, 2, -1);
    ig_relu_(c, x);
    ig_mul_(c, x, vec(2, D(3, 3)));
    VALUES(x, 2, 6, 0);
    ig_copy_(c, x, vec(2, D(7, 8)));
    FINE();
    VALUES(same, 2, 7, 8);
    assert_null(
        ig_add_(c, x, ig_zeros(c, IG_FLOAT64, IG_SHAPE(3, 2)))); /* would grow */
    FAILED("Add", "float64[2]");
    assert_null(ig_copy_(c, x, vec(3, D(1, 2, 3))));
    FAILED("float64[3]", "float64[2]");
}

static void copies_between_views_of_one_tensor_may_overlap(void **state)
{
    (void)state;
    ig_tensor *x = vec(5, D(1, 2, 3, 4, 5));
    IG_NO_GRAD(c) {
        ig_copy_(c, ig_slice(c, x, 0, 1, 5, 1), ig_slice(c, x, 0, 0, 4, 1));
        ig_add_(c, ig_slice(c, x, 0, 0, 4, 1), ig_slice(c, x, 0, 1, 5, 1));
    }
    FINE();
    VALUES(x, 5, 2, 3, 5, 7, 4);
}

static void read_only_tensors_refuse_writes(void **state)
{
    (void)state;
    ig_tensor *x = vec(2, D(1, 2));
    x->st->flags |= IGI_READONLY; /* as constants of a mapped file are */
    assert_null(ig_copy_(c, x, vec(2, D(3, 4))));
    FAILED("read-only");
    assert_null(ig_relu_(c, x));
    FAILED("read-only");
    VALUES(x, 2, 1, 2);
}

static void tensors_print_as_numpy_does(void **state)
{
    (void)state;
    char *text = NULL;
    ig_tensor *x = ig_from(c, IG_FLOAT64, IG_SHAPE(2, 2), D(1, 2.5, -3, 4));
    assert_int_equal(ig_tensor_format(ig_transpose(c, x, 0, 1), &text), IG_OK);
    assert_string_equal(text, "float64[2,2] [[1, -3], [2.5, 4]]");
    ig_string_free(text);
    x = ig_from(c, IG_UINT64, IG_SHAPE(1), &(uint64_t){UINT64_MAX});
    assert_int_equal(ig_tensor_format(x, &text), IG_OK);
    assert_string_equal(text, "uint64[1] [18446744073709551615]");
    ig_string_free(text);
    x = ig_from(c, IG_COMPLEX64, IG_SHAPE(2), (const float[]){1, -2.5f, 0, 3});
    assert_int_equal(ig_tensor_format(x, &text), IG_OK);
    assert_string_equal(text, "complex64[2] [1-2.5j, 0+3j]");
    ig_string_free(text);
    x = ig_reshape(c, ig_arange(c, IG_INT64, 0, 2000, 1), IG_SHAPE(1000, 2));
    assert_int_equal(ig_tensor_format(x, &text), IG_OK);
    assert_non_null(strstr(text, "[4, 5], ..., [1994, 1995]"));
    ig_string_free(text);
}

/* A view costs nothing, its copy for the caller would take 4 TB. */
static void a_huge_view_as_an_output_is_stopped_by_the_limits(void **state)
{
    (void)state;
    ig_graph *g = NULL;
    ig_value_id in[2], y;
    ig_tensor *shape = NULL, *x = NULL, *out = NULL;
    ig_model *m = NULL;
    int64_t one = 1, big = (int64_t)1 << 40;
    assert_int_equal(ig_graph_new(&g, "huge", NULL), IG_OK);
    assert_int_equal(ig_graph_input(g, "x", IG_FLOAT32, 1, &one, &in[0]), IG_OK);
    assert_int_equal(ig_tensor_new_copy(&shape, IG_INT64, 1, &one, &big, sizeof(big)),
                     IG_OK);
    assert_int_equal(ig_graph_constant(g, NULL, shape, &in[1]), IG_OK);
    assert_int_equal(ig_graph_make_named(g, "Expand", NULL, in, 2, &y, 1), IG_OK);
    assert_int_equal(ig_graph_output(g, "y", y), IG_OK);
    assert_int_equal(ig_tensor_new(&x, IG_FLOAT32, 1, &one), IG_OK);
    assert_int_equal(ig_model_from_graph(&m, g, NULL), IG_OK);
    assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&out), NULL), IG_LIMIT);
    assert_null(out);
    ig_model_free(m), ig_graph_free(g), ig_tensor_unref(x), ig_tensor_unref(shape);
}

IG_TESTS(TEST(temporaries_die_with_their_scope),
         TEST(break_and_return_leave_scopes),
         TEST(kept_tensors_outlive_scope_and_context),
         TEST(the_first_error_wins_and_calls_after_it_do_nothing),
         TEST(null_flows_through_calls_once_an_error_is_recorded),
         TEST(a_null_input_alone_is_an_error_that_names_the_port),
         TEST(whatever_else_is_null_is_named),
         TEST(a_plugin_style_call_by_an_unknown_name_is_not_found),
         TEST(options_without_their_init_are_refused),
         TEST(wrong_axes_and_indices_name_value_and_bound),
         TEST(item_reads_one_number_only),
         TEST(random_numbers_follow_seed_and_draw),
         TEST(short_forms_compute_what_their_names_say),
         TEST(a_reshape_to_a_size_of_0_leaves_no_other_open),
         TEST(in_place_forms_write_into_their_tensor),
         TEST(copies_between_views_of_one_tensor_may_overlap),
         TEST(read_only_tensors_refuse_writes),
         TEST(tensors_print_as_numpy_does),
         TEST(a_huge_view_as_an_output_is_stopped_by_the_limits))
