/* Attention by cuDNN's fused kernel: float16 and bfloat16 (float32 as tf32 when that is
 * asked for), causal or not, an added mask, grouped heads. */
#include "operators/gpu/attention.h"
#include "operators/gpu/attention_dnn.h"
#include "operators/gpu/cuda.h"

static ig_status read_mask(const ig_kernel_ctx *k, gpu_flash *f)
{
    const ig_tensor *m = ig_in(k, IGI_ATT_MASK);
    const igi_attention *a = &f->a;
    const int64_t whole[4] = {a->batch, a->q_heads, a->q_len, a->total};
    if (!m)
        return IG_OK;
    if (ig_dtype_of(m) != f->type || a->mask_len != a->total)
        return ig_reject("a mask of another type than the queries, or a shorter one");
    for (int i = 0; i < 4; i++)
        f->mask_dims[i] = a->mask_stride[i] ? whole[i] : 1;
    if (f->mask_dims[2] != a->q_len || f->mask_dims[3] != a->total)
        return ig_reject("a mask that is broadcast over queries or keys");
    return IG_OK;
}

static ig_status read_call(const ig_kernel_ctx *k, gpu_flash *f)
{
    *f = (gpu_flash){.type = ig_dtype_of(ig_in(k, IGI_ATT_Q))};
    for (int i = IGI_ATT_PRESENT_K; i <= IGI_ATT_SCORES; i++)
        if (ig_out(k, i))
            return ig_reject("other results than Y are wanted");
    if (!ig_out(k, IGI_ATT_Y) || ig_in(k, IGI_ATT_PAST_K) || ig_in(k, IGI_ATT_LENGTHS))
        return ig_reject("caches or lengths");
    if (f->type == IG_FLOAT32 && !(k->flags & IG_RUN_TF32))
        return ig_reject("float32 without tf32");
    if (ig_dtype_of(ig_in(k, IGI_ATT_V)) != f->type)
        return ig_reject("values of another type than queries");
    for (int i = IGI_ATT_Q; i <= IGI_ATT_MASK; i++)
        if (!gpu_rows_adjacent(ig_in(k, i)))
            return ig_reject("rows of heads that are not contiguous");
    igi_attention_read(k, &f->a);
    if (f->a.attrs->softcap > 0 || gpu_attention_window(k))
        return ig_reject("capped scores, or a local window of keys");
    return read_mask(k, f);
}

static ig_status supports(const ig_kernel_ctx *k)
{
    gpu_flash f;
    return read_call(k, &f);
}

static void unprepare(ig_kernel_ctx *k)
{
    gpu_flash *f = k->state;
    if (!f)
        return;
    dnn_plan_free(f->plan);
    gpu_heap_free(f);
    k->state = NULL;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    gpu_flash *f = gpu_heap(1, sizeof(*f));
    if (!f)
        return ig_kernel_fail(k, IG_OUT_OF_MEMORY, "out of memory for its state");
    k->state = f;
    ig_status rc = read_call(k, f);
    if (rc == IG_OK)
        rc = dnn_plan_for(k, &f->plan, (dnn_recipe){gpu_flash_build, f}, f->type);
    if (rc != IG_OK) {
        unprepare(k);
        return rc;
    }
    size_t rows = (size_t)(f->a.batch * f->a.q_heads * f->a.q_len);
    f->at_work = (rows * sizeof(float) + 255) & ~(size_t)255;
    k->scratch_bytes = f->at_work + (size_t)f->plan->workspace;
    return IG_OK;
}

static ig_status run(ig_kernel_ctx *k)
{
    const gpu_flash *f = k->state;
    void *memory[6];
    int n = 0;
    for (int i = IGI_ATT_Q; i <= IGI_ATT_MASK; i++)
        if (ig_in(k, i))
            memory[n++] = ig_data(ig_in(k, i));
    memory[n++] = k->scratch;
    memory[n] = ig_data(ig_out(k, IGI_ATT_Y));
    return dnn_plan_run(k, f->plan, memory, k->scratch + f->at_work);
}

GPU_TABLE(flash) = {
    {IG_KERNEL_HEAD, .op = "Attention", .name = "cudnn",
     .types = IG_F16S | IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY | IG_KERNEL_STRIDED,
     .supports = supports, .prepare = prepare, .run = run, .unprepare = unprepare},
    {0},
};
