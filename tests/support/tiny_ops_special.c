#include <string.h>

#include "graph/core/alloc.h"
#include "tests/support/tiny_ops_common.h"

/* ---- sizes that only the kernel knows, several outputs, sequences ---- */

static const ig_port dynamic_out[] = {IG_PORT("y", 'T', "Found.", .flags = IG_DYNAMIC),
                                      {0}};
static ig_status compress_infer(ig_infer *x)
{
    return ig_infer_fresh(x, 0, 1);
}
static ig_status compress_reference(ig_kernel_ctx *k)
{
    int64_t n = 0, all = ig_numel(ig_in(k, 0));
    for (int64_t i = 0; i < all; i++)
        n += in_f32(k, 0)[i] > 0;
    IG_TRY(ig_out_alloc(k, 0, 1, &n));
    for (int64_t i = 0, j = 0; i < all; i++)
        if (in_f32(k, 0)[i] > 0)
            out_f32(k, 0)[j++] = in_f32(k, 0)[i];
    return IG_OK;
}
IG_OPERATOR(TCompress) = {
    IG_OP_HEAD,
    .name = "TCompress",
    .since = 1,
    .doc = "Positive elements.",
    .inputs = tiny_one_in,
    .outputs = dynamic_out,
    .types = tiny_types,
    .infer = compress_infer,
    .gradient = ig_gradient_none,
    .reference = compress_reference,
};

static const ig_port pair_out[] = {IG_PORT("y", 'T', "x + 1."),
                                   IG_PORT("z", 'T', "x + 2.", .flags = IG_OPTIONAL),
                                   {0}};
static ig_status pair_reference(ig_kernel_ctx *k)
{
    for (int64_t i = 0, n = ig_numel(ig_in(k, 0)); i < n; i++) {
        float x = in_f32(k, 0)[i];
        if (ig_out(k, 0))
            out_f32(k, 0)[i] = x + 1;
        if (ig_out(k, 1))
            out_f32(k, 1)[i] = x + 2;
    }
    return IG_OK;
}
IG_OPERATOR(TPair) = {
    IG_OP_HEAD,
    .name = "TPair",
    .since = 1,
    .doc = "x + 1 and x + 2.",
    .inputs = tiny_one_in,
    .outputs = pair_out,
    .types = tiny_types,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = pair_reference,
};

static const ig_port sequence_in[] = {IG_PORT("v", 'T', "Items.", .flags = IG_VARIADIC),
                                      {0}};
static const ig_port sequence_out[] = {IG_PORT("y", 'T', "Sequence.", .flags = IG_SEQ),
                                       {0}};
static ig_status sequence_infer(ig_infer *x)
{
    ig_type *elem = igi_calloc(1, sizeof(*elem)); /* the type's, freed with it */
    if (!elem)
        return IG_OUT_OF_MEMORY;
    elem->dtype = IG_FLOAT32;
    elem->rank = -1;
    x->out[0]->u.elem = elem;
    return IG_OK;
}
static ig_status sequence_reference(ig_kernel_ctx *k)
{
    ig_value *made = NULL;
    const ig_type elem = {.dtype = IG_FLOAT32, .rank = -1};
    ig_type type = {.kind = IG_KIND_SEQUENCE, .u.elem = &elem};
    IG_TRY(igi_sequence_new(&made, &type, k->in, k->n_in));
    return ig_out_give(k, 0, made);
}
IG_OPERATOR(TSequence) = {
    IG_OP_HEAD,
    .name = "TSequence",
    .since = 1,
    .doc = "A sequence.",
    .inputs = sequence_in,
    .outputs = sequence_out,
    .types = tiny_types,
    .infer = sequence_infer,
    .gradient = ig_gradient_none,
    .reference = sequence_reference,
};

/* ---- in place, packed, reduced, failing, random ---- */

static const ig_port step_in[] = {IG_PORT("w", 'T', "Parameter.", .flags = IG_MUTATED),
                                  IG_PORT("g", 'T', "Gradient."),
                                  {0}};
static ig_status step_reference(ig_kernel_ctx *k)
{
    for (int64_t i = 0, n = ig_numel(ig_out(k, 0)); i < n; i++)
        out_f32(k, 0)[i] = in_f32(k, 0)[i] - 0.5f * in_f32(k, 1)[i];
    return IG_OK;
}
IG_OPERATOR(TStep) = {
    IG_OP_HEAD,
    .name = "TStep",
    .since = 1,
    .doc = "w - g / 2, in place.",
    .inputs = step_in,
    .outputs = tiny_out_alias,
    .types = tiny_types,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = step_reference,
};

static const ig_port matvec_in[] = {
    IG_PORT("w", 'T', "Matrix [m, n]."), IG_PORT("x", 'T', "Vector [n]."), {0}};
