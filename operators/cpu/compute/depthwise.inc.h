/* Depthwise convolution of NHWC images, a vector of channels at a time.
 *
 * Each row of the kernel meets a group of output pixels: weights of the row stay in
 * registers, an input vector is loaded once for all the taps that use it. Narrow images
 * are copied into a tile with their padding, a band of rows at a time, so that no tap
 * needs a check and neighbouring pixels are neighbouring vectors; wide ones are read
 * where they lie, and only the windows of groups at the borders are copied. An output
 * is one chain in the order of the taps, whatever the group. */

#if defined(__clang__)
#define DEPTHWISE_UNROLL VEC_UNROLL
#else
#define DEPTHWISE_UNROLL _Pragma("GCC unroll 20")
#endif

enum { DEPTHWISE_PIXELS = 8, DEPTHWISE_NARROW = 20 };

/* What a group of pixels needs. */
typedef struct depthwise_group {
    const float *x;     /* first tap of the first pixel */
    int64_t pixel, row; /* floats between pixels, and between rows of taps */
    const float *w;     /* [tap][channel], `ldw` floats between taps */
    int64_t ldw, kernel_h, kernel_w;
    int64_t stride, dilation; /* in x, pixels */
    float *y;
    const float *residual; /* or NULL */
    int64_t ldy, lanes;    /* floats between pixels; channels of the vector */
    vf bias, low, high;
} depthwise_group;

/* Finishes the sums of neighbouring pixels. */
VEC_INLINE void
depthwise_store(const int pixels, const depthwise_group *g, const vf *acc)
{
    const vf bias = g->bias, low = g->low, high = g->high;
    const float *residual = g->residual;
    const int64_t ldy = g->ldy, lanes = g->lanes;
    const vm tail = vtail(lanes);
    float *y = g->y;
    VEC_UNROLL
    for (int p = 0; p < pixels; p++, y += ldy) {
        vf v = vadd(acc[p], bias);
        if (residual) {
            const float *r = residual + p * ldy;
            v = vadd(v, lanes == VW ? vload(r) : vload_tail(r, tail));
        }
        v = vmin(high, vmax(low, v));
        if (lanes == VW)
            vstore(y, v);
        else
            vstore_tail(y, tail, v);
    }
}

/* `pixels` outputs, stride s, kernel width kw: constants wherever this is inlined. */
VEC_INLINE void
depthwise_fixed(const int kw, const int s, const int pixels, const depthwise_group *g)
{
    const int64_t pixel = g->pixel, step = g->row, ldw = g->ldw;
    vf acc[DEPTHWISE_PIXELS];
    VEC_UNROLL
    for (int p = 0; p < pixels; p++)
        acc[p] = vset1(0.0f);
    const float *row = g->x, *w = g->w;
    for (int64_t k = g->kernel_h; k > 0; k--, row += step, w += kw * ldw) {
        const float *x = row;
        vf taps[7];
        VEC_UNROLL
        for (int j = 0; j < kw; j++)
            taps[j] = vload(w + j * ldw);
        DEPTHWISE_UNROLL
        for (int q = 0; q < (pixels - 1) * s + kw; q++, x += pixel) {
            const vf v = vload(x);
            VEC_UNROLL
            for (int p = 0; p < pixels; p++)
                if (q >= p * s && q < p * s + kw)
                    acc[p] = vfma(v, taps[q - p * s], acc[p]);
        }
    }
    depthwise_store(pixels, g, acc);
}

/* Any kernel, stride and dilation. */
VEC_INLINE void depthwise_any(const int pixels, const depthwise_group *g)
{
    vf acc[DEPTHWISE_PIXELS];
    VEC_UNROLL
    for (int p = 0; p < pixels; p++)
        acc[p] = vset1(0.0f);
    const float *w = g->w;
    for (int64_t k = 0; k < g->kernel_h; k++) {
        for (int64_t j = 0; j < g->kernel_w; j++, w += g->ldw) {
            const float *x = g->x + k * g->row + j * g->dilation * g->pixel;
            const vf tap = vload(w);
            VEC_UNROLL
            for (int p = 0; p < pixels; p++)
                acc[p] = vfma(vload(x + p * g->stride * g->pixel), tap, acc[p]);
        }
    }
    depthwise_store(pixels, g, acc);
}

