#include "tests/support/tiny_ops_common.h"

#include <string.h>

#include "tests/support/test_main.h"

atomic_int tiny_prepared, tiny_unprepared, tiny_packed, tiny_references;

const ig_type_rule tiny_types[] = {
    {'T', IG_T(FLOAT32)}, {'I', IG_T(INT64)}, {'F', IG_FLOATS}, {0}};
const ig_port tiny_one_in[] = {IG_PORT("x", 'T', "Input."), {0}};
const ig_port tiny_out[] = {IG_PORT("y", 'T', "Result."), {0}};
const ig_port tiny_out_alias[] = {
    IG_PORT("y", 'T', "Result.", .alias = IG_MAY_ALIAS(0)), {0}};
static const ig_port two_in[] = {
    IG_PORT("a", 'T', "First."), IG_PORT("b", 'T', "Second."), {0}};
static const ig_port out_alias[] = {
    IG_PORT("y", 'T', "Result.", .alias = IG_MAY_ALIAS(0, 1)), {0}};
static const ig_port out_ints[] = {IG_PORT("y", 'I', "Integers."), {0}};

/* ---- TAdd, TRelu, TScale ---- */

/* Offset of element i (row-major in the output's dims) in input t, broadcasting. */
static int64_t at(const ig_tensor *t, const ig_tensor *y, int64_t i)
{
    int64_t off = 0;
    int shift = ig_rank(y) - ig_rank(t);
    for (int d = ig_rank(y) - 1; d >= 0; d--) {
        int64_t size = ig_dims(y)[d], c = i % size;
        i /= size;
        if (d >= shift && ig_dims(t)[d - shift] != 1)
            off += c * ig_strides(t)[d - shift];
    }
    return off;
}

static ig_status add_reference(ig_kernel_ctx *k)
{
    const ig_tensor *a = ig_in(k, 0), *b = ig_in(k, 1), *y = ig_out(k, 0);
    tiny_references++;
    for (int64_t i = 0, n = ig_numel(y); i < n; i++)
        out_f32(k, 0)[i] = in_f32(k, 0)[at(a, y, i)] + in_f32(k, 1)[at(b, y, i)];
    return IG_OK;
}
IG_OPERATOR(TAdd) = {
    IG_OP_HEAD,
    .name = "TAdd",
    .since = 1,
    .doc = "a + b.",
    .inputs = two_in,
    .outputs = out_alias,
    .types = tiny_types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = ig_gradient_none,
    .reference = add_reference,
};

static ig_status add_fast(ig_kernel_ctx *k)
{
    const float *a = in_f32(k, 0), *b = in_f32(k, 1);
    float *y = out_f32(k, 0);
    for (int64_t i = 0, n = ig_numel(ig_out(k, 0)); i < n; i++)
        y[i] = a[i] + b[i];
    return IG_OK;
}
static ig_status add_is_large(const ig_kernel_ctx *k)
{
    return k->threads > 1 ? IG_OK : ig_reject("one thread");
}
static ig_status add_team(ig_kernel_ctx *k, int tid, int nth)
{
    int64_t lo, hi;
    ig_split(ig_numel(ig_out(k, 0)), 16, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++)
        out_f32(k, 0)[i] = in_f32(k, 0)[i];
    ig_barrier(k);
    ig_split(ig_numel(ig_out(k, 0)), 16, nth - 1 - tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++)
        out_f32(k, 0)[i] += in_f32(k, 1)[i];
    return IG_OK;
}

static ig_status relu_reference(ig_kernel_ctx *k)
{
    for (int64_t i = 0, n = ig_numel(ig_out(k, 0)); i < n; i++)
        out_f32(k, 0)[i] = in_f32(k, 0)[i] > 0 ? in_f32(k, 0)[i] : 0;
    return IG_OK;
}
IG_OPERATOR(TRelu) = {
    IG_OP_HEAD,
    .name = "TRelu",
    .since = 1,
    .doc = "max(x, 0).",
    .inputs = tiny_one_in,
    .outputs = tiny_out_alias,
    .types = tiny_types,
    .flags = IG_OP_ELEMENTWISE,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = relu_reference,
};

static const ig_attr_def scale_attrs[] = {
    IG_ATTR_FLOAT(t_scale_attrs, factor, 2, "Factor."),
    IG_ATTR_INT(t_scale_attrs, offset, 0, "Offset."),
    {0}};
