/* Float32 convolutions by oneDNN: ingot::Conv in NHWC for nets, Conv and its two
 * gradients in NCHW for eager code (their tensors are reordered on the way). */
#include <string.h>

#include "graph/core/alloc.h"
#include "operators/common_fused.h"
#include "operators/cpu/kernel.h"
#include "operators/cpu/onednn_parts.h"

typedef struct conv_state {
    igi_dnn_parts parts;
    const void *packed; /* of constant weights */
    size_t aside;       /* where in scratch a residual rests that y lies over */
} conv_state;

/* ---- preparing ---- */

/* oneDNN wants aligned weights: of those that are not, a copy lives while it packs. */
static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    const ig_tensor *w = igi_kin(k, 1);
    if (!igi_is_unaligned(w))
        return igi_dnn_pack(user, w->data, dst);
    size_t bytes = ig_tensor_nbytes(w);
    void *copy = igi_alloc(bytes);
    if (!copy)
        return IG_OUT_OF_MEMORY;
    memcpy(copy, w->data, bytes);
    ig_status rc = igi_dnn_pack(user, copy, dst);
    igi_free(copy);
    return rc;
}

static ig_status pack_weights(ig_kernel_ctx *k, conv_state *s)
{
    char key[64];
    if (!(k->constants & IG_BIT(1)))
        return IG_OK;
    igi_dnn_packed_key(s->parts.job, key, sizeof(key));
    s->packed = ig_pack(k, 1, key, igi_dnn_packed_bytes(s->parts.job), fill_packed,
                        s->parts.job);
    return s->packed ? IG_OK : ig_error_status();
}

static void unprepare(ig_kernel_ctx *k)
{
    conv_state *s = k->state;
    if (s)
        igi_dnn_free(s->parts.job);
    igi_free(s);
    k->state = NULL;
}

static ig_status prepare(ig_kernel_ctx *k, const igi_dnn_spec *spec)
{
    conv_state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    ig_status rc = igi_dnn_parts_new(&s->parts, spec);
    if (rc == IG_OK && spec->kind == IGI_DNN_FORWARD)
        rc = pack_weights(k, s);
    if (rc == IG_OK) {
        s->aside = igi_dnn_scratch(s->parts.job, s->packed != NULL);
        k->scratch_bytes = s->aside;
        if (s->parts.adds)
            k->scratch_bytes += ig_tensor_nbytes(igi_kout(k, 0));
    } else {
        unprepare(k);
    }
    return rc;
}

static ig_status nonempty(const ig_kernel_ctx *k)
{
    return igi_tensor_count(igi_kout(k, 0)) ? IG_OK : ig_reject("the result is empty");
}

/* ---- ingot::Conv ---- */

static ig_status nhwc_prepare(ig_kernel_ctx *k)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1), *y = igi_kout(k, 0);
    const igi_nhwc_conv_attrs *a = k->attrs;
    igi_conv_attrs plain = igi_nhwc_conv_plain(a);
    igi_dnn_spec s = {.kind = IGI_DNN_FORWARD,
                      .nhwc = true,
                      .bias = igi_kin(k, 2) != NULL,
                      .residual = igi_kin(k, 3) != NULL,
                      .residual_after = a->residual_after != 0,
                      .activation = a->activation,
                      .act_a = a->act_a,
                      .act_b = a->act_b,
                      .threads = k->threads};
    igi_dims_to_nchw(igi_krank(x), igi_kdims(x), xd);
    igi_dims_to_nchw(igi_krank(y), igi_kdims(y), yd);
    igi_conv_set(&s.geometry, &plain, igi_krank(x), xd, igi_kdims(w), yd);
    return prepare(k, &s);
}

static ig_status forward_run(ig_kernel_ctx *k)
{
    const conv_state *s = k->state;
    const ig_tensor *bias = igi_kin(k, 2), *residual = igi_kin(k, 3);
    ig_tensor *y = igi_kout(k, 0);
    const float *added = s->parts.adds ? igi_kf32(residual) : NULL;
    if (added && residual->data == y->data)
        added = memcpy(k->scratch + s->aside, added, ig_tensor_nbytes(residual));
    else if (residual && !added && residual->data != y->data)
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): data is there */
        memcpy(y->data, residual->data, ig_tensor_nbytes(residual));
    igi_dnn_args a = {.x = igi_kin(k, 0)->data,
                      .w = igi_kin(k, 1)->data,
                      .y = y->data,
                      .packed = s->packed,
                      .bias = bias ? bias->data : NULL,
                      .residual = added,
                      .scratch = k->scratch};
    return igi_dnn_parts_run(k, &s->parts, &a);
}

/* ---- Conv and its gradients, NCHW ---- */

static ig_status plain_prepare(ig_kernel_ctx *k,
                               igi_dnn_kind kind,
                               const ig_tensor *x,
                               const ig_tensor *w,
                               const ig_tensor *y)
{
    igi_dnn_spec s = {.kind = kind,
                      .bias = kind == IGI_DNN_FORWARD && igi_kin(k, 2),
                      .threads = k->threads};
    igi_conv_set(&s.geometry, k->attrs, igi_krank(x), igi_kdims(x), igi_kdims(w),
                 igi_kdims(y));
    return prepare(k, &s);
}

static ig_status conv_prepare(ig_kernel_ctx *k)
{
    return plain_prepare(k, IGI_DNN_FORWARD, igi_kin(k, 0), igi_kin(k, 1),
                         igi_kout(k, 0));
}

/* ConvGradInput(dy, w, shape) -> dx */
static ig_status grad_input_prepare(ig_kernel_ctx *k)
{
    return plain_prepare(k, IGI_DNN_GRAD_INPUT, igi_kout(k, 0), igi_kin(k, 1),
                         igi_kin(k, 0));
}

static ig_status grad_input_run(ig_kernel_ctx *k)
{
    igi_dnn_args a = {.x = igi_kout(k, 0)->data,
                      .w = igi_kin(k, 1)->data,
                      .y = igi_kin(k, 0)->data,
                      .scratch = k->scratch};
    return igi_dnn_parts_run(k, &((const conv_state *)k->state)->parts, &a);
}

/* ConvGradWeight(dy, x, shape) -> dw */
static ig_status grad_weight_prepare(ig_kernel_ctx *k)
{
    return plain_prepare(k, IGI_DNN_GRAD_WEIGHT, igi_kin(k, 1), igi_kout(k, 0),
                         igi_kin(k, 0));
}

static ig_status grad_weight_run(ig_kernel_ctx *k)
{
    igi_dnn_args a = {.x = igi_kin(k, 1)->data,
                      .w = igi_kout(k, 0)->data,
                      .y = igi_kin(k, 0)->data,
                      .scratch = k->scratch};
    return igi_dnn_parts_run(k, &((const conv_state *)k->state)->parts, &a);
}

#define ROW(op_, unaligned_, prepare_, run_)                                           \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "onednn", .types = IG_T(FLOAT32),           \
                        .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY,                   \
                        .unaligned = unaligned_, .supports = nonempty,                 \
                        .prepare = prepare_, .run_own = run_, .unprepare = unprepare   \
    }
IG_KERNELS(conv) = {
    ROW("ingot::Conv", IG_BIT(1), nhwc_prepare, forward_run),
    ROW("Conv", IG_BIT(1), conv_prepare, forward_run),
    ROW("ingot::ConvGradInput", 0, grad_input_prepare, grad_input_run),
    ROW("ingot::ConvGradWeight", 0, grad_weight_prepare, grad_weight_run),
    {0},
};
