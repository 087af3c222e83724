/* Shared by the tests of CPU kernels: random tensors, and a call of an operator by one
 * kernel with one thread and two against the reference. */
#ifndef TESTS_OPERATORS_CPU_KERNEL_SUPPORT_H
#define TESTS_OPERATORS_CPU_KERNEL_SUPPORT_H

#include <ingot/ops.h>
#include <math.h>
#include <string.h>

#include "graph/ir/attr.h"
#include "graph/ir/registry.h"
#include "graph/runtime/invoke.h"
#include "graph/runtime/select.h"
#include "tests/support/test_main.h"

enum { PORTS = 11 };

typedef struct call {
    const char *op, *kernel;
    const void *attrs;
    int n_in, n_out;
    ig_tensor *in[PORTS];
    double tolerance; /* relative to 1 + |want| */
} call;

static uint64_t seed;

static inline float noise(void)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (float)((double)(seed >> 40) / 8388608.0 - 1.0);
}

#define DIMS(...)                                                                      \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])             \
    {                                                                                  \
        __VA_ARGS__                                                                    \
    }

static inline ig_tensor *floats(int rank, const int64_t *dims)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new(&t, IG_FLOAT32, rank, dims), IG_OK);
    float *p = ig_tensor_data(t);
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        p[i] = 2 * noise();
    return t;
}

static inline ig_tensor *positive(int rank, const int64_t *dims)
{
    ig_tensor *t = floats(rank, dims);
    float *p = ig_tensor_data(t);
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        p[i] = fabsf(p[i]) + 0.25f;
    return t;
}

static inline ig_tensor *ints(int rank, const int64_t *dims, const int64_t *v)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new(&t, IG_INT64, rank, dims), IG_OK);
    memcpy(ig_tensor_data(t), v, ig_tensor_nbytes(t));
    return t;
}
#define INTS(...)                                                                      \
    ints(DIMS((int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))),          \
         (int64_t[]){__VA_ARGS__})

static inline ig_tensor *random_ints(int64_t n, int64_t size)
{
    int64_t v[4096];
    for (int64_t i = 0; i < n; i++)
        v[i] = (int64_t)((double)size * 0.999 * (double)noise());
    return ints(DIMS(n), v);
}

/* ---- running ---- */

static inline const igi_op *op_of(const call *c)
{
    const igi_op *op = igi_registry_find_full(ig_registry_builtin(), c->op);
    assert_non_null(op);
    return op;
}

/* The operator with only the kernel of that name, or with none (NULL). */
static inline igi_op with_kernel(const call *c, const char *kernel)
{
    igi_op one = *op_of(c);
    one.n_kernels[0] = 0;
    for (int i = 0; kernel && i < op_of(c)->n_kernels[0]; i++)
        if (!strcmp(op_of(c)->kernels[0][i]->name, kernel))
            one.kernels[0][one.n_kernels[0]++] = op_of(c)->kernels[0][i];
    assert_true(!kernel || one.n_kernels[0]);
    return one;
}

/* A kernel that refuses would hide behind the reference. */
static inline void assert_taken(const call *c, ig_value **out)
{
    igi_op one = with_kernel(c, c->kernel);
    _Alignas(16) char defaults[512];
    ig_kernel_ctx k = {.struct_size = sizeof(k),
                       .n_in = (int16_t)c->n_in,
                       .n_out = (int16_t)c->n_out,
                       .in = (ig_value *const *)c->in,
                       .out = out,
                       .attrs = c->attrs,
                       .threads = 1,
                       .op = one.def};
    if (!k.attrs && one.def->attrs) {
        igi_attrs_init(one.def, defaults);
        k.attrs = defaults;
    }
    if (!igi_select(&one, 0, &k, igi_facts_of(&k)))
        fail_msg("%s: kernel %s does not take the call", c->op, c->kernel);
}

static inline ig_status
run(const call *c, const char *kernel, int threads, ig_value *out[PORTS])
{
    igi_op one = with_kernel(c, kernel);
    ig_op_def plain = *one.def;
    plain.view = NULL; /* else Transpose, Slice, Expand would run nothing at all */
    one.def = &plain;
    ig_call request = {
        .op = &plain, .attrs = c->attrs, .n_in = c->n_in, .n_out = c->n_out};
    ig_value *in[PORTS];
    igi_invoker v;
    for (int i = 0; i < c->n_in; i++)
        in[i] = (ig_value *)c->in[i];
    memset(out, 0, PORTS * sizeof(*out));
    igi_invoker_init(&v, ig_registry_builtin(), NULL, threads);
    ig_status rc = igi_invoke(&v, &one, &request, in, out);
    igi_invoker_fini(&v);
    return rc;
}

static inline bool close_to(double got, double want, double tolerance)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want))
        return isinf(got) && (got > 0) == (want > 0);
    return fabs(got - want) <= tolerance * (1 + fabs(want));
}

static inline void
same_tensor(const call *c, const ig_value *got, const ig_value *want, double tolerance)
{
    const ig_tensor *a = (const ig_tensor *)got, *b = (const ig_tensor *)want;
    assert_int_equal(ig_tensor_numel(a), ig_tensor_numel(b));
    assert_int_equal(ig_tensor_dtype(a), ig_tensor_dtype(b));
    if (ig_tensor_dtype(a) != IG_FLOAT32 || !(tolerance > 0)) {
        assert_memory_equal(ig_tensor_data(a), ig_tensor_data(b), ig_tensor_nbytes(a));
        return;
    }
    const float *x = ig_tensor_data_f32(a), *y = ig_tensor_data_f32(b);
    for (int64_t i = 0; i < ig_tensor_numel(a); i++)
        if (!close_to((double)x[i], (double)y[i], tolerance))
            fail_msg("%s (%s): element %lld is %.9g, the reference gives %.9g", c->op,
                     c->kernel, (long long)i, (double)x[i], (double)y[i]);
}

static inline void drop(ig_value *out[PORTS])
{
    for (int i = 0; i < PORTS; i++)
        ig_value_unref(out[i]);
}

/* One thread, two threads, reference; frees the inputs. */
static inline void compare(call c)
{
    ig_value *one[PORTS], *two[PORTS], *want[PORTS];
    if (!c.n_out)
        c.n_out = 1;
    assert_int_equal(run(&c, c.kernel, 1, one), IG_OK);
    assert_taken(&c, one);
    assert_int_equal(run(&c, c.kernel, 2, two), IG_OK);
    assert_int_equal(run(&c, NULL, 1, want), IG_OK);
    for (int i = 0; i < c.n_out; i++) {
        same_tensor(&c, two[i], one[i], 0);
        same_tensor(&c, one[i], want[i], c.tolerance);
    }
    drop(one), drop(two), drop(want);
    for (int i = 0; i < c.n_in; i++)
        ig_tensor_unref(c.in[i]);
}

#define HEAD(T_) .struct_size = sizeof(T_)

#endif
