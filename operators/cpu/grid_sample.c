/* GridSample, a block of places at a time: their taps are computed once and serve all
 * channels.
 *
 * Coordinates are computed in double as the reference does it, so both look at the same
 * elements. Places whose taps all lie inside need no padding, which is most of them. */
#include <math.h>

#include "operators/common_grid.h"
#include "operators/cpu/kernel.h"
#include "operators/cpu/taps.h"

enum { BLOCK = 128, GROUP = 64, AXES = 3, MOST = 64 /* taps */ };

static igi_grid_slope_attrs plain(const igi_grid_sample_attrs *a)
{
    return (igi_grid_slope_attrs){.struct_size = sizeof(igi_grid_slope_attrs),
                                  .align_corners = a->align_corners,
                                  .mode = a->mode,
                                  .padding_mode = a->padding_mode};
}

static int most_taps(const ig_kernel_ctx *k)
{
    const int64_t mode = ((const igi_grid_sample_attrs *)k->attrs)->mode;
    const int axis = mode == IGI_GRID_NEAREST ? 1 : mode == IGI_GRID_LINEAR ? 2 : 4;
    int most = 1;
    for (int i = 2; i < igi_krank(igi_kin(k, 0)); i++)
        most *= axis;
    return most;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    if (ig_dtype_of(igi_kin(k, 1)) != IG_FLOAT32)
        return ig_reject("the grid is not of float32");
    if (igi_krank(x) - 2 > AXES)
        return ig_reject("more than three axes");
    if (!igi_tensor_count(x) || !igi_tensor_count(igi_kout(k, 0)))
        return ig_reject("nothing to sample");
    return igi_kcount(x, 2, igi_krank(x)) > INT32_MAX
               ? ig_reject("planes are too large")
               : IG_OK;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    k->scratch_bytes = igi_taps_bytes(BLOCK, most_taps(k));
    return IG_OK;
}

/* Where the coordinates of an axis lie: at (g + 1) * factor - shift. Rounded as in
 * igi_grid_seek. */
typedef struct side {
    double factor, shift, last; /* element */
    int64_t stride;
} side;

static void read_sides(const igi_grid *v, side *s)
{
    const bool align = v->a.align_corners != 0;
    for (int i = 0; i < v->rank; i++) {
        const double n = (double)v->in[i];
        s[i] = (side){(align ? n - 1 : n) / 2, align ? 0 : 0.5, n - 1, v->stride[i]};
    }
}

/* Taps of one axis without padding; false: some lie outside, or on a border. */
static bool inner_axis(const igi_grid *v, const side *s, double g, igi_grid_axis *t)
{
    const double at = (g + 1) * s->factor - s->shift;
    if (v->a.mode == IGI_GRID_NEAREST) {
        if (!(at >= 0 && at <= s->last))
            return false;
        t->n = 1;
        t->index[0] = (int64_t)rint(at);
        t->weight[0] = 1;
        return true;
    }
    const int before = v->a.mode == IGI_GRID_CUBIC;
    if (!(at >= before && at < s->last - before))
        return false;
    const int64_t left = (int64_t)at; /* its floor, as it is not negative */
    const double f = at - (double)left;
    t->n = 2 + 2 * before;
    for (int j = 0; j < t->n; j++)
        t->index[j] = left + j - before;
    if (before) {
        igi_grid_weights(t, v->a.mode, 0, f);
    } else {
        t->weight[0] = 1 - f;
        t->weight[1] = f;
    }
    return true;
}

/* Products of the axes' taps; none where a weight is 0. */
static int join(const igi_grid *v, int32_t *index, float *weight)
{
    int64_t at[2][MOST];
    double w[2][MOST];
    int n = 1, now = 0;
    at[0][0] = 0;
    w[0][0] = 1;
    for (int i = 0; i < v->rank; i++, now = !now) {
        const igi_grid_axis *t = &v->axis[i];
        int m = 0;
        for (int j = 0; j < n; j++)
            for (int l = 0; l < t->n; l++)
                if (t->index[l] >= 0 && (t->weight[l] < 0 || t->weight[l] > 0)) {
                    at[!now][m] = at[now][j] + t->index[l] * v->stride[i];
                    w[!now][m++] = w[now][j] * t->weight[l];
                }
        n = m;
    }
    for (int j = 0; j < n; j++) {
        index[j] = (int32_t)at[now][j];
        weight[j] = (float)w[now][j];
    }
    return n;
}

