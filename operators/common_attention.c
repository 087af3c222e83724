/* Sizes and strides of a call of Attention. */
#include "operators/common_attention.h"

#include <inttypes.h>
#include <math.h>

#include "graph/core/tensor.h"

/* `heads` heads of `size` elements in a tensor of rank 3 or 4. */
static igi_heads heads_of(const ig_tensor *t, int64_t size)
{
    const int64_t *s = ig_strides(t);
    if (ig_rank(t) == 3)
        return (igi_heads){s[0], size, s[1]};
    return (igi_heads){s[0], s[1], s[2]};
}

static void read_mask(const ig_tensor *m, igi_attention *a)
{
    int rank = m ? ig_rank(m) : 0;
    a->mask_len = a->total;
    for (int i = 0; i < 4; i++) {
        int at = i - (4 - rank);
        bool walks = at >= 0 && ig_dims(m)[at] != 1;
        a->mask_stride[i] = walks ? ig_strides(m)[at] : 0;
    }
    if (rank > 0 && ig_dims(m)[rank - 1] < a->total)
        a->mask_len = ig_dims(m)[rank - 1];
}

static ig_status check_lengths(const ig_kernel_ctx *k, const igi_attention *a)
{
    const ig_tensor *t = ig_in(k, IGI_ATT_LENGTHS);
    for (int64_t b = 0; t && b < a->batch; b++) {
        int64_t n = ((const int64_t *)ig_data(t))[b];
        if (n < 0 || n > a->total)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "nonpad_kv_seqlen[%" PRId64 "] is %" PRId64
                                  ", outside [0, %" PRId64 "] keys",
                                  b, n, a->total);
    }
    return IG_OK;
}

ig_status igi_attention_read(const ig_kernel_ctx *k, igi_attention *a)
{
    const ig_tensor *q = ig_in(k, IGI_ATT_Q), *key = ig_in(k, IGI_ATT_K),
                    *v = ig_in(k, IGI_ATT_V), *past_k = ig_in(k, IGI_ATT_PAST_K),
                    *past_v = ig_in(k, IGI_ATT_PAST_V);
    const int64_t *dq = ig_dims(q), *dk = ig_dims(key), *dv = ig_dims(v);
    const bool packed = ig_rank(q) == 3;
    *a = (igi_attention){.attrs = k->attrs, .batch = dq[0]};
    a->q_heads = packed ? a->attrs->q_num_heads : dq[1];
    a->kv_heads = packed ? a->attrs->kv_num_heads : dk[1];
    a->q_len = dq[packed ? 1 : 2];
    a->kv_len = dk[packed ? 1 : 2];
    a->size = packed ? dq[2] / a->q_heads : dq[3];
    a->v_size = packed ? dv[2] / a->kv_heads : dv[3];
    a->past = past_k ? ig_dims(past_k)[2] : 0;
    a->total = a->past + a->kv_len;
    a->scale = (double)a->attrs->scale;
    if (!(a->scale < 0 || a->scale > 0))
        a->scale = 1 / sqrt((double)a->size);
    a->q = heads_of(q, a->size);
    a->k = heads_of(key, a->size);
    a->v = heads_of(v, a->v_size);
    a->past_k = past_k ? heads_of(past_k, a->size) : a->past_k;
    a->past_v = past_v ? heads_of(past_v, a->v_size) : a->past_v;
    if (ig_out(k, IGI_ATT_Y))
        a->y = heads_of(ig_out(k, IGI_ATT_Y), a->v_size);
    if (ig_out(k, IGI_ATT_PRESENT_K))
        a->present_k = heads_of(ig_out(k, IGI_ATT_PRESENT_K), a->size);
    if (ig_out(k, IGI_ATT_PRESENT_V))
        a->present_v = heads_of(ig_out(k, IGI_ATT_PRESENT_V), a->v_size);
    read_mask(ig_in(k, IGI_ATT_MASK), a);
    return check_lengths(k, a);
}

int64_t igi_attention_keys(const ig_kernel_ctx *k,
                           const igi_attention *a,
                           int64_t b,
                           int64_t row)
{
    const ig_tensor *lengths = ig_in(k, IGI_ATT_LENGTHS);
    int64_t n = a->mask_len;
    if (lengths && ((const int64_t *)ig_data(lengths))[b] < n)
        n = ((const int64_t *)ig_data(lengths))[b];
    if (a->attrs->is_causal && row < n - a->past)
        n = a->past + row + 1;
    return n;
}
