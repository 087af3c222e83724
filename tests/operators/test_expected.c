/* What operators must give, computed by hand or by NumPy: cases that ONNX's own suite
 * does not have. Samples compare an operator with itself; these rows compare it with
 * the world.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ingot/ingot.h>
#include <ingot/ops.h>
#include <ingot/train.h>

#include "graph/core/dtype.h"
#include "graph/core/tensor.h"
#include "graph/ir/registry.h"
#include "operators/common_einsum.h"
#include "operators/common_index.h"
#include "operators/common_scan.h"
#include "operators/common_taper.h"
#include "tests/support/test_main.h"

enum { IN_MAX = 8, OUT_MAX = 4 };
typedef struct row {
    const char *op;
    const void *attrs;
    int n_in, n_out;
    ig_sample_in in[IN_MAX], out[OUT_MAX];
} row;

static ig_tensor *make(const ig_sample_in *s)
{
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new(&t, (ig_dtype)s->dtype, s->rank, s->dims), IG_OK);
    for (int64_t i = 0; i < igi_tensor_count(t); i++)
        igi_put_f64((ig_dtype)s->dtype, t->data, i, s->data[i]);
    return t;
}

static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= 2e-6 * (1 + fabs(b));
}

static void compare(const row *r, int o, const ig_tensor *got)
{
    ig_tensor *want = make(&r->out[o]);
    char a[160], b[160];
    if (!igi_type_equal(&got->v.type, &want->v.type))
        fail_msg("%s: output %d is %s, expected %s", r->op, o,
                 igi_type_print(&got->v.type, NULL, a, sizeof(a)),
                 igi_type_print(&want->v.type, NULL, b, sizeof(b)));
    for (int64_t i = 0; i < igi_tensor_count(want); i++) {
        double have = igi_get_f64((ig_dtype)got->v.type.dtype, got->data, i);
        double need = igi_get_f64((ig_dtype)want->v.type.dtype, want->data, i);
        if (!same(have, need))
            fail_msg("%s: output %d, element %d is %.9g, expected %.9g", r->op, o,
                     (int)i, have, need);
    }
    ig_tensor_unref(want);
}

static void check(const row *r)
{
    const igi_op *op = igi_registry_find_full(ig_registry_builtin(), r->op);
    ig_tensor *in[IN_MAX] = {0}, *out[OUT_MAX] = {0};
    ig_ctx *c = NULL;
    assert_non_null(op);
    assert_int_equal(ig_ctx_new(&c, NULL), IG_OK);
    for (int i = 0; i < r->n_in; i++)
        if (r->in[i].dtype)
            in[i] = make(&r->in[i]);
    ig_call call = {.op = op->def,
                    .attrs = r->attrs,
                    .where = IG_HERE,
                    .wanted = IG_BIT(r->n_out) - 1,
                    .n_in = r->n_in,
                    .n_out = r->n_out};
    if (ig_dispatch(c, &call, (ig_value *const *)in, (ig_value **)out) != IG_OK)
        fail_msg("%s: %s", r->op, ig_ctx_message(c));
    for (int o = 0; o < r->n_out; o++)
        compare(r, o, out[o]);
    ig_ctx_free(c);
    for (int i = 0; i < r->n_in; i++)
        ig_tensor_unref(in[i]);
}

static void check_all(const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(&rows[i]);
}
#define CHECK_ALL(rows_) check_all(rows_, sizeof(rows_) / sizeof(*(rows_)))

#define F32(shape_, ...)                                                               \
    {                                                                                  \
        IGI_UNWRAP_ shape_, IGI_DATA(IG_FLOAT32, __VA_ARGS__)                          \
    }
#define OF(type_, shape_, ...)                                                         \
    {                                                                                  \
        IGI_UNWRAP_ shape_, IGI_DATA(IG_##type_, __VA_ARGS__)                          \
    }
#define D(...)           (IG_SHAPE_IN(__VA_ARGS__))
#define SCALAR           (.rank = 0)
#define INPUTS(n_, ...)  .n_in = n_, .in = {__VA_ARGS__}
#define OUTPUTS(n_, ...) .n_out = n_, .out = {__VA_ARGS__}

static void scatters_meet_in_order_and_round_once(void **state)
{
    (void)state;
    static const igi_scatter_attrs add = {sizeof(add), 0, IGI_SCATTER_ADD};
    static const igi_scatter_nd_attrs max = {sizeof(max), IGI_SCATTER_MAX};
    const row rows[] = {
        {"ScatterElements", NULL,
         INPUTS(3, F32(D(3), 0, 0, 0), OF(INT64, D(2), 1, 1), F32(D(2), 5, 7)),
         OUTPUTS(1, F32(D(3), 0, 7, 0))},
        {"ScatterElements", &add, /* 2048 + 1 is 2048 in float16 */
         INPUTS(3, OF(FLOAT16, D(1), 2048), OF(INT64, D(2), 0, -1),
                OF(FLOAT16, D(2), 1, 1)),
         OUTPUTS(1, OF(FLOAT16, D(1), 2050))},
        {"ScatterND", &max,
         INPUTS(3, F32(D(2), 1, 2), OF(INT64, D(2, 1), 0, 1), F32(D(2), NAN, 1)),
         OUTPUTS(1, F32(D(2), NAN, 2))},
    };
    CHECK_ALL(rows);
}