static ig_status matvec_infer(ig_infer *x)
{
    return ig_infer_set(x, 0, 1, ig_type_dims(x->in[0]));
}
static void matvec(const ig_kernel_ctx *k, const float *w, int64_t row, int64_t col)
{
    int64_t m = ig_dims(ig_in(k, 0))[0], n = ig_dims(ig_in(k, 0))[1];
    for (int64_t i = 0; i < m; i++) {
        float sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += w[i * row + j * col] * in_f32(k, 1)[j];
        out_f32(k, 0)[i] = sum;
    }
}
static ig_status matvec_reference(ig_kernel_ctx *k)
{
    matvec(k, in_f32(k, 0), ig_dims(ig_in(k, 0))[1], 1);
    return IG_OK;
}
IG_OPERATOR(TMatVec) = {
    IG_OP_HEAD,
    .name = "TMatVec",
    .since = 1,
    .doc = "w x.",
    .inputs = matvec_in,
    .outputs = tiny_out,
    .types = tiny_types,
    .infer = matvec_infer,
    .gradient = ig_gradient_none,
    .reference = matvec_reference,
};
static ig_status matvec_fill(const ig_kernel_ctx *k, void *dst, void *user)
{
    int64_t m = ig_dims(ig_in(k, 0))[0], n = ig_dims(ig_in(k, 0))[1];
    (void)user;
    tiny_packed++;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            ((float *)dst)[j * m + i] = in_f32(k, 0)[i * n + j];
    return IG_OK;
}
static ig_status matvec_supports(const ig_kernel_ctx *k)
{
    return k->constants & 1 ? IG_OK : ig_reject("w is no constant");
}
static ig_status matvec_prepare(ig_kernel_ctx *k)
{
    tiny_prepared++;
    k->scratch_bytes = 100;
    k->state = (void *)(uintptr_t)ig_pack(
        k, 0, "columns", ig_tensor_nbytes(ig_in(k, 0)), matvec_fill, NULL);
    return k->state ? IG_OK : ig_error_status();
}
static ig_status matvec_run(ig_kernel_ctx *k)
{
    memset(ig_scratch(k, 0), 0xff, k->scratch_bytes);
    matvec(k, k->state, 1, ig_dims(ig_in(k, 0))[0]);
    return IG_OK;
}
static void matvec_unprepare(ig_kernel_ctx *k)
{
    (void)k;
    tiny_unprepared++;
}

static ig_status sum_infer(ig_infer *x)
{
    return ig_infer_set(x, 0, 0, NULL);
}
static ig_status sum_reference(ig_kernel_ctx *k)
{
    float sum = 0; /* weighted, so that order shows */
    for (int64_t i = 0, n = ig_numel(ig_in(k, 0)); i < n; i++)
        sum += in_f32(k, 0)[i] * (float)(i + 1);
    out_f32(k, 0)[0] = sum;
    return IG_OK;
}
IG_OPERATOR(TSum) = {
    IG_OP_HEAD,
    .name = "TSum",
    .since = 1,
    .doc = "Sum of (i + 1) x_i.",
    .inputs = tiny_one_in,
    .outputs = tiny_out,
    .types = tiny_types,
    .infer = sum_infer,
    .gradient = ig_gradient_none,
    .reference = sum_reference,
};

static ig_status fail_reference(ig_kernel_ctx *k)
{
    return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "index 7 is out of bounds");
}
IG_OPERATOR(TFail) = {
    IG_OP_HEAD,
    .name = "TFail",
    .since = 1,
    .doc = "Fails.",
    .inputs = tiny_one_in,
    .outputs = tiny_out,
    .types = tiny_types,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = fail_reference,
};

static ig_status random_reference(ig_kernel_ctx *k)
{
    for (int64_t i = 0, n = ig_numel(ig_out(k, 0)); i < n; i++)
        out_f32(k, 0)[i] = (float)((k->seed * 31 + k->draw * 7 + (uint64_t)i) % 1000);
    return IG_OK;
}
IG_OPERATOR(TRandom) = {
    IG_OP_HEAD,
    .name = "TRandom",
    .since = 1,
    .doc = "Noise of x's shape.",
    .inputs = tiny_one_in,
    .outputs = tiny_out,
    .types = tiny_types,
    .flags = IG_OP_RANDOM,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = random_reference,
};

const ig_kernel_def tiny_matvec_kernel[] = {
    {IG_KERNEL_HEAD, .op = "TMatVec", .name = "packed", .supports = matvec_supports,
     .prepare = matvec_prepare, .run = matvec_run, .unprepare = matvec_unprepare},
    {0},
};