static ig_status scale_reference(ig_kernel_ctx *k)
{
    const t_scale_attrs *a = k->attrs;
    for (int64_t i = 0, n = ig_numel(ig_out(k, 0)); i < n; i++)
        out_f32(k, 0)[i] = in_f32(k, 0)[i] * a->factor + (float)a->offset;
    return IG_OK;
}
IG_OPERATOR(TScale) = {
    IG_OP_HEAD,
    .name = "TScale",
    .since = 1,
    .doc = "x * factor + offset.",
    .inputs = tiny_one_in,
    .outputs = tiny_out,
    .types = tiny_types,
    .attrs = scale_attrs,
    .attrs_size = sizeof(t_scale_attrs),
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = scale_reference,
};

/* ---- views ---- */

static const ig_port reshape_in[] = {IG_PORT("x", 'T', "Input."),
                                     IG_PORT("shape", 'I', "Dims.", .flags = IG_VALUE),
                                     {0}};
static ig_status reshape_infer(ig_infer *x)
{
    int64_t want[IG_RANK_MAX];
    int n = ig_infer_ints(x, 1, want, IG_RANK_MAX);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if (n < 0)
        return ig_infer_fresh(
            x, 0, x->in[1]->rank == 1 ? (int)ig_type_dims(x->in[1])[0] : -1);
    int64_t total = 1, rest = 1;
    for (int i = 0; i < x->in[0]->rank; i++)
        total = ig_dim_mul(x->syms, total, ig_type_dims(x->in[0])[i]);
    for (int i = 0; i < n; i++)
        rest = want[i] == -1 ? rest : ig_dim_mul(x->syms, rest, want[i]);
    for (int i = 0; i < n; i++)
        if (want[i] == -1)
            want[i] = ig_dim_div(x->syms, total, rest);
    if (total >= 0 && rest >= 0 && rest > total)
        return ig_infer_fail(x, "%lld elements do not fit", (long long)rest);
    return ig_infer_set(x, 0, n, want);
}
static ig_status copy_reference(ig_kernel_ctx *k)
{
    memcpy(ig_data(ig_out(k, 0)), ig_data(ig_in(k, 0)), ig_tensor_nbytes(ig_out(k, 0)));
    return IG_OK;
}
IG_OPERATOR(TReshape) = {
    IG_OP_HEAD,
    .name = "TReshape",
    .since = 1,
    .doc = "Other dims.",
    .inputs = reshape_in,
    .outputs = tiny_out,
    .types = tiny_types,
    .infer = reshape_infer,
    .view = ig_view_contiguous,
    .gradient = ig_gradient_none,
    .reference = copy_reference,
};

static ig_status transpose_infer(ig_infer *x)
{
    int64_t d[IG_RANK_MAX];
    int n = x->in[0]->rank;
    for (int i = 0; i < n; i++)
        d[i] = ig_type_dims(x->in[0])[n - 1 - i];
    return ig_infer_set(x, 0, n, d);
}
static bool transpose_view(ig_view *v)
{
    int n = v->x->in[0]->rank;
    for (int i = 0; i < n; i++)
        v->stride[i] = v->in_stride[n - 1 - i];
    return true;
}
IG_OPERATOR(TTranspose) = {
    IG_OP_HEAD,
    .name = "TTranspose",
    .since = 1,
    .doc = "Axes reversed.",
    .inputs = tiny_one_in,
    .outputs = tiny_out,
    .types = tiny_types,
    .flags = IG_OP_STRIDED,
    .infer = transpose_infer,
    .view = transpose_view,
    .gradient = ig_gradient_none,
    .reference = copy_reference,
};

/* ---- integers ---- */

static const ig_port shape_in[] = {IG_PORT("x", 'T', "Input.", .flags = IG_TYPE_ONLY),
                                   {0}};
static ig_status shape_infer(ig_infer *x)
{
    return ig_infer_set(x, 0, 1, TINY_DIMS(x->in[0]->rank));
}
static int shape_values(ig_infer *x, int64_t *out, int cap)
{
    int n = x->in[0]->rank;
    if (n < 0 || n > cap)
        return IG_INTS_UNKNOWN;
    for (int i = 0; i < n; i++)
        out[i] = ig_type_dims(x->in[0])[i];
    return n;
}
static ig_status shape_reference(ig_kernel_ctx *k)
{
    memcpy(ig_data(ig_out(k, 0)), ig_dims(ig_in(k, 0)), ig_tensor_nbytes(ig_out(k, 0)));
    return IG_OK;
}
IG_OPERATOR(TShape) = {
    IG_OP_HEAD,
    .name = "TShape",
    .since = 1,
    .doc = "Dims of x.",
    .inputs = shape_in,
    .outputs = out_ints,
    .types = tiny_types,
    .infer = shape_infer,
    .values = shape_values,
    .gradient = ig_gradient_none,
    .reference = shape_reference,
};

