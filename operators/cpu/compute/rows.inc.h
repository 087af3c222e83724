/* Normalisations of one contiguous row: softmax, log-softmax, layer and RMS norm.
 * Several passes over a row that stays in L1; sums as vectors of lanes in runs of
 * ROW_RUN. */

#define ROW_RUN 1024

/* Loads at i, the whole vector or its first n - i lanes. */
#define ROW_FULL(i_, n_) ((i_) + VW <= (n_))

/* y = exp(x * scale - shift), at most 1, and returns the sum; y NULL only sums. */
VEC_INLINE float exp_sum(float *y, const float *x, int64_t n, float scale, float shift)
{
    const vf s = vset1(scale), minus = vset1(-shift);
    float total = 0.0f;
    for (int64_t i = 0; i < n;) {
        const int64_t end = i + ROW_RUN < n ? i + ROW_RUN : n;
        vf acc = vset1(0.0f);
        for (; ROW_FULL(i, end); i += VW) {
            vf e = v_exp_small(vfma(vload(x + i), s, minus));
            acc = vadd(acc, e);
            if (y)
                vstore(y + i, e);
        }
        if (i < end) {
            vm tail = vtail(end - i);
            vf e = v_exp_small(vfma(vload_tail(x + i, tail), s, minus));
            acc = vadd(acc, vsel(tail, e, vset1(0.0f)));
            if (y)
                vstore_tail(y + i, tail, e);
            i = end;
        }
        total += vsum(acc);
    }
    return total;
}

static float exp_sum_row(float *y, const float *x, int64_t n, float scale, float shift)
{
    return exp_sum(y, x, n, scale, shift);
}

/* A row of nv vectors, the last one masked, stays in registers. */
VEC_INLINE void
softmax_short(float *y, const float *x, int64_t n, float scale, const int nv)
{
    const vm tail = vtail(n - (nv - 1) * VW);
    const vf s = vset1(scale);
    vf v[8], top, sum = vset1(0.0f);
    v[nv - 1] = vsel(tail, vload_tail(x + (nv - 1) * VW, tail), vset1(-INFINITY));
    top = v[nv - 1];
    VEC_UNROLL
    for (int i = 0; i < nv - 1; i++) {
        v[i] = vload(x + i * VW);
        top = vmax(v[i], top);
    }
    const vf minus = vset1(-vmost(top) * scale);
    VEC_UNROLL
    for (int i = 0; i < nv; i++) {
        v[i] = v_exp_small(vfma(v[i], s, minus));
        if (i == nv - 1)
            v[i] = vsel(tail, v[i], vset1(0.0f));
        sum = vadd(sum, v[i]);
    }
    const vf inverse = vset1(1.0f / vsum(sum));
    VEC_UNROLL
    for (int i = 0; i < nv - 1; i++)
        vstore(y + i * VW, vmul(v[i], inverse));
    vstore_tail(y + (nv - 1) * VW, tail, vmul(v[nv - 1], inverse));
}

#define SOFTMAX_SHORT(nv_)                                                             \
    case nv_:                                                                          \
        softmax_short(y, x, n, scale, nv_);                                            \
        return;
static void softmax_row(float *y, const float *x, int64_t n, float scale)
{
    switch ((n + VW - 1) / VW) {
        SOFTMAX_SHORT(1)
        SOFTMAX_SHORT(2)
        SOFTMAX_SHORT(3)
        SOFTMAX_SHORT(4)
        SOFTMAX_SHORT(5)
        SOFTMAX_SHORT(6)
        SOFTMAX_SHORT(7)
        SOFTMAX_SHORT(8)
    default:
        break;
    }
    const float max = reduce(IGI_REDUCE_MAX, x, n);
    const float inverse = 1.0f / exp_sum(y, x, n, scale, max * scale);
    binary_mul_vs(y, y, &inverse, n);
}
#undef SOFTMAX_SHORT

