/* The three transforms of Winograd's convolutions F(4 x 4, 3 x 3) and F(2 x 2, 3 x 3)
 * (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv
 * 1509.09308): Y = A' [(G w G') . (B' d B)] A. The polynomials are interpolated at 0,
 * +-a, +-b and infinity with a = sqrt(1/2), b = sqrt(2) (at 0, +-1 and infinity), since
 * the customary +-1, +-2 lose another bit or two to numbers of unlike sizes.
 *
 * `s` (outputs a side of a tile: 4 or 2) and the other int and bool parameters are
 * constants wherever these are inlined. A lane is a channel, so transforms are plain
 * sums of vectors; the products in between are matrix products (winograd.c). */

#define WINOGRAD_A 0.70710678118654752f
#define WINOGRAD_B 1.41421356237309505f

enum { WINOGRAD_TAPS_MAX = 6, WINOGRAD_CHANNELS = 16 /* of weights at a time */ };

/* ---- one axis: six (four) values, `step` apart, in place or into fewer ---- */

VEC_INLINE void winograd_in(const int s, vf *d, const int step)
{
    const vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    if (s == 2) {
        d[0] = vsub(d0, d2);
        d[step] = vadd(d1, d2);
        d[2 * step] = vsub(d2, d1);
        d[3 * step] = vsub(d1, d3);
        return;
    }
    const vf d4 = d[4 * step], d5 = d[5 * step], sum = vset1(2.5f);
    const vf a = vset1(WINOGRAD_A), a2 = vset1(0.5f);
    const vf b = vset1(WINOGRAD_B), b2 = vset1(2.0f);
    const vf even_a = vfnma(b2, d2, d4), odd_a = vfnma(b2, d1, d3);
    const vf even_b = vfnma(a2, d2, d4), odd_b = vfnma(a2, d1, d3);
    d[0] = vfnma(sum, d2, vadd(d0, d4));
    d[step] = vfma(a, odd_a, even_a);
    d[2 * step] = vfnma(a, odd_a, even_a);
    d[3 * step] = vfma(b, odd_b, even_b);
    d[4 * step] = vfnma(b, odd_b, even_b);
    d[5 * step] = vfnma(sum, d3, vadd(d1, d5));
}

VEC_INLINE void winograd_out(const int s, vf *m, const int step)
{
    const vf m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step];
    const vf sum = vadd(m1, m2), difference = vsub(m1, m2);
    if (s == 2) {
        m[0] = vadd(m0, sum);
        m[step] = vsub(difference, m3);
        return;
    }
    const vf m4 = m[4 * step], m5 = m[5 * step];
    const vf sum2 = vadd(m3, m4), difference2 = vsub(m3, m4);
    const vf a = vset1(WINOGRAD_A), b = vset1(WINOGRAD_B);
    m[0] = vadd(vadd(m0, sum), sum2);
    m[step] = vfma(b, difference2, vmul(a, difference));
    m[2 * step] = vfma(vset1(2.0f), sum2, vmul(vset1(0.5f), sum));
    m[3 * step] = vfma(vset1(2.0f * WINOGRAD_B), difference2,
                       vfma(vset1(0.5f * WINOGRAD_A), difference, m5));
}

/* Three weights to six (four). */
VEC_INLINE void winograd_kernel(const int s, vf *w, const int step)
{
    const vf w0 = w[0], w1 = w[step], w2 = w[2 * step];
    if (s == 2) {
        const vf half = vset1(0.5f), even = vmul(half, vadd(w0, w2));
        w[step] = vfma(half, w1, even);
        w[2 * step] = vfnma(half, w1, even);
        w[3 * step] = w2;
        return;
    }
    const vf third = vset1(1.0f / 3), two_thirds = vset1(2.0f / 3);
    const vf sixth = vset1(1.0f / 6);
    const vf odd_a = vset1(WINOGRAD_B / 3), odd_b = vset1(WINOGRAD_B / 6);
    const vf even_a = vneg(vfma(two_thirds, w0, vmul(third, w2)));
    const vf even_b = vfma(sixth, w0, vmul(third, w2));
    w[step] = vfnma(odd_a, w1, even_a);
    w[2 * step] = vfma(odd_a, w1, even_a);
    w[3 * step] = vfma(odd_b, w1, even_b);
    w[4 * step] = vfnma(odd_b, w1, even_b);
    w[5 * step] = w2;
}

/* ---- weights ---- */

/* u[f][c][panel] of `channels` <= WINOGRAD_CHANNELS channels and `cols` outputs; w:
 * rows of nine taps a channel, `ld` floats from one output to the next. */