static void the_order_of_elements_is_total(void **state)
{
    (void)state;
    const row rows[] = {
        {"TopK", NULL,
         INPUTS(2, F32(D(5), 1, NAN, INFINITY, NAN, -1), OF(INT64, D(1), 4)),
         OUTPUTS(2, F32(D(4), NAN, NAN, INFINITY, 1), OF(INT64, D(4), 1, 3, 2, 0))},
        {"Unique", NULL, INPUTS(1, F32(D(5), NAN, 1, NAN, -1, 1)),
         OUTPUTS(4, F32(D(3), -1, 1, NAN), OF(INT64, D(3), 3, 1, 0),
                 OF(INT64, D(5), 2, 1, 2, 0, 1), OF(INT64, D(3), 1, 2, 2))},
        {"ArgMin", NULL, INPUTS(1, F32(D(3), 1, NAN, -1)),
         OUTPUTS(1, OF(INT64, D(1), 1))},
        {"NonZero", NULL, INPUTS(1, F32(SCALAR, 3)), OUTPUTS(1, OF(INT64, D(0, 1), 0))},
    };
    CHECK_ALL(rows);
}

static void reductions_know_infinities_and_zeros(void **state)
{
    (void)state;
    const row rows[] = {
        {"ReduceLogSumExp", NULL, INPUTS(1, F32(D(2), INFINITY, 1)),
         OUTPUTS(1, F32(D(1), INFINITY))},
        {"ReduceLogSumExp", NULL, INPUTS(1, F32(D(2), -INFINITY, -INFINITY)),
         OUTPUTS(1, F32(D(1), -INFINITY))},
        {"ReduceLogSumExp", NULL, INPUTS(1, F32(D(2), 1000, 1000)),
         OUTPUTS(1, F32(D(1), 1000.6931471805599))},
        {"ReduceProd", NULL, INPUTS(1, OF(INT32, D(3), 2, -3, 4)),
         OUTPUTS(1, OF(INT32, D(1), -24))},
        {"ReduceL1", NULL, INPUTS(1, OF(INT32, D(2), -3, 4)),
         OUTPUTS(1, OF(INT32, D(1), 7))},
        {"ReduceMin", NULL, INPUTS(1, OF(BOOL, D(2), 1, 0)),
         OUTPUTS(1, OF(BOOL, D(1), 0))},
    };
    CHECK_ALL(rows);
}

