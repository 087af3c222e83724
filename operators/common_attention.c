/* Shapes of Attention, and sizes and strides of a call. */
#include "operators/common_attention.h"

#include <inttypes.h>
#include <math.h>

#include "graph/core/tensor.h"

/* ---- infer ---- */

typedef struct sizes {
    int64_t batch, heads, rows, size;
} sizes;

/* Dims of Q, K or V, or of a cache (always rank 4). */
static ig_status read_sizes(ig_infer *x, int port, int64_t heads, sizes *s)
{
    const int64_t *d = ig_type_dims(x->in[port]);
    *s = (sizes){0};
    if (x->in[port]->rank == 4) {
        *s = (sizes){d[0], d[1], d[2], d[3]};
        return IG_OK;
    }
    if (x->in[port]->rank != 3)
        return ig_infer_fail(x, "%s must have rank 3 or 4", x->op->inputs[port].name);
    if (heads <= 0)
        return ig_infer_fail(
            x, "inputs of rank 3 need the attributes q_num_heads and kv_num_heads");
    if (d[2] >= 0 && d[2] % heads)
        return ig_infer_fail(x, "the last dim of %s is no multiple of its %lld heads",
                             x->op->inputs[port].name, (long long)heads);
    *s = (sizes){d[0], heads, d[1], ig_dim_div(x->syms, d[2], heads)};
    return IG_OK;
}

/* Caches come together; their dims agree with those of K and V. */
static ig_status read_past(ig_infer *x, const sizes *k, const sizes *v, int64_t *past)
{
    const ig_type *t[2] = {NULL, NULL};
    const sizes *like[2] = {k, v};
    *past = 0;
    for (int i = 0; i < 2; i++)
        if (IGI_ATT_PAST_K + i < x->n_in)
            t[i] = x->in[IGI_ATT_PAST_K + i];
    if (!t[0] != !t[1])
        return ig_infer_fail(x, "past_key and past_value come together or not at all");
    for (int i = 0; t[0] && i < 2; i++) {
        const int64_t *d = ig_type_dims(t[i]);
        if (t[i]->rank != 4)
            return ig_infer_fail(x, "past_key and past_value must have rank 4");
        IG_TRY(ig_infer_equal(x, d[0], like[i]->batch, "batches of past and Q", NULL));
        IG_TRY(ig_infer_equal(x, d[1], like[i]->heads, "heads of past and K", NULL));
        IG_TRY(ig_infer_equal(x, d[3], like[i]->size, "last dims of past and K or V",
                              NULL));
        if (i == 0)
            *past = d[2];
        else
            IG_TRY(ig_infer_equal(x, d[2], *past, "lengths of past_key and past_value",
                                  past));
    }
    return IG_OK;
}

static ig_status check_mask(ig_infer *x, const int64_t *scores)
{
    const ig_type *m = x->n_in > IGI_ATT_MASK ? x->in[IGI_ATT_MASK] : NULL;
    if (!m)
        return IG_OK;
    if (m->rank > 4)
        return ig_infer_fail(x, "attn_mask must have rank 4 at most");
    for (int i = 0; i < m->rank; i++) {
        int64_t have = ig_type_dims(m)[i], want = scores[4 - m->rank + i];
        bool last = i == m->rank - 1;
        if (have >= 0 && want >= 0 && have != 1 && have != want &&
            !(last && have < want))
            return ig_infer_fail(x, "attn_mask does not broadcast to the scores");
    }
    return IG_OK;
}

static ig_status check_window(ig_infer *x, bool two_caches)
{
    const igi_attention_attrs *a = x->attrs;
    if (a->local_window_size == 0)
        return ig_infer_fail(x, "local_window_size must be positive, or -1 for none");
    if (a->local_window_size > 0 && !a->is_causal)
        return ig_infer_fail(x, "local_window_size needs is_causal");
    if (a->local_window_size > 0 && two_caches)
        return ig_infer_fail(
            x, "local_window_size takes past_key or nonpad_kv_seqlen, not both");
    return IG_OK;
}

