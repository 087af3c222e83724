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
