/* One call of Attention as sizes and strides, what its reference and its kernels share,
 * and its gradient.
 *
 * Tensors of rank 3, [batch, rows, heads * size], and of rank 4, [batch, heads, rows,
 * size], differ only in strides. Elements of one head's row are adjacent. */
#ifndef OPERATORS_COMMON_ATTENTION_H
#define OPERATORS_COMMON_ATTENTION_H

#include <ingot/plugin.h>

enum { /* ports of Attention */
       IGI_ATT_Q,
       IGI_ATT_K,
       IGI_ATT_V,
       IGI_ATT_MASK,
       IGI_ATT_PAST_K,
       IGI_ATT_PAST_V,
       IGI_ATT_LENGTHS,
       IGI_ATT_INPUTS
};
enum { IGI_ATT_Y, IGI_ATT_PRESENT_K, IGI_ATT_PRESENT_V, IGI_ATT_SCORES };

/* What the output `qk_matmul_output` shows. */
enum { IGI_SCORES_RAW, IGI_SCORES_CAPPED, IGI_SCORES_MASKED, IGI_SCORES_SOFTMAX };

typedef struct igi_attention_attrs {
    uint32_t struct_size;
    int64_t is_causal, kv_num_heads, local_window_size, q_num_heads,
        qk_matmul_output_mode;
    float scale, softcap;
    int64_t softmax_precision;
} igi_attention_attrs;

/* Strides in elements. */
typedef struct igi_heads {
    int64_t batch, head, row;
} igi_heads;

typedef struct igi_attention {
    const igi_attention_attrs *attrs;
    int64_t batch, q_heads, kv_heads, q_len, kv_len, past, total; /* total keys */
    int64_t size, v_size;                                         /* of a head's row */
    double scale;
    igi_heads q, k, v, y, past_k, past_v, present_k, present_v;
    int64_t mask_stride[4]; /* of batch, head, query, key; 0: broadcast */
    int64_t mask_len;       /* keys that the mask names; later ones are masked */
} igi_attention;

/* Sizes of the call, whose inputs may have any strides. */
void igi_attention_read(const ig_kernel_ctx *k, igi_attention *a);
/* An error for a length outside [0, total keys]. */
ig_status igi_attention_check(const ig_kernel_ctx *k, const igi_attention *a);
/* The keys that query `row` of batch item `b` may see: from `first` on, those before
 * `keys`. */
int64_t igi_attention_first(const ig_kernel_ctx *k,
                            const igi_attention *a,
                            int64_t b,
                            int64_t row);
int64_t igi_attention_keys(const ig_kernel_ctx *k,
                           const igi_attention *a,
                           int64_t b,
                           int64_t row);

ig_status igi_attention_infer(ig_infer *x);
ig_status igi_attention_gradient(ig_grad *g);

/* In gradient rules: [batch, q_heads, rows, n] as [batch, kv_heads, group * rows, n],
 * so that query heads meet the keys they share in one product, and the way back; v
 * scaled as scores are, 0: by 1 / sqrt(size of a head). `keys` and `queries`: K and Q
 * of rank 4. */
ig_var igi_heads_to_groups(ig_grad *g, ig_var v, ig_var keys);
ig_var igi_heads_from_groups(ig_grad *g, ig_var v, ig_var queries);
ig_var igi_attention_scaled(ig_grad *g, ig_var v, float scale, ig_var queries);

static inline int64_t igi_heads_at(const igi_heads *h, int64_t b, int64_t head)
{
    return b * h->batch + head * h->head;
}

#endif
