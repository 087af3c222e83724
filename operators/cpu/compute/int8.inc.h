/* The body of every instruction set's table. The includer defines vectors of QW 32-bit
 * lanes: qi (int32) and qf (float) with the functions used here, QNV vectors a panel,
 * QMR rows a tile, QELEMENT and QTABLE.
 *
 * Tiles are like those of the float product (gemm.inc.h): all loops over rows and
 * vectors are unrolled, one kernel a height, rows addressed from three bases. */

#if defined(Q_UNROLL) /* the plain C table leaves it to the compiler */
#elif defined(__clang__)
#define Q_UNROLL _Pragma("clang loop unroll(full)")
#else
#define Q_UNROLL _Pragma("GCC unroll 16")
#endif

Q_INLINE void int8_kernel(const int m, const igi_int8_tile *tile)
{
    const igi_int8_tile copy = *tile, *t = &copy;
    qi acc[QMR][QNV];
    Q_UNROLL
    for (int i = 0; i < m; i++) {
        Q_UNROLL
        for (int j = 0; j < QNV; j++)
            acc[i][j] = qi_set1(0);
    }
    const int64_t ld = t->lda, ld3 = 3 * ld;
    const char *b = t->b;
    for (int64_t s = 0; s < t->segments; s++) {
        const char *p0 = (const char *)t->a + (t->segment ? t->segment[s] : 0);
        const char *p1 = m > 5 ? p0 + 5 * ld : p0;
        const char *p2 = m > 10 ? p1 + 5 * ld : p0;
        for (int64_t k = t->steps; k > 0; k--) {
            Q_KEEP(p0); /* or gcc makes a pointer a row of the bases, and spills */
            if (m > 5)
                Q_KEEP(p1);
            if (m > 10)
                Q_KEEP(p2);
            qi bv[QNV];
            Q_UNROLL
            for (int j = 0; j < QNV; j++)
                bv[j] = qi_load(b + j * (int)sizeof(qi));
            Q_UNROLL
            for (int i = 0; i < m; i++) {
                const char *base = i < 5 ? p0 : i < 10 ? p1 : p2;
                const qi av = qi_splat(base + (i % 5 == 3 ? ld3 : (i % 5) * ld));
                Q_UNROLL
                for (int j = 0; j < QNV; j++)
                    acc[i][j] = qi_dot(acc[i][j], av, bv[j]);
            }
            p0 += 4;
            p1 += 4;
            p2 += 4;
            b += QNV * (int)sizeof(qi);
        }
    }
    Q_UNROLL
    for (int i = 0; i < m; i++) {
        Q_UNROLL
        for (int j = 0; j < QNV; j++)
            qi_store(t->c + i * QNV * QW + j * QW, acc[i][j]);
    }
}

#define INT8_KERNEL(m_)                                                                \
    static void int8_kernel_##m_(const igi_int8_tile *t)                               \
    {                                                                                  \
        int8_kernel(m_, t);                                                            \
    }
INT8_KERNEL(1)
INT8_KERNEL(2)
INT8_KERNEL(3)
INT8_KERNEL(4)
#if QMR > 4
INT8_KERNEL(5)
INT8_KERNEL(6)
INT8_KERNEL(7)
INT8_KERNEL(8)
INT8_KERNEL(9)
INT8_KERNEL(10)
INT8_KERNEL(11)
INT8_KERNEL(12)
INT8_KERNEL(13)
INT8_KERNEL(14)
#endif

static void int8_tile(const igi_int8_tile *t)
{
    static void (*const kernels[])(const igi_int8_tile *) = {
        int8_kernel_1,
        int8_kernel_2,
        int8_kernel_3,
        int8_kernel_4,
#if QMR > 4
        int8_kernel_5,
        int8_kernel_6,
        int8_kernel_7,
        int8_kernel_8,
        int8_kernel_9,
        int8_kernel_10,
        int8_kernel_11,
        int8_kernel_12,
        int8_kernel_13,
        int8_kernel_14,
#endif
    };
    kernels[t->m - 1](t);
}

/* acc[c] = sum over taps of x[tap][c] * w[tap][c], c < channels. The 32-bit lanes hold
 * one product: what fills up a lane of x is 0. */
static void int8_depthwise(int32_t *acc,
                           const uint8_t *const *x,
                           const int8_t *w,
                           int64_t taps,
                           int64_t channels)
{
    int64_t c = 0;
    for (; c + QW <= channels; c += QW) {
        qi sum = qi_set1(0);
        for (int64_t t = 0; t < taps; t++)
            sum = qi_dot(sum, qi_load_u8(x[t] + c), qi_load_s8(w + t * channels + c));
        qi_store(acc + c, sum);
    }
    for (; c < channels; c++) {
        acc[c] = 0;
        for (int64_t t = 0; t < taps; t++)
            acc[c] += x[t][c] * w[t * channels + c];
    }
}

/* ---- pointwise ---- */

