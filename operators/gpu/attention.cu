/* The masked softmax of Attention, a block of threads a query. */
#include "operators/gpu/attention.h"
#include "operators/gpu/math.cuh"

namespace
{

template <class T> struct masked {
    using C = gpu_compute<T>;
    C *scores;
    T *probabilities;
    int64_t heads, rows, total, past, stride[4], mask_len;
    gpu_any<C> mask;
    const int64_t *lengths;
    C cap;
    bool causal, is_bool;
    gpu_report report;

    /* Keys that the query may see at most, as igi_attention_keys. */
    GPU_FN int64_t keys(int64_t batch, int64_t row) const
    {
        int64_t n = mask_len;
        if (lengths) {
            int64_t given = lengths[batch];
            if (given < 0 || given > total)
                report(GPU_FAULT_RANGE, given, total + 1);
            else if (given < n)
                n = given;
        }
        return causal && row < n - past ? past + row + 1 : n;
    }

    GPU_FN C value(C s, int64_t at) const
    {
        if (cap > 0)
            s = cap * tanh(s / cap);
        if (is_bool)
            return reinterpret_cast<const uint8_t *>(mask.p)[at] ? s
                                                                 : -gpu_infinity<C>();
        return mask.p ? s + mask.get(at) : s;
    }

    template <class B> GPU_FN void operator()(const B &b, int64_t line) const
    {
        int64_t row = line % rows, head = line / rows % heads,
                batch = line / rows / heads;
        int64_t seen = keys(batch, row), base = line * total;
        int64_t at = batch * stride[0] + head * stride[1] + row * stride[2];
        C high = -gpu_infinity<C>(), sum = 0;
        b.each(total, [&](int64_t t) {
            C v = t < seen ? value(scores[base + t], at + t * stride[3])
                           : -gpu_infinity<C>();
            scores[base + t] = v;
            high = gpu_max(high, v);
        });
        high = b.reduce(high, gpu_larger());
        b.each(total, [&](int64_t t) { sum += exp(scores[base + t] - high); });
        sum = b.reduce(sum, gpu_plus());
        b.each(total, [&](int64_t t) {
            probabilities[base + t] = gpu_set<T>(exp(scores[base + t] - high) / sum);
        });
    }
};

} // namespace

ig_status gpu_masked_softmax(const ig_kernel_ctx *k, const gpu_masked *m)
{
    return gpu_by_float(k, m->type, [&]<class T>() {
        using C = gpu_compute<T>;
        masked<T> f = {};
        f.scores = (C *)m->scores;
        f.probabilities = (T *)m->probabilities;
        f.heads = m->heads;
        f.rows = m->rows;
        f.total = m->total;
        f.past = m->past;
        for (int i = 0; i < 4; i++)
            f.stride[i] = m->mask_stride[i];
        f.mask_len = m->mask_len;
        f.mask = gpu_any_of<C>(m->mask);
        f.is_bool = m->mask && ig_dtype_of(m->mask) == IG_BOOL;
        f.lengths = m->lengths;
        f.cap = (C)m->cap;
        f.causal = m->causal;
        f.report = gpu_report_of(k);
        return gpu_rows(k, m->batch * m->heads * m->rows, m->total, f);
    });
}