typedef void (*depthwise_fn)(const depthwise_group *g);
#define DEPTHWISE(kw_, s_, pixels_)                                                    \
    static void depthwise_##kw_##_##s_##_##pixels_(const depthwise_group *g)           \
    {                                                                                  \
        depthwise_fixed(kw_, s_, pixels_, g);                                          \
    }
#define DEPTHWISE_WIDTHS(kw_, s_)                                                      \
    DEPTHWISE(kw_, s_, 8)                                                              \
    DEPTHWISE(kw_, s_, 7)                                                              \
    DEPTHWISE(kw_, s_, 4)                                                              \
    DEPTHWISE(kw_, s_, 2)                                                              \
    DEPTHWISE(kw_, s_, 1)
DEPTHWISE_WIDTHS(3, 1)
DEPTHWISE_WIDTHS(3, 2)
DEPTHWISE_WIDTHS(5, 1)
DEPTHWISE_WIDTHS(5, 2)
DEPTHWISE_WIDTHS(7, 1)
static void depthwise_any_4(const depthwise_group *g)
{
    depthwise_any(4, g);
}
static void depthwise_any_1(const depthwise_group *g)
{
    depthwise_any(1, g);
}

enum { DEPTHWISE_GROUPS = 5 };
static const int depthwise_widths[DEPTHWISE_GROUPS] = {8, 7, 4, 2, 1};

typedef struct depthwise_kernel {
    int64_t kernel_w, stride;
    depthwise_fn run[DEPTHWISE_GROUPS]; /* by depthwise_widths */
} depthwise_kernel;

#define DEPTHWISE_ROW(kw_, s_)                                                         \
    {                                                                                  \
        kw_, s_,                                                                       \
        {                                                                              \
            depthwise_##kw_##_##s_##_8, depthwise_##kw_##_##s_##_7,                    \
                depthwise_##kw_##_##s_##_4, depthwise_##kw_##_##s_##_2,                \
                depthwise_##kw_##_##s_##_1                                             \
        }                                                                              \
    }
static const depthwise_kernel depthwise_kernels[] = {
    DEPTHWISE_ROW(3, 1), DEPTHWISE_ROW(3, 2),
    DEPTHWISE_ROW(5, 1), DEPTHWISE_ROW(5, 2),
    DEPTHWISE_ROW(7, 1), {0, 0, {NULL, NULL, depthwise_any_4, NULL, depthwise_any_1}},
};

/* The widest group that fits into the `left` pixels of a row; rows that sevens fill and
 * eights do not (7, 14, 28 pixels) are filled by sevens. */
static int depthwise_width(const depthwise_kernel *k, int64_t left)
{
    int n = left % 7 == 0 && left % 8 != 0 ? 1 : 0;
    while (depthwise_widths[n] > left || !k->run[n])
        n++;
    return n;
}

static const depthwise_kernel *depthwise_kernel_of(const igi_patches *p)
{
    const depthwise_kernel *k = depthwise_kernels;
    while (k->kernel_w && (p->dilation_w != 1 || k->kernel_w != p->kernel_w ||
                           k->stride != p->stride_w))
        k++;
    return k;
}

/* Rows [top, top + rows) and columns [left, left + width) of an image, zero outside. */
static void depthwise_fill(const igi_patches *p,
                           float *tile,
                           const float *x,
                           int64_t top,
                           int64_t rows,
                           int64_t left,
                           int64_t width,
                           int64_t lanes)
{
    const int64_t lo = left < 0 ? (-left < width ? -left : width) : 0;
    const int64_t end = p->w - left < width ? p->w - left : width;
    const int64_t hi = end > lo ? end : lo;
    const vm tail = vtail(lanes);
    for (int64_t r = top; r < top + rows; r++, tile += width * VW) {
        const bool inside = r >= 0 && r < p->h;
        const int64_t first = inside ? lo : width, last = inside ? hi : width;
        const float *from = x + (inside ? (r * p->w + left + lo) * p->c : 0);
        for (int64_t i = 0; i < first; i++)
            vstore(tile + i * VW, vset1(0.0f));
        if (lanes == VW) {
            for (int64_t i = first; i < last; i++, from += p->c)
                vstore(tile + i * VW, vload(from));
        } else {
            for (int64_t i = first; i < last; i++, from += p->c)
                vstore(tile + i * VW, vload_tail(from, tail));
        }
        for (int64_t i = last; i < width; i++)
            vstore(tile + i * VW, vset1(0.0f));
    }
}

