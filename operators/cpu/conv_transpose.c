/* Float32 ConvTranspose by oneDNN: the gradient of the convolution by its input, then
 * the bias. */
#include <stdio.h>

#include "graph/core/alloc.h"
#include "operators/common_convt.h"
#include "operators/cpu/kernel.h"
#include "operators/cpu/onednn_parts.h"

typedef struct convt_state {
    igi_dnn_parts parts;
    const void *packed; /* of constant weights */
} convt_state;

static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    return igi_dnn_pack(user, igi_kin(k, 1)->data, dst);
}

static ig_status pack_weights(ig_kernel_ctx *k, convt_state *s)
{
    char key[72], form[64];
    if (!(k->constants & IG_BIT(1)))
        return IG_OK;
    igi_dnn_packed_key(s->parts.job, form, sizeof(form));
    snprintf(key, sizeof(key), "back %s", form);
    s->packed = ig_pack(k, 1, key, igi_dnn_packed_bytes(s->parts.job), fill_packed,
                        s->parts.job);
    return s->packed ? IG_OK : ig_error_status();
}

static void unprepare(ig_kernel_ctx *k)
{
    convt_state *s = k->state;
    if (s)
        igi_dnn_free(s->parts.job);
    igi_free(s);
    k->state = NULL;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    return igi_tensor_count(igi_kout(k, 0)) ? IG_OK : ig_reject("the result is empty");
}

static ig_status prepare(ig_kernel_ctx *k)
{
    int64_t pads[2 * IG_RANK_MAX];
    igi_conv_attrs a;
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1), *y = igi_kout(k, 0);
    igi_dnn_spec spec = {.kind = IGI_DNN_GRAD_INPUT, .threads = k->threads};
    igi_convt_plain(&a, pads, k->attrs, igi_krank(x), igi_kdims(x), igi_kdims(w));
    igi_conv_set(&spec.geometry, &a, igi_krank(x), igi_kdims(y), igi_kdims(w),
                 igi_kdims(x));
    convt_state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    ig_status rc = igi_dnn_parts_new(&s->parts, &spec);
    if (rc == IG_OK)
        rc = pack_weights(k, s);
    if (rc == IG_OK)
        k->scratch_bytes = igi_dnn_scratch(s->parts.job, s->packed != NULL);
    else
        unprepare(k);
    return rc;
}

static ig_status run(ig_kernel_ctx *k)
{
    const convt_state *s = k->state;
    const ig_tensor *b = igi_kin(k, 2), *y = igi_kout(k, 0);
    igi_dnn_args a = {.x = igi_kout(k, 0)->data,
                      .w = igi_kin(k, 1)->data,
                      .y = igi_kin(k, 0)->data,
                      .packed = s->packed,
                      .scratch = k->scratch};
    IG_TRY(igi_dnn_parts_run(k, &s->parts, &a));
    const int64_t channels = igi_kdims(y)[1], plane = igi_kcount(y, 2, igi_krank(y));
    const igi_binary_fn add = igi_cpu_isa_best()->binary[IGI_BINARY_ADD][IGI_BINARY_VS];
    for (int64_t i = 0; b && i < igi_kdims(y)[0] * channels; i++) {
        float *p = igi_kf32(y) + i * plane;
        add(p, p, igi_kf32(b) + i % channels, plane);
    }
    return IG_OK;
}

IG_KERNELS(conv_transpose) = {
    {IG_KERNEL_HEAD, .op = "ConvTranspose", .name = "onednn", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .supports = supports,
     .prepare = prepare, .run_own = run, .unprepare = unprepare},
    {0},
};