static void scans_run_both_ways(void **state)
{
    (void)state;
    static const igi_cum_attrs both = {sizeof(both), 1, 1};
    static const igi_scan_attrs adjoint = {sizeof(adjoint), 1, 0};
    const row rows[] = {
        {"CumProd", &both, INPUTS(2, F32(D(3), 2, 0, 3), OF(INT64, SCALAR, 0)),
         OUTPUTS(1, F32(D(3), 0, 3, 1))},
        {"ingot::LinearScan", NULL,
         INPUTS(3, F32(D(3), 9, 2, 3), F32(D(3), 1, 1, 1), OF(INT64, SCALAR, 0)),
         OUTPUTS(1, F32(D(3), 1, 3, 10))},
        {"ingot::LinearScan", &adjoint,
         INPUTS(3, F32(D(3), 9, 2, 3), F32(D(3), 1, 1, 1), OF(INT64, SCALAR, 0)),
         OUTPUTS(1, F32(D(3), 9, 4, 1))},
    };
    CHECK_ALL(rows);
}

static void matrices_and_equations_are_computed(void **state)
{
    (void)state;
    static const igi_einsum_attrs diagonal = {sizeof(diagonal), "ii->i"};
    static const igi_einsum_attrs dots = {sizeof(dots), "...i, i"};
    static const igi_einsum_grad_attrs back = {sizeof(back), "ii->i", 0};
    const row rows[] = {
        {"Einsum", &diagonal, INPUTS(1, F32(D(2, 2), 1, 2, 3, 4)),
         OUTPUTS(1, F32(D(2), 1, 4))},
        {"Einsum", &dots, INPUTS(2, F32(D(2, 2), 1, 2, 3, 4), F32(D(2), 10, 1)),
         OUTPUTS(1, F32(D(2), 12, 34))},
        {"ingot::EinsumGrad", &back, INPUTS(2, F32(D(2), 5, 6), OF(INT64, D(2), 2, 2)),
         OUTPUTS(1, F32(D(2, 2), 5, 0, 0, 6))},
        {"ingot::Inverse", NULL, INPUTS(1, F32(D(2, 2), 0, 2, 4, 0)),
         OUTPUTS(1, F32(D(2, 2), 0, 0.25, 0.5, 0))},
        {"Det", NULL, INPUTS(1, F32(D(2, 2), 1, 2, 2, 4)), OUTPUTS(1, F32(SCALAR, 0))},
    };
    CHECK_ALL(rows);
}

static void elementwise_corners_are_those_of_the_text(void **state)
{
    (void)state;
    static const igi_taper_attrs whole_numbers = {sizeof(whole_numbers), IG_INT64, 1},
                                 symmetric = {sizeof(symmetric), IG_FLOAT32, 0};
    static const struct {
        uint32_t struct_size;
        float bias, lambd;
    } hard = {sizeof(hard), 1.25f, 1.5f};
    static const struct {
        uint32_t struct_size;
        int64_t direction;
    } right = {sizeof(right), 1};
    const row rows[] = {
        {"Shrink", &hard, INPUTS(1, OF(INT32, D(5), -3, -1, 0, 1, 3)),
         OUTPUTS(1, OF(INT32, D(5), -2, 0, 0, 0, 2))},
        {"BitShift", &right,
         INPUTS(2, OF(UINT8, D(3), 255, 255, 255), OF(UINT8, D(3), 7, 8, 200)),
         OUTPUTS(1, OF(UINT8, D(3), 1, 0, 0))},
        {"PRelu", NULL, INPUTS(2, OF(INT32, D(2), -2, 3), OF(INT32, D(1), 3)),
         OUTPUTS(1, OF(INT32, D(2), -6, 3))},
        {"Round", NULL, INPUTS(1, F32(D(4), 0.5, 1.5, 2.5, -0.5)),
         OUTPUTS(1, F32(D(4), 0, 2, 2, 0))},
        {"HannWindow", NULL, INPUTS(1, OF(INT64, SCALAR, 1)), OUTPUTS(1, F32(D(1), 0))},
        {"HannWindow", &symmetric, INPUTS(1, OF(INT64, SCALAR, 1)),
         OUTPUTS(1, F32(D(1), 1))},
        {"BlackmanWindow", &whole_numbers, INPUTS(1, OF(INT64, SCALAR, 4)),
         OUTPUTS(1, OF(INT64, D(4), 0, 0, 1, 0))},
        {"OneHot", NULL,
         INPUTS(3, OF(INT64, D(3), 1, -3, 7), OF(INT64, SCALAR, 2), F32(D(2), 5, 6)),
         OUTPUTS(1, F32(D(3, 2), 5, 6, 5, 5, 5, 5))},
    };
    CHECK_ALL(rows);
}

