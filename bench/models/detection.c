/* A detector after YOLOv8n as its exporter writes it: batch norms already folded into
 * the convolutions, channels split and joined again, nearest upsampling by Expand,
 * boxes decoded from distributions. The tiny one has an input of 64 pixels and a
 * quarter of the channels. */
#include "bench/models/builder.h"

typedef struct map { /* a feature map [1, c, side, side] */
    value v;
    int64_t c, side;
} map;

enum { BINS = 16, LEVELS = 3 };

static map conv_silu(builder *b, map x, int64_t out, int64_t kernel, int64_t stride)
{
    value y = b_conv(b, x.v, (conv){x.c, out, kernel, stride, kernel / 2, 1, true, 0});
    return (map){b_silu(b, y), out, x.side / stride};
}

static map join(builder *b, map x, map y)
{
    return (map){b_concat(b, (value[]){x.v, y.v}, 2, 1), x.c + y.c, x.side};
}

/* Nearest neighbour, twice the side. */
static map upsample(builder *b, map x)
{
    int64_t n = x.side, out = 2 * n;
    value y = B_RESHAPE(b, x.v, 1, x.c, n, 1, n, 1);
    y = b_op2(b, "Expand", y, B_INTS(b, 1, x.c, n, 2, n, 2));
    return (map){B_RESHAPE(b, y, 1, x.c, out, out), x.c, out};
}

/* Half of the channels goes through `repeats` bottlenecks; every stage is kept. */
static map c2f(builder *b, map x, int64_t out, int repeats, bool residual)
{
    enum { MOST = 4 };
    int64_t half = out / 2;
    value kept[MOST] = {{0}};
    map y = conv_silu(b, x, out, 1, 1), t;
    b_split(b, y.v, 1, 2, (int64_t[]){half, half}, kept);
    t = (map){kept[1], half, y.side};
    for (int i = 0; i < repeats; i++) {
        map u = conv_silu(b, conv_silu(b, t, half, 3, 1), half, 3, 1);
        if (residual)
            u.v = b_op2(b, "Add", t.v, u.v);
        kept[2 + i] = u.v;
        t = u;
    }
    y = (map){b_concat(b, kept, 2 + repeats, 1), (2 + repeats) * half, y.side};
    return conv_silu(b, y, out, 1, 1);
}

/* Spatial pyramid: the same pool three times. */
static map pyramid(builder *b, map x)
{
    map y = conv_silu(b, x, x.c / 2, 1, 1);
    value all[4] = {y.v};
    for (int i = 1; i < 4; i++)
        all[i] = b_max_pool(b, all[i - 1], 5, 1, 2);
    return conv_silu(b, (map){b_concat(b, all, 4, 1), 4 * y.c, y.side}, x.c, 1, 1);
}

/* [1, 4 * BINS + classes, side * side] of one level. */
static value head(builder *b, map x, int64_t box, int64_t wide, int64_t classes)
{
    map d = conv_silu(b, conv_silu(b, x, box, 3, 1), box, 3, 1);
    map s = conv_silu(b, conv_silu(b, x, wide, 3, 1), wide, 3, 1);
    value both[2] = {b_conv(b, d.v, (conv){box, 4 * BINS, 1, 1, 0, 1, true, 0}),
                     b_conv(b, s.v, (conv){wide, classes, 1, 1, 0, 1, true, 0})};
    return B_RESHAPE(b, b_concat(b, both, 2, 1), 1, 4 * BINS + classes,
                     x.side * x.side);
}

/* Centres of the cells of all levels [1, 2, n] and the cells' sides [1, n]. */
static void
anchors(builder *b, const map *levels, int64_t n, int64_t side, value *at, value *step)
{
    float *p = b_tensor(b, 3, (int64_t[]){1, 2, n}, at);
    float *s = b_tensor(b, 2, (int64_t[]){1, n}, step);
    for (int64_t l = 0, k = 0; !b->rc && l < LEVELS; l++) {
        int64_t w = levels[l].side;
        for (int64_t i = 0; i < w * w; i++, k++) {
            p[k] = (float)(i % w) + 0.5f;
            p[n + k] = (float)(i / w) + 0.5f;
            s[k] = (float)(side / w);
        }
    }
}

/* Distances to the four sides are means of distributions over BINS. */
static value decode(builder *b, value dist, int64_t n, value at, value step)
{
    ig_softmax_opts over_bins = IG_SOFTMAX_OPTS_INIT;
    value d = B_TRANSPOSE(b, B_RESHAPE(b, dist, 1, 4, BINS, n), 0, 2, 1, 3), bins,
          lr[2];
    over_bins.axis = 1;
    d = b_call(b, "Softmax", &over_bins, &d, 1);
    float *p = b_tensor(b, 4, (int64_t[]){1, BINS, 1, 1}, &bins);
    for (int i = 0; !b->rc && i < BINS; i++)
        p[i] = (float)i;
    d = b_call(b, "Conv", NULL, (value[]){d, bins}, 2);
    b_split(b, B_RESHAPE(b, d, 1, 4, n), 1, 2, (int64_t[]){2, 2}, lr);
    value lo = b_op2(b, "Sub", at, lr[0]), hi = b_op2(b, "Add", at, lr[1]);
    value box[2] = {b_op2(b, "Div", b_op2(b, "Add", lo, hi), b_number(b, 2)),
                    b_op2(b, "Sub", hi, lo)};
    return b_op2(b, "Mul", b_concat(b, box, 2, 1), step);
}

void m_yolov8n(builder *b)
{
    int64_t side = b->tiny ? 64 : 640, w = b->tiny ? 4 : 16;
    int64_t classes = b->tiny ? 20 : 80, n = 0;
    map x = {B_INPUT(b, "images", IG_FLOAT32, 1, 3, side, side), 3, side}, to[LEVELS];
    x = conv_silu(b, conv_silu(b, x, w, 3, 2), 2 * w, 3, 2);
    x = conv_silu(b, c2f(b, x, 2 * w, 1, true), 4 * w, 3, 2);
    map p3 = c2f(b, x, 4 * w, 2, true);
    map p4 = c2f(b, conv_silu(b, p3, 8 * w, 3, 2), 8 * w, 2, true);
    x = c2f(b, conv_silu(b, p4, 16 * w, 3, 2), 16 * w, 1, true);
    map p5 = pyramid(b, x);
    map up = c2f(b, join(b, upsample(b, p5), p4), 8 * w, 1, false);
    to[0] = c2f(b, join(b, upsample(b, up), p3), 4 * w, 1, false);
    x = join(b, conv_silu(b, to[0], 4 * w, 3, 2), up);
    to[1] = c2f(b, x, 8 * w, 1, false);
    x = join(b, conv_silu(b, to[1], 8 * w, 3, 2), p5);
    to[2] = c2f(b, x, 16 * w, 1, false);
    value heads[LEVELS], parts[2], at, step;
    for (int i = 0; i < LEVELS; i++) {
        heads[i] = head(b, to[i], 4 * w, 5 * w, classes);
        n += to[i].side * to[i].side;
    }
    value all = b_concat(b, heads, LEVELS, 2);
    b_split(b, all, 1, 2, (int64_t[]){4 * BINS, classes}, parts);
    anchors(b, to, n, side, &at, &step);
    parts[0] = decode(b, parts[0], n, at, step);
    parts[1] = b_op1(b, "Sigmoid", parts[1]);
    b_output(b, "boxes", b_concat(b, parts, 2, 1));
}