ig_status igi_attention_infer(ig_infer *x)
{
    const igi_attention_attrs *a = x->attrs;
    sizes q, k, v;
    int64_t past;
    int rank = x->in[0]->rank;
    if (x->in[1]->rank != rank || x->in[2]->rank != rank)
        return ig_infer_fail(x, "Q, K and V must have one rank");
    IG_TRY(read_sizes(x, IGI_ATT_Q, a->q_num_heads, &q));
    IG_TRY(read_sizes(x, IGI_ATT_K, a->kv_num_heads, &k));
    IG_TRY(read_sizes(x, IGI_ATT_V, a->kv_num_heads, &v));
    IG_TRY(ig_infer_equal(x, q.batch, k.batch, "batches of Q and K", &q.batch));
    IG_TRY(ig_infer_equal(x, q.batch, v.batch, "batches of Q and V", &q.batch));
    IG_TRY(ig_infer_equal(x, k.heads, v.heads, "heads of K and V", &k.heads));
    IG_TRY(ig_infer_equal(x, q.size, k.size, "head sizes of Q and K", &k.size));
    IG_TRY(ig_infer_equal(x, k.rows, v.rows, "lengths of K and V", &k.rows));
    if (q.heads >= 0 && k.heads >= 0 && (k.heads ? q.heads % k.heads : q.heads))
        return ig_infer_fail(x, "q_num_heads must be a multiple of kv_num_heads");
    IG_TRY(read_past(x, &k, &v, &past));
    int64_t total = ig_dim_add(x->syms, past, k.rows);
    const int64_t scores[4] = {q.batch, q.heads, q.rows, total};
    IG_TRY(check_mask(x, scores));
    const ig_type *lengths = x->n_in > IGI_ATT_LENGTHS ? x->in[IGI_ATT_LENGTHS] : NULL;
    IG_TRY(check_window(x, past != 0 && lengths));
    if (lengths && lengths->rank != 1)
        return ig_infer_fail(x, "nonpad_kv_seqlen must have rank 1");
    if (lengths)
        IG_TRY(ig_infer_equal(x, ig_type_dims(lengths)[0], q.batch,
                              "dim of nonpad_kv_seqlen and batch", NULL));
    const int64_t y3[3] = {q.batch, q.rows, ig_dim_mul(x->syms, q.heads, v.size)};
    const int64_t y4[4] = {q.batch, q.heads, q.rows, v.size};
    const int64_t pk[4] = {q.batch, k.heads, total, k.size};
    const int64_t pv[4] = {q.batch, k.heads, total, v.size};
    IG_TRY(ig_infer_set(x, IGI_ATT_Y, rank, rank == 3 ? y3 : y4));
    IG_TRY(ig_infer_set(x, IGI_ATT_PRESENT_K, 4, pk));
    IG_TRY(ig_infer_set(x, IGI_ATT_PRESENT_V, 4, pv));
    return ig_infer_set(x, IGI_ATT_SCORES, 4, scores);
}

/* ---- calls ---- */

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

/* Kernels may get it with any stride. */
static int64_t length_at(const ig_tensor *lengths, int64_t b)
{
    return ((const int64_t *)ig_data(lengths))[b * ig_strides(lengths)[0]];
}

ig_status igi_attention_check(const ig_kernel_ctx *k, const igi_attention *a)
{
    const ig_tensor *t = ig_in(k, IGI_ATT_LENGTHS);
    for (int64_t b = 0; t && b < a->batch; b++) {
        int64_t n = length_at(t, b);
        if (n < 0 || n > a->total)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "nonpad_kv_seqlen[%" PRId64 "] is %" PRId64
                                  ", outside [0, %" PRId64 "] keys",
                                  b, n, a->total);
    }
    return IG_OK;
}

void igi_attention_read(const ig_kernel_ctx *k, igi_attention *a)
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
}

/* The key at which a query stands. With a window, valid keys of an outer cache end
 * where the queries end (ONNX 1.23). */
static int64_t
position(const ig_kernel_ctx *k, const igi_attention *a, int64_t b, int64_t row)
{
    const ig_tensor *lengths = ig_in(k, IGI_ATT_LENGTHS);
    if (lengths && a->attrs->local_window_size > 0)
        return length_at(lengths, b) - a->q_len + row;
    return a->past + row;
}

int64_t igi_attention_first(const ig_kernel_ctx *k,
                            const igi_attention *a,
                            int64_t b,
                            int64_t row)
{
    const int64_t window = a->attrs->local_window_size;
    int64_t at = position(k, a, b, row);
    return window > 0 && at >= window ? at - window + 1 : 0;
}

int64_t igi_attention_keys(const ig_kernel_ctx *k,
                           const igi_attention *a,
                           int64_t b,
                           int64_t row)
{
    const ig_tensor *lengths = ig_in(k, IGI_ATT_LENGTHS);
    int64_t n = a->mask_len;
    if (lengths && length_at(lengths, b) < n)
        n = length_at(lengths, b);
    int64_t at = position(k, a, b, row);
    if (a->attrs->is_causal && at < n)
        n = at < 0 ? 0 : at + 1;
    return n;
}