/* An operand of rank 1 has no row (or column) in y: the batch dims are those before. */
static void zero_points_of_a_batch_belong_to_its_matrices(void **state)
{
    (void)state;
    const row rows[] = {
        {"MatMulInteger", NULL,
         INPUTS(3, OF(UINT8, D(2, 1, 2), 5, 6, 7, 8), OF(UINT8, D(2), 1, 10),
                OF(UINT8, D(2, 1, 1), 1, 3)),
         OUTPUTS(1, OF(INT32, D(2, 1), 54, 54))},
        {"MatMulInteger", NULL,
         INPUTS(4, OF(INT8, D(2), 1, 10), OF(UINT8, D(2, 2, 1), 5, 6, 7, 8),
                OF(INT8, D(1), 0), OF(UINT8, D(2, 1, 1), 1, 3)),
         OUTPUTS(1, OF(INT32, D(2, 1), 54, 54))},
        {"QLinearMatMul", NULL, .n_in = 8, .n_out = 1,
         .in = {OF(UINT8, D(2, 1, 2), 5, 6, 7, 8), F32(D(2, 1, 1), 1, 2),
                OF(UINT8, D(2, 1, 1), 1, 3), OF(UINT8, D(2), 1, 10), F32(SCALAR, 1),
                OF(UINT8, SCALAR, 0), F32(SCALAR, 1), OF(UINT8, SCALAR, 0)},
         .out = {OF(UINT8, D(2, 1), 54, 108)}},
    };
    CHECK_ALL(rows);
}

/* The one node as a net over constants: planning computes small integers itself. */
static void check_net(const row *r, int level)
{
    ig_graph *g = NULL;
    ig_net *net = NULL;
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_tensor *got = NULL;
    ig_value_id in[IN_MAX], y;
    assert_int_equal(ig_graph_new(&g, "g", NULL), IG_OK);
    for (int i = 0; i < r->n_in; i++) {
        ig_tensor *t = make(&r->in[i]);
        assert_int_equal(ig_graph_constant(g, NULL, t, &in[i]), IG_OK);
        ig_tensor_unref(t);
    }
    assert_int_equal(ig_graph_make_named(g, r->op, r->attrs, in, r->n_in, &y, 1),
                     IG_OK);
    assert_int_equal(ig_graph_output(g, "y", y), IG_OK);
    assert_int_equal(
        ig_net_new(&net, g, NULL, &(ig_net_opts){.threads = 1, .level = level}), IG_OK);
    assert_int_equal(ig_net_run(net, ws, NULL), IG_OK);
    assert_int_equal(ig_workspace_fetch(ws, "y", &got), IG_OK);
    compare(r, 0, got);
    ig_tensor_unref(got);
    ig_net_free(net);
    ig_workspace_free(ws);
    ig_graph_free(g);
}