Q_INLINE qi bytes_load(const void *p, bool is_signed)
{
    return is_signed ? qi_load_s8(p) : qi_load_u8(p);
}

/* clamp(round(x), low - zero, high - zero) + zero; NaN gives low. The conversion rounds
 * to nearest even and turns NaN and what is too small into INT32_MIN. */
Q_INLINE qi quantum(qf x, qi zero, qi low, qi high)
{
    const qi r = qi_from(qf_min(qf_set1(1e9f), x));
    return qi_add(qi_min(qi_max(r, low), high), zero);
}

/* The constants of an epilogue as vectors. */
typedef struct finish_vectors {
    qi zero, low, high; /* the bounds less zero */
    qf residual_zero, residual_factor, sum_low, sum_high;
} finish_vectors;

Q_INLINE finish_vectors finish_constants(const igi_int8_finish *f)
{
    return (finish_vectors){.zero = qi_set1((int32_t)f->zero),
                            .low = qi_set1((int32_t)(f->low - f->zero)),
                            .high = qi_set1((int32_t)(f->high - f->zero)),
                            .residual_zero = qf_set1(f->residual_zero),
                            .residual_factor = qf_set1(f->residual_factor),
                            .sum_low = qf_set1(f->sum_low),
                            .sum_high = qf_set1(f->sum_high)};
}

Q_INLINE qi finish_bytes(qi s,
                         qf factor,
                         const finish_vectors *c,
                         const void *residual,
                         bool residual_signed)
{
    qf v = qf_mul(qf_from(s), factor);
    if (residual) {
        const qf r = qf_from(bytes_load(residual, residual_signed));
        v = qf_min(qf_max(v, c->sum_low), c->sum_high);
        v = qf_add(v, qf_mul(qf_sub(r, c->residual_zero), c->residual_factor));
    }
    return quantum(v, c->zero, c->low, c->high);
}

/* QW columns of all rows as bytes; `summed` is a constant where this is inlined. */
Q_INLINE void finish_whole(const igi_int8_finish *f,
                           const igi_int8_rows *r,
                           const finish_vectors *c,
                           int64_t j,
                           const bool summed)
{
    const qi bias = qi_load(f->bias + r->col + j);
    const qf factor = qf_load(f->factor + r->col + j);
    const int32_t *acc = r->acc + j;
    char *y = (char *)r->y + j;
    const char *old = summed ? (const char *)r->residual + j : NULL;
    for (int64_t i = 0; i < r->m; i++, acc += QNV * QW, y += r->ld_y) {
        const qi s = qi_add(qi_load(acc), bias);
        qi_store_bytes((uint8_t *)y,
                       finish_bytes(s, factor, c, old, f->residual_signed));
        if (summed)
            old += r->ld_residual;
    }
}

/* At most QW columns of row i, whatever there is to do. */
Q_INLINE void finish_part(const igi_int8_finish *f,
                          const igi_int8_rows *r,
                          const finish_vectors *c,
                          int64_t i,
                          int64_t j)
{
    int32_t sums[QW];
    uint8_t bytes[QW], old[QW] = {0};
    const int64_t left = r->n - j < QW ? r->n - j : QW;
    char *y = (char *)r->y + i * r->ld_y;
    qi s = qi_add(qi_load(r->acc + i * QNV * QW + j), qi_load(f->bias + r->col + j));
    if (f->b_zero && r->row_sums)
        s = qi_sub(s, qi_mul(qi_load(f->b_zero + r->col + j), qi_set1(r->row_sums[i])));
    if (!f->factor) {
        qi_store(sums, s);
        memcpy(y + j * (int64_t)sizeof(*sums), sums, (size_t)left * sizeof(*sums));
        return;
    }
    if (r->residual)
        memcpy(old, (const char *)r->residual + i * r->ld_residual + j, (size_t)left);
    const qf factor = qf_load(f->factor + r->col + j);
    qi_store_bytes(bytes, finish_bytes(s, factor, c, r->residual ? old : NULL,
                                       f->residual_signed));
    memcpy(y + j, bytes, (size_t)left);
}

static void int8_finish(const igi_int8_finish *finish, const igi_int8_rows *rows)
{
    const igi_int8_finish f = *finish; /* y might be it for all gcc knows */
    const igi_int8_rows r = *rows;
    const finish_vectors c = finish_constants(&f);
    int64_t j = 0;
    for (; f.factor && !r.row_sums && j + QW <= r.n; j += QW) {
        if (r.residual)
            finish_whole(&f, &r, &c, j, true);
        else
            finish_whole(&f, &r, &c, j, false);
    }
    for (; j < r.n; j += QW)
        for (int64_t i = 0; i < r.m; i++)
            finish_part(&f, &r, &c, i, j);
}

