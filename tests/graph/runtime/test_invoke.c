/* Single calls: straight and general road, views, bound and mutated outputs, prepared
 * kernels. */
#include "graph/runtime/invoke.h"

#include "graph/core/log.h"
#include "tests/graph/runtime/support.h"

static igi_invoker invoker(fixture *f, int threads)
{
    igi_invoker v;
    igi_invoker_init(&v, f->reg, NULL, threads);
    return v;
}

static ig_status call2(fixture *f,
                       igi_invoker *v,
                       const ig_op_def *op,
                       const void *attrs,
                       ig_tensor *a,
                       ig_tensor *b,
                       ig_tensor **out)
{
    ig_value *in[2] = {(ig_value *)a, (ig_value *)b}, *o = (ig_value *)*out;
    ig_call call = {.op = op, .attrs = attrs, .n_in = b ? 2 : 1, .n_out = 1};
    ig_status rc = igi_invoke(v, igi_registry_of(f->reg, op), &call, in, &o);
    *out = (ig_tensor *)o;
    return rc;
}

static void equal_shapes_take_the_fast_kernel(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(4), 0), *b = tiny_iota(1, TINY_DIMS(4), 1),
              *y = NULL;
    int before = tiny_references;
    OK(call2(*state, &v, IG_OP(TAdd), NULL, a, b, &y));
    assert_int_equal(tiny_references, before);
    assert_floats(y, 4, FLOATS(1, 3, 5, 7));
    ig_tensor_unref(a), ig_tensor_unref(b), ig_tensor_unref(y), igi_invoker_fini(&v);
}

static void broadcasting_falls_to_the_reference(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(2, TINY_DIMS(2, 2), 0),
              *b = tiny_iota(1, TINY_DIMS(2), 10), *y = NULL;
    int before = tiny_references;
    OK(call2(*state, &v, IG_OP(TAdd), NULL, a, b, &y));
    assert_int_equal(tiny_references, before + 1);
    assert_floats(y, 4, FLOATS(10, 12, 12, 14));
    ig_tensor_unref(a), ig_tensor_unref(b), ig_tensor_unref(y), igi_invoker_fini(&v);
}

static void shapes_that_do_not_fit_are_refused_with_the_shapes(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(3), 0), *b = tiny_iota(1, TINY_DIMS(2), 1),
              *y = NULL;
    FAILS(IG_INVALID_ARGUMENT, call2(*state, &v, IG_OP(TAdd), NULL, a, b, &y));
    MESSAGE_HAS("TAdd");
    MESSAGE_HAS("float32[3]");
    assert_null(y);
    ig_tensor *i = tiny_ints(3, TINY_DIMS(1, 2, 3));
    FAILS(IG_INVALID_ARGUMENT, call2(*state, &v, IG_OP(TAdd), NULL, a, i, &y));
    MESSAGE_HAS("int64");
    ig_tensor_unref(a), ig_tensor_unref(b), ig_tensor_unref(i), igi_invoker_fini(&v);
}

static void views_share_storage_and_copies_are_made_when_needed(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(2, TINY_DIMS(2, 3), 0), *t = NULL, *s = NULL, *y = NULL;
    OK(call2(*state, &v, IG_OP(TTranspose), NULL, a, NULL, &t));
    assert_ptr_equal(ig_tensor_data(t), ig_tensor_data(a));
    assert_int_equal(ig_tensor_strides(t)[0], 1);
    OK(call2(*state, &v, IG_OP(TSum), NULL, t, NULL,
             &s)); /* reference wants contiguous */
    assert_floats(s, 1, FLOATS(0 * 1 + 3 * 2 + 1 * 3 + 4 * 4 + 2 * 5 + 5 * 6));
    ig_tensor *dims = tiny_ints(1, TINY_DIMS(6));
    OK(call2(*state, &v, IG_OP(TReshape), NULL, t, dims, &y)); /* no view: copied */
    assert_floats(y, 6, FLOATS(0, 3, 1, 4, 2, 5));
    ig_tensor_unref(a), ig_tensor_unref(t), ig_tensor_unref(s), ig_tensor_unref(y);
    ig_tensor_unref(dims), igi_invoker_fini(&v);
}

