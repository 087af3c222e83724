/* Pooling over NHWC images: channels innermost, a vector of them a step. */

typedef struct pool_window {
    int64_t lo_h, hi_h, lo_w, hi_w; /* taps that lie inside the image */
} pool_window;

/* Taps [*lo, *hi) of one axis with 0 <= origin + tap * dilation < size. */
static void pool_taps(int64_t origin,
                      int64_t kernel,
                      int64_t dilation,
                      int64_t size,
                      int64_t *lo,
                      int64_t *hi)
{
    int64_t first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    int64_t end = origin < size ? (size - origin + dilation - 1) / dilation : 0;
    *hi = end < kernel ? end : kernel;
    *lo = first < *hi ? first : *hi;
}

VEC_INLINE vf pool_reduce(const bool max,
                          const igi_pool *p,
                          const float *x,
                          const pool_window *w,
                          const bool masked,
                          vm tail)
{
    vf acc = vset1(max ? -INFINITY : 0.0f);
    for (int64_t i = w->lo_h; i < w->hi_h; i++) {
        const float *row = x + i * p->dilation_h * p->x_row;
        for (int64_t j = w->lo_w; j < w->hi_w; j++) {
            vf v = gemm_load(row + j * p->dilation_w * p->x_pixel, masked, tail);
            acc = max ? v_max_nan(acc, v) : vadd(acc, v);
        }
    }
    return acc;
}

/* All channels of one window whose tap (0, 0) is `x`; the result times `scale`. */
VEC_INLINE void pool_pixel(const bool max,
                           const igi_pool *p,
                           float *y,
                           const float *x,
                           const pool_window *w,
                           float scale)
{
    const vf s = vset1(scale);
    int64_t c = 0;
    for (; c + VW <= p->c; c += VW) {
        vf acc = pool_reduce(max, p, x + c, w, false, vtail(1));
        vstore(y + c, max ? acc : vmul(acc, s));
    }
    if (c < p->c) {
        vm tail = vtail(p->c - c);
        vf acc = pool_reduce(max, p, x + c, w, true, tail);
        vstore_tail(y + c, tail, max ? acc : vmul(acc, s));
    }
}

/* 1 / number of taps that the average counts, 0 for an empty window. */
static float pool_scale(const igi_pool *p, int64_t oh, int64_t ow, const pool_window *w)
{
    int64_t taps = (w->hi_h - w->lo_h) * (w->hi_w - w->lo_w);
    if (p->count_include_pad) {
        int64_t lo, hi, taps_h;
        const int64_t high = p->h + p->pad_top + p->pad_bottom;
        pool_taps(oh + p->pad_top, p->kernel_h, p->dilation_h, high, &lo, &hi);
        taps_h = hi - lo;
        const int64_t wide = p->w + p->pad_left + p->pad_right;
        pool_taps(ow + p->pad_left, p->kernel_w, p->dilation_w, wide, &lo, &hi);
        taps = taps_h * (hi - lo);
    }
    return taps > 0 ? 1.0f / (float)taps : 0.0f;
}

VEC_INLINE void pool_row(const bool max, const igi_pool *p, int64_t oy)
{
    const int64_t oh = oy * p->stride_h - p->pad_top;
    pool_window w;
    pool_taps(oh, p->kernel_h, p->dilation_h, p->h, &w.lo_h, &w.hi_h);
    for (int64_t ox = 0; ox < p->out_w; ox++) {
        const int64_t ow = ox * p->stride_w - p->pad_left;
        pool_taps(ow, p->kernel_w, p->dilation_w, p->w, &w.lo_w, &w.hi_w);
        const float scale = max ? 1.0f : pool_scale(p, oh, ow, &w);
        /* Moves to the first tap inside, so that no address lies before the image. */
        const pool_window inside = {0, w.hi_h - w.lo_h, 0, w.hi_w - w.lo_w};
        const bool empty = inside.hi_h <= 0 || inside.hi_w <= 0;
        const float *x = p->x;
        if (!empty)
            x += (oh + w.lo_h * p->dilation_h) * p->x_row +
                 (ow + w.lo_w * p->dilation_w) * p->x_pixel;
        pool_pixel(max, p, p->y + oy * p->y_row + ox * p->y_pixel, x, &inside, scale);
    }
}

static void max_pool_row(const igi_pool *p, int64_t oy)
{
    pool_row(true, p, oy);
}

static void avg_pool_row(const igi_pool *p, int64_t oy)
{
    pool_row(false, p, oy);
}

static void global_avg_pool(
    float *y, const float *x, int64_t pixels, int64_t x_pixel, int64_t channels)
{
    const float scale = 1.0f / (float)pixels;
    int64_t c = 0;
    for (; c + 4 * VW <= channels; c += 4 * VW)
        reduce_columns(IGI_REDUCE_SUM, 4, vtail(VW), y + c, x + c, pixels, x_pixel);
    for (; c < channels; c += VW) {
        const vm tail = vtail(channels - c < VW ? channels - c : VW);
        reduce_columns(IGI_REDUCE_SUM, 1, tail, y + c, x + c, pixels, x_pixel);
    }
    binary_mul_vs(y, y, &scale, channels);
}
