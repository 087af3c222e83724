/* Stockham passes in the precision FFT_REAL; names end in FFT_SUFFIX. Included once for
 * double and once for float by common_fft.c. */

#define FFT_JOIN_(a_, b_) a_##b_
#define FFT_JOIN(a_, b_)  FFT_JOIN_(a_, b_)
#define FFT(name_)        FFT_JOIN(name_, FFT_SUFFIX)

typedef struct {
    FFT_REAL re, im;
} FFT(number);

static FFT(number) FFT(at)(const FFT_REAL *x, int64_t i)
{
    return (FFT(number)){x[2 * i], x[2 * i + 1]};
}

static void FFT(put)(FFT_REAL *x, int64_t i, FFT(number) v)
{
    x[2 * i] = v.re;
    x[2 * i + 1] = v.im;
}

static FFT(number) FFT(add)(FFT(number) a, FFT(number) b)
{
    return (FFT(number)){a.re + b.re, a.im + b.im};
}

static FFT(number) FFT(sub)(FFT(number) a, FFT(number) b)
{
    return (FFT(number)){a.re - b.re, a.im - b.im};
}

static FFT(number) FFT(product)(FFT(number) a, FFT(number) b)
{
    return (FFT(number)){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* b[u] = sum over t of a[t] exp(-2 pi i t u / r) for odd r: conjugate pairs of roots
 * meet sums and differences of pairs of elements. */
static void FFT(transform_odd)(const FFT_REAL *root,
                               int64_t step,
                               int64_t r,
                               const FFT(number) * a,
                               FFT(number) * b)
{
    FFT(number) s[LARGEST_FACTOR], d[LARGEST_FACTOR];
    const int64_t half = r / 2;
    b[0] = a[0];
    for (int64_t t = 1; t <= half; t++) {
        s[t] = FFT(add)(a[t], a[r - t]);
        d[t] = FFT(sub)(a[t], a[r - t]);
        b[0] = FFT(add)(b[0], s[t]);
    }
    for (int64_t u = 1; u <= half; u++) {
        FFT(number) even = a[0], odd = {0, 0};
        for (int64_t t = 1; t <= half; t++) {
            const FFT(number) w = FFT(at)(root, t * u % r * step);
            even = FFT(add)(even, (FFT(number)){w.re * s[t].re, w.re * s[t].im});
            odd = FFT(add)(odd, (FFT(number)){-w.im * d[t].im, w.im * d[t].re});
        }
        b[u] = FFT(add)(even, odd);
        b[r - u] = FFT(sub)(even, odd);
    }
}

static void FFT(transform)(const FFT_REAL *root,
                           int64_t step,
                           int64_t r,
                           const FFT(number) * a,
                           FFT(number) * b)
{
    if (r == 2) {
        b[0] = FFT(add)(a[0], a[1]);
        b[1] = FFT(sub)(a[0], a[1]);
    } else if (r == 4) {
        const FFT(number) s = FFT(add)(a[0], a[2]), d = FFT(sub)(a[0], a[2]),
                          p = FFT(add)(a[1], a[3]),
                          q = {a[1].im - a[3].im, a[3].re - a[1].re}; /* -i (a1 - a3) */
        b[0] = FFT(add)(s, p);
        b[1] = FFT(add)(d, q);
        b[2] = FFT(sub)(s, p);
        b[3] = FFT(sub)(d, q);
    } else {
        FFT(transform_odd)(root, step, r, a, b);
    }
}

/* One pass: `left` is what is left of n to transform, `done` what is done. */
static ig_status FFT(pass)(igi_pace *pace,
                           const FFT_REAL *root,
                           int64_t r,
                           int64_t left,
                           int64_t done,
                           const FFT_REAL *x,
                           FFT_REAL *y)
{
    FFT(number) a[LARGEST_FACTOR], b[LARGEST_FACTOR];
    const int64_t part = left / r, step = left * done / r;
    for (int64_t p = 0; p < part; p++) {
        IG_TRY(igi_pace_go(pace, r * done));
        for (int64_t q = 0; q < done; q++) {
            for (int64_t t = 0; t < r; t++)
                a[t] = FFT(at)(x, q + done * (p + t * part));
            FFT(transform)(root, step, r, a, b);
            FFT(put)(y, q + done * r * p, b[0]);
            for (int64_t u = 1; u < r; u++)
                FFT(put)
            (y, q + done * (r * p + u),
             p ? FFT(product)(b[u], FFT(at)(root, p * u * done)) : b[u]);
        }
    }
    return IG_OK;
}

/* x[n] := its transform, by way of work[n]. */
static ig_status FFT(forward)(
    igi_pace *pace, const FFT_REAL *root, int64_t n, FFT_REAL *x, FFT_REAL *work)
{
    FFT_REAL *from = x, *to = work;
    int64_t done = 1;
    for (int64_t left = n; left > 1;) {
        const int64_t r = igi_fft_factor(left);
        IG_TRY(FFT(pass)(pace, root, r, left, done, from, to));
        left /= r;
        done *= r;
        FFT_REAL *swap = from;
        from = to;
        to = swap;
    }
    if (from != x)
        memcpy(x, from, (size_t)n * 2 * sizeof(FFT_REAL));
    return IG_OK;
}

#undef FFT
#undef FFT_JOIN
#undef FFT_JOIN_
#undef FFT_REAL
#undef FFT_SUFFIX