/* The most frequent: four elements around a place inside an image. */
static inline bool
inner_square(const side *s, const float *g, int32_t *index, float *weight)
{
    const double y = ((double)g[1] + 1) * s[0].factor - s[0].shift;
    const double x = ((double)g[0] + 1) * s[1].factor - s[1].shift;
    if (!(y > 0 && y < s[0].last && x > 0 && x < s[1].last))
        return false;
    const int32_t top = (int32_t)y, left = (int32_t)x, row = (int32_t)s[0].stride;
    const double fy = y - top, fx = x - left;
    if (!(fy > 0 && fx > 0))
        return false;
    index[0] = top * row + left;
    index[1] = index[0] + 1;
    index[2] = index[0] + row;
    index[3] = index[2] + 1;
    weight[0] = (float)((1 - fy) * (1 - fx));
    weight[1] = (float)((1 - fy) * fx);
    weight[2] = (float)(fy * (1 - fx));
    weight[3] = (float)(fy * fx);
    return true;
}

/* Taps of places [lo, lo + t->n) of item n. */
static void plan(igi_grid *v, const side *s, int64_t n, int64_t lo, igi_taps *t)
{
    const float *g = (const float *)ig_data(v->grid) + (n * v->places + lo) * v->rank;
    const bool square = v->rank == 2 && v->a.mode == IGI_GRID_LINEAR;
    for (int64_t p = 0; p < t->n; p++, g += v->rank) {
        int32_t *index = t->index + p * t->most;
        float *weight = t->weight + p * t->most;
        if (square && inner_square(s, g, index, weight)) {
            t->count[p] = 4;
            continue;
        }
        bool inner = true;
        for (int i = 0; i < v->rank && inner; i++)
            inner = inner_axis(v, s + i, (double)g[v->rank - 1 - i], &v->axis[i]);
        if (!inner)
            igi_grid_seek(v, n, lo + p);
        t->count[p] = join(v, index, weight);
    }
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_grid_slope_attrs a = plain(k->attrs);
    const ig_tensor *x = igi_kin(k, 0);
    const float *from = igi_kf32(x);
    float *to = igi_kf32(igi_kout(k, 0));
    const int most = most_taps(k);
    igi_grid v;
    side sides[AXES];
    igi_taps taps = igi_taps_in(ig_scratch(k, tid), BLOCK, most);
    igi_grid_set(&v, &a, igi_krank(x), igi_kdims(x), igi_kin(k, 1));
    read_sides(&v, sides);
    const int64_t blocks = (v.places + BLOCK - 1) / BLOCK;
    const int64_t groups = (v.channels + GROUP - 1) / GROUP;
    int64_t lo, hi, left = IGI_POLL_BLOCK, before = -1;
    ig_split(v.batch * blocks * groups, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        const int64_t b = i / groups, n = b / blocks, p = b % blocks * BLOCK;
        const int64_t c = i % groups * GROUP;
        const int64_t planes = v.channels - c < GROUP ? v.channels - c : GROUP;
        IG_TRY(igi_kpace(k, &left, BLOCK * (planes * most + 64)));
        if (b != before) {
            taps.n = v.places - p < BLOCK ? v.places - p : BLOCK;
            plan(&v, sides, n, p, &taps);
            before = b;
        }
        igi_taps_run(&taps, planes, from + (n * v.channels + c) * v.plane, v.plane,
                     to + (n * v.channels + c) * v.places + p, v.places);
    }
    return IG_OK;
}

IG_KERNELS(grid_sample) = {
    {IG_KERNEL_HEAD, .op = "GridSample", .name = "planned", .types = IG_T(FLOAT32),
     .supports = supports, .prepare = prepare, .run_team = run},
    {0},
};