static void missing_attributes_are_defaults(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(2), 1), *y = NULL, *z = NULL;
    t_scale_attrs attrs = {sizeof(attrs), 3, 1};
    OK(call2(*state, &v, IG_OP(TScale), NULL, a, NULL, &y));
    OK(call2(*state, &v, IG_OP(TScale), &attrs, a, NULL, &z));
    assert_floats(y, 2, FLOATS(2, 4));
    assert_floats(z, 2, FLOATS(4, 7));
    ig_tensor_unref(a), ig_tensor_unref(y), ig_tensor_unref(z), igi_invoker_fini(&v);
}

static void a_bound_output_may_be_an_aliased_input(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(4), 0), *b = tiny_iota(1, TINY_DIMS(4), 1),
              *y = a;
    uint32_t version = a->st->version;
    OK(call2(*state, &v, IG_OP(TAdd), NULL, a, b, &y));
    assert_ptr_equal(y, a);
    assert_floats(a, 4, FLOATS(1, 3, 5, 7));
    assert_true(a->st->version > version);
    y = b; /* TScale has no alias: through a temporary, the same result */
    OK(call2(*state, &v, IG_OP(TScale), NULL, b, NULL, &y));
    assert_floats(b, 4, FLOATS(2, 4, 6, 8));
    ig_tensor_unref(a), ig_tensor_unref(b), igi_invoker_fini(&v);
}

static void a_bound_output_of_another_type_is_refused(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(4), 0), *y = tiny_iota(1, TINY_DIMS(3), 1);
    FAILS(IG_INVALID_ARGUMENT, call2(*state, &v, IG_OP(TRelu), NULL, a, NULL, &y));
    MESSAGE_HAS("float32[4]");
    MESSAGE_HAS("float32[3]");
    ig_tensor_unref(a), ig_tensor_unref(y), igi_invoker_fini(&v);
}

static void a_bound_strided_output_is_written_through(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(2, TINY_DIMS(2, 2), 1),
              *base = tiny_iota(2, TINY_DIMS(2, 2), 0), *y = NULL;
    OK(igi_tensor_view(&y, NULL, base, 2, TINY_DIMS(2, 2), TINY_DIMS(1, 2), 0));
    OK(call2(*state, &v, IG_OP(TRelu), NULL, a, NULL, &y));
    assert_floats(base, 4, FLOATS(1, 3, 2, 4));
    ig_tensor_unref(a), ig_tensor_unref(y), ig_tensor_unref(base), igi_invoker_fini(&v);
}

static void mutated_inputs_are_updated(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *w = tiny_iota(1, TINY_DIMS(2), 10), *g = tiny_iota(1, TINY_DIMS(2), 2),
              *y = NULL;
    uint32_t version = w->st->version;
    OK(call2(*state, &v, IG_OP(TStep), NULL, w, g, &y));
    assert_floats(w, 2, FLOATS(9, 9.5f));
    assert_ptr_equal(ig_tensor_data(y), ig_tensor_data(w));
    assert_int_equal(w->st->version, version + 1);
    ig_tensor_unref(w), ig_tensor_unref(g), ig_tensor_unref(y), igi_invoker_fini(&v);
}

static void data_dependent_sizes_are_made_by_the_kernel(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(4), -1), *y = NULL;
    OK(call2(*state, &v, IG_OP(TCompress), NULL, a, NULL, &y));
    assert_floats(y, 2, FLOATS(1, 2));
    ig_tensor_unref(a), ig_tensor_unref(y), igi_invoker_fini(&v);
}

static void optional_outputs_are_made_when_wanted(void **state)
{
    fixture *f = *state;
    igi_invoker v = invoker(f, 1);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(2), 0);
    ig_value *in[1] = {ig_tensor_value(a)}, *out[2] = {NULL, NULL};
    ig_call call = {.op = IG_OP(TPair), .n_in = 1, .n_out = 2};
    OK(igi_invoke(&v, igi_registry_of(f->reg, IG_OP(TPair)), &call, in, out));
    assert_non_null(out[0]);
    assert_null(out[1]);
    ig_value_unref(out[0]), out[0] = NULL;
    call.wanted = 2;
    OK(igi_invoke(&v, igi_registry_of(f->reg, IG_OP(TPair)), &call, in, out));
    assert_non_null(out[0]); /* kernels count on the required ones */
    assert_floats(ig_value_tensor(out[1]), 2, FLOATS(2, 3));
    ig_value_unref(out[0]), ig_value_unref(out[1]), ig_tensor_unref(a),
        igi_invoker_fini(&v);
}

