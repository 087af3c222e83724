#include "operators/cpu/attention.h"

#include <string.h>

void igi_cpu_present(
    const ig_kernel_ctx *k, const igi_attention *a, int port, int64_t b, int64_t head)
{
    const bool key = port == IGI_ATT_K;
    ig_tensor *out = igi_kout(k, key ? IGI_ATT_PRESENT_K : IGI_ATT_PRESENT_V);
    const int past = key ? IGI_ATT_PAST_K : IGI_ATT_PAST_V;
    const igi_heads *from[2] = {key ? &a->past_k : &a->past_v, key ? &a->k : &a->v};
    const int64_t rows[2] = {a->past, a->kv_len}, size = key ? a->size : a->v_size;
    if (!out)
        return;
    float *to =
        igi_kf32(out) + igi_heads_at(key ? &a->present_k : &a->present_v, b, head);
    for (int i = 0; i < 2; i++) {
        const float *x = igi_kf32(igi_kin(k, i ? port : past));
        for (int64_t t = 0; t < rows[i]; t++, to += size)
            memcpy(to, x + igi_heads_at(from[i], b, head) + t * from[i]->row,
                   (size_t)size * sizeof(float));
    }
}

ig_status igi_cpu_attention_computes(const ig_kernel_ctx *k)
{
    const ig_tensor *m = igi_kin(k, IGI_ATT_MASK);
    for (int i = 0; i < IGI_ATT_MASK + 3; i++) {
        const ig_tensor *t = i == IGI_ATT_MASK ? NULL : igi_kin(k, i);
        if (t && t->v.type.dtype != IG_FLOAT32)
            return ig_reject("a value is not float32");
    }
    if (!igi_kout(k, IGI_ATT_Y))
        return ig_reject("Y is not wanted");
    if (m && m->v.type.dtype != IG_FLOAT32 && m->v.type.dtype != IG_BOOL)
        return ig_reject("the mask is neither float32 nor bool");
    if (((const igi_attention_attrs *)k->attrs)->softmax_precision == IG_FLOAT64)
        return ig_reject("the softmax is asked for in float64");
    igi_attention a;
    igi_attention_read(k, &a);
    if (a.total == 0 || a.q_len == 0 || a.q_heads == 0 || a.size == 0 || a.v_size == 0)
        return ig_reject("no queries, no keys or empty heads");
    return IG_OK;
}
