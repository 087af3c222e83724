/* Random operators: the numbers of seeded nodes are NumPy's, those of others follow
 * their law and differ from draw to draw. */
#include <math.h>
#include <stdlib.h>

#include "operators/common.h"
#include "operators/common_random.h"
#include "tests/operators/op_graph.h"

/* NumPy 2.4: RandomState(7).randn(4), .rand(3). */
static void seeded_numbers_are_those_of_numpy(void **state)
{
    (void)state;
    const double normal[] = {1.690525703800356, -0.4659373705408328, 0.0328201636785844,
                             0.40751628299650783};
    const double uniform[] = {0.07630828937395717, 0.7799187922401146,
                              0.4384092314408935};
    ig_kernel_ctx k = {.seed = 99, .draw = 5};
    igi_random r;
    igi_random_begin(&r, &k, 7);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(igi_random_next_normal(&r, i) - normal[i]) < 1e-15);
    igi_random_begin(&r, &k, 7);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(igi_random_next(&r, i) - uniform[i]) < 1e-15);
}

static void normal_numbers_have_mean_0_and_deviation_1(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    ig_kernel_ctx k = {.seed = 1, .draw = 1};
    for (int64_t own = -1; own < 1; own++) {
        double sum = 0, squares = 0, fourth = 0;
        igi_random r;
        igi_random_begin(&r, &k, own);
        for (int i = 0; i < MANY; i++) {
            double v = igi_random_next_normal(&r, i);
            sum += v, squares += v * v, fourth += v * v * v * v;
        }
        assert_true(fabs(sum / MANY) < 0.02);
        assert_true(fabs(squares / MANY - 1) < 0.03);
        assert_true(fabs(fourth / MANY - 3) < 0.2);
    }
}

static void draws_and_seeds_differ(void **state)
{
    (void)state;
    const uint64_t which[][2] = {{1, 1}, {1, 2}, {2, 1}, {2, 2}};
    double first[4];
    for (int i = 0; i < 4; i++) {
        ig_kernel_ctx k = {.seed = which[i][0], .draw = which[i][1]};
        igi_random r;
        igi_random_begin(&r, &k, -1);
        first[i] = igi_random_next(&r, 0);
        for (int j = 0; j < i; j++)
            assert_true(fabs(first[i] - first[j]) > 0);
    }
}

static ig_tensor *row(int n, const double *v)
{
    ig_tensor *t = NULL;
    const int64_t dims[2] = {1, n};
    assert_int_equal(
        ig_tensor_new_copy(&t, IG_FLOAT64, 2, dims, v, (size_t)n * sizeof(*v)), IG_OK);
    return t;
}

static void classes_come_as_often_as_their_probabilities_say(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    const struct {
        uint32_t struct_size;
        float seed;
        int64_t dtype, sample_size;
    } attrs = {sizeof(attrs), -1, IG_INT32, MANY};
    /* 1 : 2 : 0 : 5, up to a factor e^700 */
    ig_tensor *x =
        row(4, (double[]){700, 700 + log(2), -(double)INFINITY, 700 + log(5)});
    ig_tensor *y = NULL;
    int seen[4] = {0};
    assert_int_equal(ig_tensor_new(&y, IG_INT32, 2, (int64_t[]){1, MANY}), IG_OK);
    assert_int_equal(run_reference("Multinomial", &attrs, &x, 1, y), IG_OK);
    for (int i = 0; i < MANY; i++)
        seen[ig_tensor_data_i32(y)[i]]++;
    assert_int_equal(seen[2], 0);
    assert_true(abs(seen[0] - MANY / 8) < 300);
    assert_true(abs(seen[1] - MANY / 4) < 400);
    ig_tensor_unref(x);
    x = row(1, (double[]){(double)NAN});
    assert_int_equal(run_reference("Multinomial", &attrs, &x, 1, y),
                     IG_INVALID_ARGUMENT);
    ig_tensor_unref(x);
    ig_tensor_unref(y);
}

static void chances_outside_0_to_1_are_refused(void **state)
{
    (void)state;
    ig_tensor *x = row(2, (double[]){0.5, 1.5}), *y = row(2, (double[]){0, 0});
    assert_int_equal(run_reference("Bernoulli", NULL, &x, 1, y), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "input[1] is 1.5"));
    ig_tensor_unref(x);
    ig_tensor_unref(y);
}

#define TEST(name_)                                                                    \
    cmocka_unit_test_setup_teardown(name_, op_graph_setup, op_graph_teardown)
IG_TESTS(TEST(seeded_numbers_are_those_of_numpy),
         TEST(normal_numbers_have_mean_0_and_deviation_1),
         TEST(draws_and_seeds_differ),
         TEST(classes_come_as_often_as_their_probabilities_say),
         TEST(chances_outside_0_to_1_are_refused))