static void large_work_goes_to_a_team(void **state)
{
    igi_invoker v = invoker(*state, 3);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(100000), 0), *y = NULL;
    OK(call2(*state, &v, IG_OP(TAdd), NULL, a, a, &y));
    for (int i = 0; i < 100000; i++)
        assert_true(((float *)ig_tensor_data(y))[i] == 2 * (float)i);
    ig_tensor_unref(a), ig_tensor_unref(y), igi_invoker_fini(&v);
}

static void random_calls_draw_on(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(4), 0), *x = NULL, *y = NULL;
    OK(call2(*state, &v, IG_OP(TRandom), NULL, a, NULL, &x));
    OK(call2(*state, &v, IG_OP(TRandom), NULL, a, NULL, &y));
    assert_int_equal(v.draw, 2);
    assert_memory_not_equal(ig_tensor_data(x), ig_tensor_data(y), 16);
    ig_tensor_unref(a), ig_tensor_unref(x), ig_tensor_unref(y), igi_invoker_fini(&v);
}

static void a_tensor_beyond_the_limit_is_refused(void **state)
{
    igi_invoker v = invoker(*state, 1);
    v.env.tensor_bytes = 1000000;
    ig_tensor *a = tiny_iota(1, TINY_DIMS(300000), 0), *y = NULL;
    FAILS(IG_LIMIT, call2(*state, &v, IG_OP(TRelu), NULL, a, NULL, &y));
    MESSAGE_HAS("tensor_bytes of 1000000");
    ig_tensor_unref(a), igi_invoker_fini(&v);
}

static char log_text[2000];
static void keep_log(const char *channel, const char *text, void *user)
{
    (void)channel, (void)user;
    strncat(log_text, text, sizeof(log_text) - strlen(log_text) - 2);
    strcat(log_text, "\n");
}

static void refusals_are_logged_with_their_reasons(void **state)
{
    igi_invoker v = invoker(*state, 1);
    ig_tensor *a = tiny_iota(2, TINY_DIMS(2, 2), 0),
              *b = tiny_iota(1, TINY_DIMS(2), 10), *y = NULL;
    log_text[0] = 0;
    ig_log_set(keep_log, NULL);
    OK(call2(*state, &v, IG_OP(TAdd), NULL, a, b, &y));
    ig_tensor_unref(y), y = NULL;
    OK(call2(*state, &v, IG_OP(TAdd), NULL, a, a, &y));
    ig_log_set(NULL, NULL);
    assert_non_null(
        strstr(log_text, "TAdd: not fast: inputs and output differ in shape"));
    assert_non_null(strstr(log_text, "TAdd: reference"));
    assert_non_null(strstr(log_text, "TAdd: not team: one thread"));
    assert_non_null(strstr(log_text, "TAdd: fast"));
    ig_tensor_unref(a), ig_tensor_unref(b), ig_tensor_unref(y), igi_invoker_fini(&v);
}

IG_TESTS(TEST(equal_shapes_take_the_fast_kernel),
         TEST(broadcasting_falls_to_the_reference),
         TEST(shapes_that_do_not_fit_are_refused_with_the_shapes),
         TEST(views_share_storage_and_copies_are_made_when_needed),
         TEST(missing_attributes_are_defaults),
         TEST(a_bound_output_may_be_an_aliased_input),
         TEST(a_bound_output_of_another_type_is_refused),
         TEST(a_bound_strided_output_is_written_through),
         TEST(mutated_inputs_are_updated),
         TEST(data_dependent_sizes_are_made_by_the_kernel),
         TEST(optional_outputs_are_made_when_wanted),
         TEST(large_work_goes_to_a_team),
         TEST(random_calls_draw_on),
         TEST(a_tensor_beyond_the_limit_is_refused),
         TEST(refusals_are_logged_with_their_reasons))