static const ig_port concat_in[] = {IG_PORT("v", 'I', "Vectors.", .flags = IG_VARIADIC),
                                    {0}};
static ig_status concat_infer(ig_infer *x)
{
    int64_t n = 0;
    for (int i = 0; i < x->n_in; i++)
        n = ig_dim_add(x->syms, n, ig_type_dims(x->in[i])[0]);
    return ig_infer_set(x, 0, 1, &n);
}
static int concat_values(ig_infer *x, int64_t *out, int cap)
{
    int n = 0;
    for (int i = 0; i < x->n_in; i++) {
        int got = ig_infer_ints(x, i, out + n, cap - n);
        if (got < 0)
            return IG_INTS_UNKNOWN;
        n += got;
    }
    return n;
}
static ig_status concat_reference(ig_kernel_ctx *k)
{
    char *to = ig_data(ig_out(k, 0));
    for (int i = 0; i < k->n_in; i++) {
        memcpy(to, ig_data(ig_in(k, i)), ig_tensor_nbytes(ig_in(k, i)));
        to += ig_tensor_nbytes(ig_in(k, i));
    }
    return IG_OK;
}
IG_OPERATOR(TConcatInts) = {
    IG_OP_HEAD,
    .name = "TConcatInts",
    .since = 1,
    .doc = "One vector.",
    .inputs = concat_in,
    .outputs = out_ints,
    .types = tiny_types,
    .infer = concat_infer,
    .values = concat_values,
    .gradient = ig_gradient_none,
    .reference = concat_reference,
};

/* ---- kernels, registry, helpers ---- */

static const ig_kernel_def kernels[] = {
    {IG_KERNEL_HEAD, .op = "TAdd", .name = "team", .types = IG_T(FLOAT32),
     .needs = IG_NEED_SAME_SHAPE, .supports = add_is_large, .run_team = add_team},
    {IG_KERNEL_HEAD, .op = "TAdd", .name = "fast", .types = IG_T(FLOAT32),
     .needs = IG_NEED_SAME_SHAPE | IG_NEED_NONEMPTY, .run = add_fast},
    {0},
};

ig_status tiny_registry(ig_registry **out)
{
    const ig_op_def *const ops[] = {
        &ig_op_TAdd,   &ig_op_TRelu,       &ig_op_TReshape,  &ig_op_TTranspose,
        &ig_op_TShape, &ig_op_TConcatInts, &ig_op_TCompress, &ig_op_TPair,
        &ig_op_TStep,  &ig_op_TMatVec,     &ig_op_TSum,      &ig_op_TSequence,
        &ig_op_TFail,  &ig_op_TRandom,     &ig_op_TScale};
    IG_TRY(igi_registry_new(out));
    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
        IG_TRY(igi_registry_add(*out, ops[i]));
    IG_TRY(igi_registry_add_kernels(*out, 0, tiny_matvec_kernel));
    return igi_registry_add_kernels(*out, 0, kernels);
}

ig_value_id tiny_node(ig_graph *g,
                      const ig_op_def *op,
                      const char *name,
                      const void *attrs,
                      ig_value_id a,
                      ig_value_id b)
{
    ig_value_id in[2] = {a, b}, out = {0};
    ig_call call = {.op = op,
                    .attrs = attrs,
                    .name = name,
                    .where = IG_HERE,
                    .n_in = b.i ? 2 : 1,
                    .n_out = 1};
    if (ig_graph_make(g, &call, in, &out) != IG_OK)
        fail_msg("%s", ig_error_message());
    return out;
}

ig_tensor *tiny_iota(int rank, const int64_t *dims, float start)
{
    ig_tensor *t = NULL;
    if (ig_tensor_new(&t, IG_FLOAT32, rank, dims) != IG_OK)
        fail_msg("%s", ig_error_message());
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        ((float *)ig_tensor_data(t))[i] = start + (float)i;
    return t;
}

ig_tensor *tiny_ints(int64_t n, const int64_t *v)
{
    ig_tensor *t = NULL;
    if (ig_tensor_new_copy(&t, IG_INT64, 1, &n, v, (size_t)n * sizeof(*v)) != IG_OK)
        fail_msg("%s", ig_error_message());
    return t;
}