/* One output row. `band`: the tile's first row is the first tap's; NULL: x is read in
 * place, and `tile` takes the windows at the borders. */
static void depthwise_row(const igi_depthwise *d,
                          const depthwise_kernel *kernel,
                          depthwise_group *g,
                          const float *x,
                          int64_t top,
                          const float *band,
                          float *tile)
{
    const igi_patches *p = &d->p;
    const int64_t rows = (p->kernel_h - 1) * p->dilation_h + 1;
    const int64_t reach = (p->kernel_w - 1) * p->dilation_w + 1;
    const bool tall = top < 0 || top + rows > p->h;
    float *y = g->y;
    const float *residual = g->residual;
    int pixels = 0;
    for (int64_t q = 0; q < p->out_w; q += pixels) {
        const int n = depthwise_width(kernel, p->out_w - q);
        pixels = depthwise_widths[n];
        const int64_t left = q * p->stride_w - p->pad_left;
        const int64_t width = (pixels - 1) * p->stride_w + reach;
        if (band) {
            g->x = band + q * p->stride_w * VW;
        } else if (!tall && left >= 0 && left + width <= p->w) {
            g->x = x + (top * p->w + left) * p->c;
            g->pixel = p->c;
            g->row = p->w * p->c * p->dilation_h;
        } else {
            depthwise_fill(p, tile, x, top, rows, left, width, g->lanes);
            g->x = tile;
            g->pixel = VW;
            g->row = width * VW * p->dilation_h;
        }
        g->y = y + q * p->c;
        g->residual = residual ? residual + q * p->c : NULL;
        kernel->run[n](g);
    }
    g->y = y;
    g->residual = residual;
}

static void depthwise(const igi_depthwise *d,
                      int64_t image,
                      int64_t row_lo,
                      int64_t row_hi,
                      int64_t channel,
                      float *tile)
{
    const igi_patches *p = &d->p;
    const igi_epilogue *e = &d->epilogue;
    const int64_t lanes = p->c - channel < VW ? p->c - channel : VW;
    const int64_t rows = (p->kernel_h - 1) * p->dilation_h + 1;
    const int64_t width =
        (p->out_w - 1) * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1;
    const bool narrow = p->out_w <= DEPTHWISE_NARROW || lanes < VW;
    const float *x = p->x + image * p->h * p->w * p->c + channel;
    float low, high, bias[VW] = {0};
    const bool bounded = epilogue_bounds(e, &low, &high);
    if (e->bias)
        memcpy(bias, e->bias + channel, (size_t)lanes * sizeof(float));
    depthwise_group g = {.pixel = VW,
                         .row = width * VW * p->dilation_h,
                         .w = d->w + channel,
                         .ldw = d->ldw,
                         .kernel_h = p->kernel_h,
                         .kernel_w = p->kernel_w,
                         .stride = p->stride_w,
                         .dilation = p->dilation_w,
                         .ldy = p->c,
                         .lanes = lanes,
                         .bias = vload(bias),
                         .low = vset1(low),
                         .high = vset1(high)};
    const depthwise_kernel *kernel = depthwise_kernel_of(p);
    if (narrow)
        depthwise_fill(p, tile, x, row_lo * p->stride_h - p->pad_top,
                       (row_hi - row_lo - 1) * p->stride_h + rows, -p->pad_left, width,
                       lanes);
    for (int64_t r = row_lo; r < row_hi; r++) {
        const int64_t at = (image * p->out_h + r) * p->out_w * p->c + channel;
        const float *band =
            narrow ? tile + (r - row_lo) * p->stride_h * width * VW : NULL;
        g.y = d->y + at;
        g.residual = e->residual ? e->residual + at : NULL;
        depthwise_row(d, kernel, &g, x, r * p->stride_h - p->pad_top, band, tile);
        if (!bounded)
            unary_tiles[e->act](g.y, p->c, p->out_w, lanes, e->act_params);
    }
}
