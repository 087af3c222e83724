/* Patches of NHWC images as rows of a matrix (im2col), so that a convolution is a
 * matrix product. */

/* `count` runs of n floats, a step apart on either side. */
static void patches_copy(
    float *dst, int64_t ld, const float *src, int64_t step, int64_t count, int64_t n)
{
    const int64_t whole = n / VW * VW;
    const vm tail = vtail(n - whole > 0 ? n - whole : 1);
    for (; count > 0; count--, dst += ld, src += step) {
        for (int64_t i = 0; i < whole; i += VW)
            vstore(dst + i, vload(src + i));
        if (whole < n)
            vstore_tail(dst + whole, tail, vload_tail(src + whole, tail));
    }
}

static void patches_zero(float *dst, int64_t ld, int64_t count, int64_t n)
{
    for (; count > 0; count--, dst += ld)
        memset(dst, 0, (size_t)n * sizeof(float));
}

/* Output columns [*lo, *hi) among [from, to) whose tap `j` lies in the image. */
static void patches_inside(
    const igi_patches *p, int64_t j, int64_t from, int64_t to, int64_t *lo, int64_t *hi)
{
    const int64_t first = p->pad_left - j * p->dilation_w; /* ox * stride >= first */
    const int64_t last = p->w - 1 + first;                 /* ox * stride <= last */
    *lo = first > 0 ? (first + p->stride_w - 1) / p->stride_w : 0;
    *hi = last < 0 ? 0 : last / p->stride_w + 1;
    *lo = *lo < from ? from : *lo > to ? to : *lo;
    *hi = *hi > to ? to : *hi < *lo ? *lo : *hi;
}

/* Taps [j, j + n) of a row of the image, adjacent in it, for output columns [from, to).
 */
static void patches_taps(const igi_patches *p,
                         float *dst,
                         int64_t ld,
                         const float *row,
                         int64_t j,
                         int64_t n,
                         int64_t from,
                         int64_t to)
{
    int64_t lo, hi, none;
    patches_inside(p, j, from, to, &lo, &none);
    patches_inside(p, j + n - 1, from, to, &none, &hi);
    if (n > 1 && lo > hi)
        lo = hi = from;
    const int64_t at = j * p->dilation_w - p->pad_left;
    patches_copy(dst + (lo - from) * ld, ld, row + (lo * p->stride_w + at) * p->c,
                 p->stride_w * p->c, hi - lo, n * p->c);
    if (n == 1) {
        patches_zero(dst, ld, lo - from, p->c);
        patches_zero(dst + (hi - from) * ld, ld, to - hi, p->c);
        return;
    }
    for (int64_t k = 0; k < n; k++, dst += p->c) { /* borders, a tap at a time */
        patches_taps(p, dst, ld, row, j + k, 1, from, lo);
        patches_taps(p, dst + (hi - from) * ld, ld, row, j + k, 1, hi, to);
    }
}

static void
patches(const igi_patches *p, float *dst, int64_t ld, int64_t lo, int64_t hi)
{
    const int64_t taps = p->kernel_w * p->c;
    const int64_t n = p->dilation_w == 1 ? p->kernel_w : 1;
    for (int64_t at = lo, to; at < hi; dst += (to - at) * ld, at = to) {
        const int64_t line = at / p->out_w, from = at % p->out_w;
        const int64_t top = line % p->out_h * p->stride_h - p->pad_top;
        const float *x = p->x + line / p->out_h * p->h * p->w * p->c;
        to = (line + 1) * p->out_w < hi ? (line + 1) * p->out_w : hi;
        for (int64_t k = 0; k < p->kernel_h; k++) {
            const int64_t r = top + k * p->dilation_h;
            float *d = dst + k * taps;
            if (r < 0 || r >= p->h) {
                patches_zero(d, ld, to - at, taps);
                continue;
            }
            for (int64_t j = 0; j < p->kernel_w; j += n, d += n * p->c)
                patches_taps(p, d, ld, x + r * p->w * p->c, j, n, from, from + to - at);
        }
    }
}

/* Back from patches: y[r][i] += x[r][i]. */
static void
add_rows(float *y, int64_t ld_y, const float *x, int64_t ld_x, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, y += ld_y, x += ld_x) {
        int64_t i = 0;
        for (; i + VW <= n; i += VW)
            vstore(y + i, vadd(vload(y + i), vload(x + i)));
        if (i < n) {
            const vm tail = vtail(n - i);
            vstore_tail(y + i, tail,
                        vadd(vload_tail(y + i, tail), vload_tail(x + i, tail)));
        }
    }
}