VEC_INLINE void winograd_weights_tile(const int s, const igi_winograd_kernel *k)
{
    enum { STEP = WINOGRAD_TAPS_MAX };
    const int n = s + 2;
    float rows[WINOGRAD_CHANNELS * 9 * GEMM_PANEL];
    if (k->cols < GEMM_PANEL)
        memset(rows, 0, sizeof(rows));
    transpose_32(rows, GEMM_PANEL, k->w, k->ld, k->cols, k->channels * 9);
    for (int64_t c = 0; c < k->channels; c++) {
        for (int64_t col = 0; col < GEMM_PANEL; col += VW) {
            vf t[STEP * STEP];
            const float *from = rows + c * 9 * GEMM_PANEL + col;
            float *to = k->u + c * GEMM_PANEL + col;
            VEC_UNROLL
            for (int j = 0; j < 3; j++) {
                VEC_UNROLL
                for (int i = 0; i < 3; i++)
                    t[i * STEP + j] = vload(from + (i * 3 + j) * GEMM_PANEL);
                winograd_kernel(s, t + j, STEP);
            }
            VEC_UNROLL
            for (int i = 0; i < n; i++) {
                winograd_kernel(s, t + i * STEP, 1);
                VEC_UNROLL
                for (int j = 0; j < n; j++)
                    vstore(to + (i * n + j) * k->step, t[i * STEP + j]);
            }
        }
    }
}

static void winograd_weights(int tile, const igi_winograd_kernel *k)
{
    if (tile == 4)
        winograd_weights_tile(4, k);
    else
        winograd_weights_tile(2, k);
}

/* ---- input ---- */

/* All channels of one tile; pixel(i, j) lies at p[i * n + j], or when `inside` at p[0]
 * + i * row + j * c. */
VEC_INLINE void winograd_input_tile(const int s,
                                    const bool inside,
                                    const igi_winograd *g,
                                    const float *const *p,
                                    float *v,
                                    int64_t step)
{
    enum { STEP = WINOGRAD_TAPS_MAX };
    const int n = s + 2;
    const int64_t row = g->w * g->c;
    for (int64_t c = 0; c < g->c; c += VW) {
        vf t[STEP * STEP];
        VEC_UNROLL
        for (int j = 0; j < n; j++) {
            VEC_UNROLL
            for (int i = 0; i < n; i++)
                t[i * STEP + j] =
                    vload((inside ? p[0] + i * row + j * g->c : p[i * n + j]) + c);
            winograd_in(s, t + j, STEP);
        }
        VEC_UNROLL
        for (int i = 0; i < n; i++) {
            winograd_in(s, t + i * STEP, 1);
            VEC_UNROLL
            for (int j = 0; j < n; j++)
                vstore(v + (i * n + j) * step + c, t[i * STEP + j]);
        }
    }
}

/* Where the pixels of the tile at (top, left) of an image lie; outside: at `zeros`. */
static bool winograd_pixels(const igi_winograd *g,
                            const float *x,
                            int64_t top,
                            int64_t left,
                            const float *zeros,
                            const float **p)
{
    const int n = g->tile + 2;
    if (top >= 0 && left >= 0 && top + n <= g->h && left + n <= g->w) {
        p[0] = x + (top * g->w + left) * g->c;
        return true;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            const int64_t r = top + i, q = left + j;
            const bool in = r >= 0 && q >= 0 && r < g->h && q < g->w;
            p[i * n + j] = in ? x + (r * g->w + q) * g->c : zeros;
        }
    }
    return false;
}

static void winograd_input(const igi_winograd *g,
                           const igi_winograd_tiles *t,
                           const float *zeros,
                           int64_t lo,
                           int64_t hi)
{
    const int64_t across = igi_winograd_across(g), down = igi_winograd_down(g);
    const float *p[WINOGRAD_TAPS_MAX * WINOGRAD_TAPS_MAX];
    for (int64_t i = lo; i < hi; i++) {
        const int64_t image = i / (across * down), at = i % (across * down);
        const float *x = g->x + image * g->h * g->w * g->c;
        float *v = t->v + (i - t->first) * t->ld;
        const bool inside =
            winograd_pixels(g, x, at / across * g->tile - g->pad_top,
                            at % across * g->tile - g->pad_left, zeros, p);
        if (g->tile == 4 && inside)
            winograd_input_tile(4, true, g, p, v, t->step);
        else if (g->tile == 4)
            winograd_input_tile(4, false, g, p, v, t->step);
        else if (inside)
            winograd_input_tile(2, true, g, p, v, t->step);
        else
            winograd_input_tile(2, false, g, p, v, t->step);
    }
}