static void log_softmax_row(float *y, const float *x, int64_t n)
{
    const float max = reduce(IGI_REDUCE_MAX, x, n);
    float sum = exp_sum(NULL, x, n, 1.0f, max), log_sum;
    unary_log(&log_sum, &sum, 1, NULL);
    /* Two subtractions: max + log(sum) would lose the digits of the logarithm. */
    binary_sub_vs(y, x, &max, n);
    binary_sub_vs(y, y, &log_sum, n);
}

/* Sums of x - mean and of its square. */
typedef struct deviations {
    float sum, squares;
} deviations;

VEC_INLINE deviations sum_deviations(const float *x, int64_t n, float mean)
{
    const vf m = vset1(mean), zero = vset1(0.0f);
    deviations total = {0.0f, 0.0f};
    for (int64_t i = 0; i < n;) {
        const int64_t end = i + ROW_RUN < n ? i + ROW_RUN : n;
        vf sum[4] = {zero, zero, zero, zero}, acc[4] = {zero, zero, zero, zero};
        for (; ROW_FULL(i + 3 * VW, end); i += 4 * VW) {
            VEC_UNROLL
            for (int s = 0; s < 4; s++) {
                vf d = vsub(vload(x + i + s * VW), m);
                sum[s] = vadd(sum[s], d);
                acc[s] = vfma(d, d, acc[s]);
            }
        }
        for (; i < end; i += VW) {
            vm tail = vtail(end - i < VW ? end - i : VW);
            vf d = vsel(tail, vsub(vload_tail(x + i, tail), m), zero);
            sum[0] = vadd(sum[0], d);
            acc[0] = vfma(d, d, acc[0]);
        }
        i = end;
        total.sum += vsum(vadd(vadd(sum[0], sum[1]), vadd(sum[2], sum[3])));
        total.squares += vsum(vadd(vadd(acc[0], acc[1]), vadd(acc[2], acc[3])));
    }
    return total;
}

/* Where floats overflow. */
static igi_moments moments_f64(const float *x, int64_t n)
{
    igi_moments m = {(double)n, 0, 0};
    for (int64_t i = 0; i < n; i++)
        m.mean += (double)x[i] / m.n;
    for (int64_t i = 0; i < n; i++)
        m.squares += ((double)x[i] - m.mean) * ((double)x[i] - m.mean);
    return m;
}

#define MOMENTS_RUN (4 * ROW_RUN) /* stays in L1 between the two passes */

/* The second pass corrects the rounded mean of the first: equal numbers have exactly
 * themselves as mean. */
static void moments(igi_moments *m, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i += MOMENTS_RUN) {
        const int64_t count = n - i < MOMENTS_RUN ? n - i : MOMENTS_RUN;
        const float sum = reduce(IGI_REDUCE_SUM, x + i, count);
        const float about = sum / (float)count;
        const deviations d = sum_deviations(x + i, count, about);
        const double shift = (double)d.sum / (double)count;
        const double squares = (double)d.squares - (double)d.sum * shift;
        igi_moments run = {(double)count, (double)about + shift,
                           squares < 0 ? 0 : squares};
        if (!isfinite(d.squares))
            run = moments_f64(x + i, count);
        igi_moments_join(m, &run);
    }
}

/* y = (x - mean) * factor + add. */
static void
standard_row(float *y, const float *x, int64_t n, float mean, float factor, float add)
{
    const vf m = vset1(mean), f = vset1(factor), b = vset1(add);
    int64_t i = 0;
    for (; ROW_FULL(i, n); i += VW)
        vstore(y + i, vfma(vsub(vload(x + i), m), f, b));
    if (i < n) {
        vm tail = vtail(n - i);
        vstore_tail(y + i, tail, vfma(vsub(vload_tail(x + i, tail), m), f, b));
    }
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
    const float variance = sum_deviations(x, n, mu).squares / (float)n;
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
#undef MOMENTS_RUN