static void integers_wrap_when_planning_computes_them(void **state)
{
    (void)state;
    const row rows[] = {
        {"Add", NULL, INPUTS(2, OF(UINT8, D(2), 200, 1), OF(UINT8, D(2), 100, 2)),
         OUTPUTS(1, OF(UINT8, D(2), 44, 3))},
        {"Sub", NULL, INPUTS(2, OF(UINT16, D(1), 1), OF(UINT16, D(1), 2)),
         OUTPUTS(1, OF(UINT16, D(1), 65535))},
        {"Mul", NULL, INPUTS(2, OF(INT32, D(1), 65536), OF(INT32, D(1), 65537)),
         OUTPUTS(1, OF(INT32, D(1), 65536))},
        {"Neg", NULL, INPUTS(1, OF(INT8, D(1), -128)),
         OUTPUTS(1, OF(INT8, D(1), -128))},
        {"Sub", NULL, INPUTS(2, OF(UINT64, D(1), 0x1p63), OF(UINT64, D(1), 0x1p62)),
         OUTPUTS(1, OF(UINT64, D(1), 0x1p62))},
        {"Equal", NULL, INPUTS(2, OF(UINT64, D(1), 0x1p63), OF(UINT64, D(1), 0x1.8p63)),
         OUTPUTS(1, OF(BOOL, D(1), 0))},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        check_net(&rows[i], -1);
        check_net(&rows[i], 2);
    }
    CHECK_ALL(rows);
}

static void pools_over_channels_and_regions_agree_with_numpy(void **state)
{
    (void)state;
    static const struct {
        uint32_t struct_size;
        int64_t p;
    } three = {sizeof(three), 3};
    static const int64_t two[2] = {2, 2}, wide[2] = {2, 3};
    static const struct {
        uint32_t struct_size;
        ig_ints pooled_shape;
        float spatial_scale;
    } whole = {sizeof(whole), {2, two}, 1}, half = {sizeof(half), {2, wide}, 0.5f};
#define IMAGE F32(D(1, 1, 4, 4), 12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)
    const row rows[] = {
        {"GlobalLpPool", &three, INPUTS(1, F32(D(1, 2, 3), 1, -2, 3, 0.5, -0.25, 2)),
         OUTPUTS(1, F32(D(1, 2, 1), 3.301927249, 2.011650748))},
        {"MaxRoiPool", &whole,
         INPUTS(2, IMAGE, F32(D(2, 5), 0, 0, 0, 3, 2, 0, 2, 2, 9, 9)),
         OUTPUTS(1, F32(D(2, 1, 2, 2), 13, 15, 9, 11, 7, 0, 0, 0))},
        {"MaxRoiPool", &half, INPUTS(2, IMAGE, F32(D(1, 5), 0, 0, 1, 7, 5)),
         OUTPUTS(1, F32(D(1, 1, 2, 3), 9, 11, 11, 5, 7, 7))},
        {"RoiAlign", NULL,
         INPUTS(3, F32(D(1, 1, 2, 2), 1, 2, 3, 4), F32(D(1, 4), 0, 0, 2, 2),
                OF(INT64, D(1), 0)),
         OUTPUTS(1, F32(D(1, 1, 1, 1), 2.5))},
    };
    CHECK_ALL(rows);
}

/* Signs of zeros, which rows do not see. */
static void text_of_a_negative_zero_is_one(void **state)
{
    (void)state;
    ig_cast_opts to_double = IG_CAST_OPTS_INIT;
    to_double.to = IG_FLOAT64;
    const char *const text[] = {"-0", "0", "-00", "-0.0", "-1"};
    const double want[] = {-0.0, 0.0, -0.0, -0.0, -1};
    ig_tensor *x = NULL, *y = NULL;
    ig_ctx *c = NULL;
    assert_int_equal(ig_ctx_new(&c, NULL), IG_OK);
    assert_int_equal(ig_tensor_new_strings(&x, 1, (int64_t[]){5}, text), IG_OK);
    (void)ig_call_op(c, "Cast", &to_double, &x, 1, &y, 1);
    assert_string_equal(ig_ctx_message(c), "");
    assert_memory_equal(ig_tensor_data(y), want, sizeof(want));
    ig_tensor_unref(x);
    ig_ctx_free(c);
}