/* ---- output ---- */

typedef struct winograd_place {
    int64_t rows, cols;    /* of the tile that lie in the image */
    int64_t at;            /* of its first pixel, column 0 of the group, in y */
    const float *m;        /* its first product */
    float *y;              /* tile[pixel][width], or NULL: straight to g->y */
    vf low, high;          /* of the activation, when it is only bounds */
    int64_t width, column; /* columns of the group, and the first of them */
} winograd_place;

VEC_INLINE void winograd_output_vector(const int s,
                                       const bool whole,
                                       const igi_winograd *g,
                                       const igi_winograd_products *q,
                                       const winograd_place *at,
                                       int64_t col)
{
    enum { STEP = WINOGRAD_TAPS_MAX };
    const int n = s + 2;
    const igi_epilogue *e = &g->epilogue;
    const vf bias = e->bias ? vload(e->bias + at->column + col) : vset1(0.0f);
    vf t[STEP * STEP];
    VEC_UNROLL
    for (int j = 0; j < n; j++) {
        VEC_UNROLL
        for (int i = 0; i < n; i++)
            t[i * STEP + j] = vload(at->m + (i * n + j) * q->step + col);
        winograd_out(s, t + j, STEP);
    }
    VEC_UNROLL
    for (int i = 0; i < s; i++) {
        winograd_out(s, t + i * STEP, 1);
        if (!whole && i >= at->rows)
            return;
        VEC_UNROLL
        for (int j = 0; j < s; j++) {
            const int64_t y = at->at + (i * g->out_w + j) * g->n + col;
            vf x = vadd(t[i * STEP + j], bias);
            if (!whole && j >= at->cols)
                continue;
            if (e->residual && !e->residual_after)
                x = vadd(x, vload(e->residual + y));
            x = vmin(at->high, vmax(at->low, x));
            vstore(at->y ? at->y + (i * s + j) * at->width + col : g->y + y, x);
        }
    }
}

/* The parts of the epilogue that need the finished tile: functions, and a residual
 * behind them (which may be y itself). */
static void winograd_finish(const igi_winograd *g, const winograd_place *at)
{
    const igi_epilogue *e = &g->epilogue;
    const int64_t pixels = (int64_t)g->tile * g->tile;
    unary_tiles[e->act](at->y, at->width, pixels, at->width, e->act_params);
    for (int64_t i = 0; i < at->rows; i++) {
        for (int64_t j = 0; j < at->cols; j++) {
            const int64_t y = at->at + (i * g->out_w + j) * g->n;
            const float *from = at->y + (i * g->tile + j) * at->width;
            if (e->residual && e->residual_after)
                binary_add_vv(g->y + y, from, e->residual + y, at->width);
            else
                memcpy(g->y + y, from, (size_t)at->width * sizeof(float));
        }
    }
}

static void winograd_output(const igi_winograd *g, const igi_winograd_products *q)
{
    const int64_t across = igi_winograd_across(g), down = igi_winograd_down(g);
    const int s = g->tile;
    float finished[16 * IGI_WINOGRAD_GROUP * GEMM_PANEL];
    float low, high;
    const bool bounds = epilogue_bounds(&g->epilogue, &low, &high);
    winograd_place at = {.y = bounds ? NULL : finished,
                         .low = vset1(bounds ? low : -INFINITY),
                         .high = vset1(bounds ? high : INFINITY),
                         .width = q->width,
                         .column = q->column};
    if (!bounds) /* pixels outside the image are not written below */
        memset(finished, 0, sizeof(finished));
    for (int64_t i = 0; i < q->tiles; i++) {
        const int64_t image = (q->first + i) / (across * down);
        const int64_t tile = (q->first + i) % (across * down);
        const int64_t r = tile / across * s, c = tile % across * s;
        at.rows = g->out_h - r < s ? g->out_h - r : s;
        at.cols = g->out_w - c < s ? g->out_w - c : s;
        at.at = ((image * g->out_h + r) * g->out_w + c) * g->n + q->column;
        at.m = q->m + i * q->ld;
        const bool whole = at.rows == s && at.cols == s;
        for (int64_t col = 0; col < q->width; col += VW) {
            if (s == 4 && whole)
                winograd_output_vector(4, true, g, q, &at, col);
            else if (s == 4)
                winograd_output_vector(4, false, g, q, &at, col);
            else
                winograd_output_vector(2, false, g, q, &at, col);
        }
        if (!bounds)
            winograd_finish(g, &at);
    }
}
