/* Stockham passes over lines side by side (compute_fft.h). */

typedef struct fft_z {
    vf re, im;
} fft_z;

VEC_INLINE fft_z fft_at(const float *x, int64_t i)
{
    return (fft_z){vload(x + 2 * i * VW), vload(x + (2 * i + 1) * VW)};
}
VEC_INLINE void fft_put(float *x, int64_t i, fft_z v)
{
    vstore(x + 2 * i * VW, v.re);
    vstore(x + (2 * i + 1) * VW, v.im);
}
VEC_INLINE fft_z fft_add(fft_z a, fft_z b)
{
    return (fft_z){vadd(a.re, b.re), vadd(a.im, b.im)};
}
VEC_INLINE fft_z fft_sub(fft_z a, fft_z b)
{
    return (fft_z){vsub(a.re, b.re), vsub(a.im, b.im)};
}
/* a * w[0] + i a * w[1] */
VEC_INLINE fft_z fft_mul(fft_z a, const float *w)
{
    const vf re = vset1(w[0]), im = vset1(w[1]);
    return (fft_z){vfnma(a.im, im, vmul(a.re, re)), vfma(a.re, im, vmul(a.im, re))};
}

enum { FFT_LARGEST = 13 };

/* As common_fft.inc.h has it: conjugate pairs of roots meet sums and differences. */
VEC_INLINE void
fft_odd(const int64_t r, const float *root, int64_t step, const fft_z *a, fft_z *b)
{
    fft_z s[FFT_LARGEST / 2 + 1], d[FFT_LARGEST / 2 + 1];
    const int64_t half = r / 2;
    b[0] = a[0];
    for (int64_t t = 1; t <= half; t++) {
        s[t] = fft_add(a[t], a[r - t]);
        d[t] = fft_sub(a[t], a[r - t]);
        b[0] = fft_add(b[0], s[t]);
    }
    for (int64_t u = 1; u <= half; u++) {
        fft_z even = a[0], odd = {vset1(0.0f), vset1(0.0f)};
        for (int64_t t = 1; t <= half; t++) {
            const float *w = root + 2 * (t * u % r * step);
            const vf re = vset1(w[0]), im = vset1(w[1]);
            even = (fft_z){vfma(re, s[t].re, even.re), vfma(re, s[t].im, even.im)};
            odd = (fft_z){vfnma(im, d[t].im, odd.re), vfma(im, d[t].re, odd.im)};
        }
        b[u] = fft_add(even, odd);
        b[r - u] = fft_sub(even, odd);
    }
}

VEC_INLINE void fft_butterfly(
    const int64_t r, const float *root, int64_t step, const fft_z *a, fft_z *b)
{
    if (r == 2) {
        b[0] = fft_add(a[0], a[1]);
        b[1] = fft_sub(a[0], a[1]);
    } else if (r == 4) {
        const fft_z s = fft_add(a[0], a[2]), d = fft_sub(a[0], a[2]),
                    p = fft_add(a[1], a[3]), q = fft_sub(a[1], a[3]);
        b[0] = fft_add(s, p);
        b[2] = fft_sub(s, p);
        b[1] = (fft_z){vadd(d.re, q.im), vsub(d.im, q.re)}; /* d - i q */
        b[3] = (fft_z){vsub(d.re, q.im), vadd(d.im, q.re)};
    } else {
        fft_odd(r, root, step, a, b);
    }
}

/* One pass: `left` is what is left of n to transform, `done` what is done; r is a
 * constant wherever that pays. */
VEC_INLINE void fft_pass(const int64_t r,
                         const float *root,
                         int64_t left,
                         int64_t done,
                         const float *x,
                         float *y)
{
    const int64_t part = left / r, step = part * done;
    for (int64_t p = 0; p < part; p++) {
        for (int64_t q = 0; q < done; q++) {
            fft_z a[FFT_LARGEST], b[FFT_LARGEST];
            a[0] = fft_at(x, q + done * p);
            for (int64_t t = 1; t < r; t++)
                a[t] = fft_at(x, q + done * (p + t * part));
            fft_butterfly(r, root, step, a, b);
            fft_put(y, q + done * r * p, b[0]);
            for (int64_t u = 1; u < r; u++)
                fft_put(y, q + done * (r * p + u),
                        p ? fft_mul(b[u], root + 2 * (p * u * done)) : b[u]);
        }
    }
}

static float *fft_lines(const igi_fft_lines *f, float *x, float *work)
{
    int64_t left = f->n, done = 1;
    for (int i = 0; i < f->factors; i++) {
        const int64_t r = f->factor[i];
        if (r == 2)
            fft_pass(2, f->root, left, done, x, work);
        else if (r == 3)
            fft_pass(3, f->root, left, done, x, work);
        else if (r == 4)
            fft_pass(4, f->root, left, done, x, work);
        else if (r == 5)
            fft_pass(5, f->root, left, done, x, work);
        else
            fft_pass(r, f->root, left, done, x, work);
        left /= r;
        done *= r;
        float *swap = x;
        x = work;
        work = swap;
    }
    return x;
}

static void
fft_times(float *y, const float *x, const float *by, int64_t n, bool conjugate)
{
    for (int64_t i = 0; i < n; i++) {
        fft_z v = fft_at(x, i);
        if (conjugate)
            v.im = vneg(v.im);
        fft_put(y, i, fft_mul(v, by + 2 * i));
    }
}

static void fft_weigh(float *x, const float *by, int64_t n, int64_t parts)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = 0; p < parts; p++, x += VW)
            vstore(x, vmul(vload(x), vset1(by[i])));
}

/* With a = x[k] and b = conjugate(x[n - k]): even numbers have (a + b) / 2, odd ones
 * -i (a - b) / 2, which root[k] turns. */
static void
fft_unpack(float *y, const float *x, const float *root, int64_t n, int64_t bins)
{
    const vf half = vset1(0.5f);
    for (int64_t k = 0; k <= n; k++) {
        const fft_z a = fft_at(x, k < n ? k : 0), b = fft_at(x, k ? n - k : 0);
        const fft_z even = {vmul(half, vadd(a.re, b.re)), vmul(half, vsub(a.im, b.im))};
        const fft_z odd = {vmul(half, vadd(a.im, b.im)), vmul(half, vsub(b.re, a.re))};
        fft_put(y, k, fft_add(even, fft_mul(odd, root + 2 * k)));
    }
    for (int64_t k = n + 1; k < bins; k++) {
        const fft_z v = fft_at(y, 2 * n - k);
        fft_put(y, k, (fft_z){v.re, vneg(v.im)});
    }
}