/* NaN is told, never a number instead; as onnxruntime has it. */
static void feature_operators_keep_nan(void **state)
{
    (void)state;
    static const int64_t cats[2] = {0, 2};
    static const float slopes[2] = {1, 2};
    static const struct {
        uint32_t struct_size;
        int64_t norm;
    } l1 = {sizeof(l1), 1}, l2 = {sizeof(l2), 2};
    static const struct {
        uint32_t struct_size;
        ig_ints cats_int64s;
        ig_strings cats_strings;
        int64_t zeros;
    } known = {.struct_size = sizeof(known), .cats_int64s = {2, cats}, .zeros = 1};
    static const struct {
        uint32_t struct_size;
        int64_t targets, post_transform;
        ig_floats coefficients, intercepts;
    } soft = {.struct_size = sizeof(soft),
              .targets = 2,
              .post_transform = 1,
              .coefficients = {2, slopes}};
#define GAP F32(D(2, 2), NAN, 3, 0, 0)
    const row rows[] = {
        {"ai.onnx.ml::Normalizer", &l1, INPUTS(1, GAP),
         OUTPUTS(1, F32(D(2, 2), NAN, NAN, 0, 0))},
        {"ai.onnx.ml::Normalizer", &l2, INPUTS(1, GAP),
         OUTPUTS(1, F32(D(2, 2), NAN, NAN, 0, 0))},
        {"ai.onnx.ml::OneHotEncoder", &known, INPUTS(1, F32(D(3), NAN, 0.5, 2)),
         OUTPUTS(1, F32(D(3, 2), 0, 0, 1, 0, 0, 1))},
        {"ai.onnx.ml::LinearRegressor", &soft, INPUTS(1, F32(D(2, 1), NAN, 0)),
         OUTPUTS(1, F32(D(2, 2), NAN, NAN, 0.5, 0.5))},
    };
    CHECK_ALL(rows);
}

/* Kernels check what references check (test_move.c): the first bad index is named. */
static void kernels_refuse_bad_indices_too(void **state)
{
    (void)state;
    static const char *const ops[] = {"GatherElements", "GatherND"};
    const ig_sample_in data = F32(D(3), 1, 2, 3);
    const ig_sample_in index[2] = {OF(INT64, D(3), 0, -3, 3),
                                   OF(INT64, D(3, 1), 0, -3, 3)};
    for (int i = 0; i < 2; i++) {
        const igi_op *op = igi_registry_find_full(ig_registry_builtin(), ops[i]);
        ig_tensor *in[2] = {make(&data), make(&index[i])};
        ig_value *out[1] = {NULL};
        ig_ctx *c = NULL;
        ig_call call = {
            .op = op->def, .where = IG_HERE, .wanted = 1, .n_in = 2, .n_out = 1};
        assert_int_equal(ig_ctx_new(&c, NULL), IG_OK);
        assert_int_equal(ig_dispatch(c, &call, (ig_value *const *)in, out),
                         IG_INVALID_ARGUMENT);
        assert_non_null(
            strstr(ig_ctx_message(c), "index 3 at position 2 is outside [-3, 2]"));
        ig_ctx_free(c);
        ig_tensor_unref(in[0]);
        ig_tensor_unref(in[1]);
    }
}

IG_TESTS(cmocka_unit_test(scatters_meet_in_order_and_round_once),
         cmocka_unit_test(the_order_of_elements_is_total),
         cmocka_unit_test(reductions_know_infinities_and_zeros),
         cmocka_unit_test(scans_run_both_ways),
         cmocka_unit_test(matrices_and_equations_are_computed),
         cmocka_unit_test(elementwise_corners_are_those_of_the_text),
         cmocka_unit_test(zero_points_of_a_batch_belong_to_its_matrices),
         cmocka_unit_test(integers_wrap_when_planning_computes_them),
         cmocka_unit_test(pools_over_channels_and_regions_agree_with_numpy),
         cmocka_unit_test(text_of_a_negative_zero_is_one),
         cmocka_unit_test(feature_operators_keep_nan),
         cmocka_unit_test(kernels_refuse_bad_indices_too))