static void int8_quantize(
    void *y, const float *x, int64_t n, float scale, float zero, float low, float high)
{
    float in[QW] = {0};
    uint8_t out[QW];
    const qf s = qf_set1(scale);
    const qi z = qi_set1((int32_t)zero), lo = qi_set1((int32_t)(low - zero)),
             hi = qi_set1((int32_t)(high - zero));
    int64_t i = 0;
    for (; i + QW <= n; i += QW)
        qi_store_bytes((uint8_t *)y + i, quantum(qf_div(qf_load(x + i), s), z, lo, hi));
    if (i < n) {
        memcpy(in, x + i, (size_t)(n - i) * sizeof(*in));
        qi_store_bytes(out, quantum(qf_div(qf_load(in), s), z, lo, hi));
        memcpy((uint8_t *)y + i, out, (size_t)(n - i));
    }
}

static void int8_dequantize(
    float *y, const void *x, bool is_signed, int64_t n, float zero, float scale)
{
    const uint8_t *p = x;
    int64_t i = 0;
    for (; i + QW <= n; i += QW) {
        qf v = qf_sub(qf_from(bytes_load(p + i, is_signed)), qf_set1(zero));
        qf_store(y + i, qf_mul(v, qf_set1(scale)));
    }
    for (; i < n; i++)
        y[i] = ((float)(is_signed ? (int8_t)p[i] : p[i]) - zero) * scale;
}

Q_INLINE qi add_quanta(const void *a, const void *b, const igi_int8_add *p)
{
    qf u = qf_sub(qf_from(bytes_load(a, p->a_signed)), qf_set1(p->a_zero));
    qf v = qf_sub(qf_from(bytes_load(b, p->b_signed)), qf_set1(p->b_zero));
    qf sum = qf_add(qf_mul(u, qf_set1(p->a_scale)), qf_mul(v, qf_set1(p->b_scale)));
    return quantum(qf_div(sum, qf_set1(p->scale)), qi_set1((int32_t)p->zero),
                   qi_set1((int32_t)(p->low - p->zero)),
                   qi_set1((int32_t)(p->high - p->zero)));
}

static void
int8_add(void *y, const void *a, const void *b, int64_t n, const igi_int8_add *p)
{
    uint8_t left[3][QW] = {{0}};
    const uint8_t *u = a, *v = b;
    int64_t i = 0;
    for (; i + QW <= n; i += QW)
        qi_store_bytes((uint8_t *)y + i, add_quanta(u + i, v + i, p));
    if (i < n) {
        memcpy(left[0], u + i, (size_t)(n - i));
        memcpy(left[1], v + i, (size_t)(n - i));
        qi_store_bytes(left[2], add_quanta(left[0], left[1], p));
        memcpy((uint8_t *)y + i, left[2], (size_t)(n - i));
    }
}

Q_INLINE int byte_at(const uint8_t *p, bool is_signed)
{
    return is_signed ? (int8_t)*p : *p;
}

/* y[c] = the largest x[tap][c]. */
static void int8_max(
    void *y, const uint8_t *const *x, bool is_signed, int64_t taps, int64_t channels)
{
    uint8_t *to = y;
    int64_t c = 0;
    for (; c + QW <= channels; c += QW) {
        qi best = bytes_load(x[0] + c, is_signed);
        for (int64_t t = 1; t < taps; t++)
            best = qi_max(best, bytes_load(x[t] + c, is_signed));
        qi_store_bytes(to + c, best);
    }
    for (; c < channels; c++) {
        int best = byte_at(x[0] + c, is_signed);
        for (int64_t t = 1; t < taps; t++) {
            const int v = byte_at(x[t] + c, is_signed);
            best = v > best ? v : best;
        }
        to[c] = (uint8_t)best;
    }
}

static void int8_range(const float *x, int64_t n, float *low, float *high)
{
    /* Aligned: else gcc 12 misplaces them under AddressSanitizer. */
    _Alignas(64) float lo[QW];
    _Alignas(64) float hi[QW];
    qf l = qf_set1(0), h = qf_set1(0);
    int64_t i = 0;
    for (; i + QW <= n; i += QW) { /* the second operand where one is NaN */
        l = qf_min(qf_load(x + i), l);
        h = qf_max(qf_load(x + i), h);
    }
    qf_store(lo, l);
    qf_store(hi, h);
    *low = *high = 0;
    for (int j = 0; j < QW; j++) {
        *low = lo[j] < *low ? lo[j] : *low;
        *high = hi[j] > *high ? hi[j] : *high;
    }
    for (; i < n; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
}

static const igi_int8_isa int8_table = {
    .name = QNAME,
    .panel = QNV * QW,
    .rows = QMR,
    .element = QELEMENT,
    .tile = int8_tile,
    .finish = int8_finish,
    .depthwise = int8_depthwise,
    .max = int8_max,
    .quantize = int8_quantize,
    .dequantize = int8_dequantize,
    .add = int8_add,
    .range = int8_range,
};

const igi_int8_isa *QTABLE(void)
{
    return &int8_table;
}
