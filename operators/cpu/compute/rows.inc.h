/* Normalisations of one contiguous row: softmax, log-softmax, layer and RMS norm.
 * Several passes over a row that stays in L1; sums as vectors of lanes in runs of
 * ROW_RUN. */

#define ROW_RUN 1024

VEC_INLINE float sum_lanes(vf x)
{
    return reduce_lanes(IGI_REDUCE_SUM, x);
}

/* Loads at i, the whole vector or its first n - i lanes. */
#define ROW_FULL(i_, n_) ((i_) + VW <= (n_))

/* y = exp(x * scale - shift) and returns the sum; y NULL only sums. */
VEC_INLINE float exp_sum(float *y, const float *x, int64_t n, float scale, float shift)
{
    const vf s = vset1(scale), minus = vset1(-shift);
    float total = 0.0f;
    for (int64_t i = 0; i < n;) {
        const int64_t end = i + ROW_RUN < n ? i + ROW_RUN : n;
        vf acc = vset1(0.0f);
        for (; ROW_FULL(i, end); i += VW) {
            vf e = v_exp(vfma(vload(x + i), s, minus));
            acc = vadd(acc, e);
            if (y)
                vstore(y + i, e);
        }
        if (i < end) {
            vm tail = vtail(end - i);
            vf e = v_exp(vfma(vload_tail(x + i, tail), s, minus));
            acc = vadd(acc, vsel(tail, e, vset1(0.0f)));
            if (y)
                vstore_tail(y + i, tail, e);
            i = end;
        }
        total += sum_lanes(acc);
    }
    return total;
}

static float exp_sum_row(float *y, const float *x, int64_t n, float scale, float shift)
{
    return exp_sum(y, x, n, scale, shift);
}

static void softmax_row(float *y, const float *x, int64_t n, float scale)
{
    const float max = reduce(IGI_REDUCE_MAX, x, n);
    const float inverse = 1.0f / exp_sum(y, x, n, scale, max * scale);
    binary_mul_vs(y, y, &inverse, n);
}

static void log_softmax_row(float *y, const float *x, int64_t n)
{
    const float max = reduce(IGI_REDUCE_MAX, x, n);
    float sum = exp_sum(NULL, x, n, 1.0f, max), log_sum;
    unary_log(&log_sum, &sum, 1, NULL);
    /* Two subtractions: max + log(sum) would lose the digits of the logarithm. */
    binary_sub_vs(y, x, &max, n);
    binary_sub_vs(y, y, &log_sum, n);
}

VEC_INLINE float sum_squared_deviation(const float *x, int64_t n, float mean)
{
    const vf m = vset1(mean);
    float total = 0.0f;
    for (int64_t i = 0; i < n;) {
        const int64_t end = i + ROW_RUN < n ? i + ROW_RUN : n;
        vf acc0 = vset1(0.0f), acc1 = acc0;
        for (; ROW_FULL(i + VW, end); i += 2 * VW) {
            vf d0 = vsub(vload(x + i), m), d1 = vsub(vload(x + i + VW), m);
            acc0 = vfma(d0, d0, acc0);
            acc1 = vfma(d1, d1, acc1);
        }
        for (; i < end; i += VW) {
            vm tail = vtail(end - i < VW ? end - i : VW);
            vf d = vsel(tail, vsub(vload_tail(x + i, tail), m), vset1(0.0f));
            acc0 = vfma(d, d, acc0);
        }
        i = end;
        total += sum_lanes(vadd(acc0, acc1));
    }
    return total;
}

VEC_INLINE vf norm_value(vf x, vf mean, vf inv, vf gamma, vf beta)
{
    return vfma(vmul(vsub(x, mean), inv), gamma, beta);
}

/* y = (x - mean) * inv * gamma + beta. */
static void norm_apply(
    float *y, const float *x, int64_t n, const igi_norm *p, float mean, float inv)
{
    const vf m = vset1(mean), s = vset1(inv);
    vf g = vset1(1.0f), b = vset1(0.0f);
    int64_t i = 0;
    for (; ROW_FULL(i, n); i += VW) {
        if (p->gamma)
            g = vload(p->gamma + i);
        if (p->beta)
            b = vload(p->beta + i);
        vstore(y + i, norm_value(vload(x + i), m, s, g, b));
    }
    if (i < n) {
        vm tail = vtail(n - i);
        if (p->gamma)
            g = vload_tail(p->gamma + i, tail);
        if (p->beta)
            b = vload_tail(p->beta + i, tail);
        vstore_tail(y + i, tail, norm_value(vload_tail(x + i, tail), m, s, g, b));
    }
}

static void layer_norm_row(
    float *y, const float *x, int64_t n, const igi_norm *p, float *mean, float *inv_std)
{
    const float mu = reduce(IGI_REDUCE_SUM, x, n) / (float)n;
    const float variance = sum_squared_deviation(x, n, mu) / (float)n;
    const float inv = 1.0f / sqrtf(variance + p->epsilon);
    norm_apply(y, x, n, p, mu, inv);
    if (mean)
        *mean = mu;
    if (inv_std)
        *inv_std = inv;
}

static void
rms_norm_row(float *y, const float *x, int64_t n, const igi_norm *p, float *inv_rms)
{
    const float mean_square = reduce(IGI_REDUCE_SUM_SQ, x, n) / (float)n;
    const float inv = 1.0f / sqrtf(mean_square + p->epsilon);
    norm_apply(y, x, n, p, 0.0f, inv);
    if (inv_rms)
        *inv_rms = inv;
}
#undef ROW_FULL
