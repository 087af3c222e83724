/* RoiAlign, a region at a time: where its samples look is computed once and serves all
 * channels.
 *
 * Samples of a cell are a grid, so the mean's weight of an element is a product of one
 * by its row and one by its column. Each axis is folded into its distinct elements, and
 * a plane costs two small products. The largest element is found sample by sample. */
#include <math.h>
#include <string.h>

#include "operators/common_roi.h"
#include "operators/cpu/kernel.h"

/* Elements and weights that are folded; more cells are left to the reference. */
enum { MOST = 1 << 22, ALIGN = 64 };
/* Samples of mode max that are planned at once. */
enum { SAMPLES = 1024 };

/* What a thread keeps of a region, in its scratch. */
typedef struct tables {
    int32_t *row_taps, *row_index, *column_index;
    float *row_weight, *column_weight, *mixed;
    int64_t column_ld;
    size_t bytes;
} tables;

static void *carve(char *base, size_t *at, int64_t n)
{
    void *p = base ? base + *at : NULL;
    *at += ((size_t)n * 4 + ALIGN - 1) / ALIGN * ALIGN;
    return p;
}

static tables lay_out(const ig_kernel_ctx *k, char *base)
{
    const igi_roi_attrs *o = k->attrs;
    const int64_t *xd = igi_kdims(igi_kin(k, 0)), vector = igi_cpu_isa_best()->vector;
    tables t = {.column_ld = (o->output_width + vector - 1) / vector * vector};
    t.row_taps = carve(base, &t.bytes, o->output_height);
    t.row_index = carve(base, &t.bytes, o->output_height * xd[2]);
    t.row_weight = carve(base, &t.bytes, o->output_height * xd[2]);
    t.column_index = carve(base, &t.bytes, xd[3]);
    t.column_weight = carve(base, &t.bytes, xd[3] * t.column_ld);
    t.mixed = carve(base, &t.bytes, IGI_REGION_ROWS * xd[3]);
    return t;
}

/* Elements and weights of some samples of some cells. Every cell has room for `most`
 * and `count[cell]` of them; one with samples outside begins at 0. */
typedef struct sampled {
    int64_t most;
    int32_t *count, *index;
    float *weight, *begin;
} sampled;

static sampled samples_in(char *base, size_t *bytes)
{
    sampled s;
    *bytes = 0;
    s.count = carve(base, bytes, SAMPLES);
    s.begin = carve(base, bytes, SAMPLES);
    s.index = carve(base, bytes, 4 * SAMPLES);
    s.weight = carve(base, bytes, 4 * SAMPLES);
    return s;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    const igi_roi_attrs *o = k->attrs;
    const int64_t *xd = igi_kdims(igi_kin(k, 0));
    if (igi_kout(k, 1) || igi_kout(k, 2))
        return ig_reject("places and weights are wanted");
    if (!igi_tensor_count(igi_kout(k, 0)))
        return ig_reject("the result is empty");
    if (igi_kcount(igi_kin(k, 0), 2, 4) > INT32_MAX || o->output_width > MOST ||
        o->output_height > MOST / (xd[2] + 1) || xd[3] > MOST / (o->output_width + 64))
        return ig_reject("images or cells are too many");
    return IG_OK;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    const igi_roi_attrs *o = k->attrs;
    k->scratch_bytes = lay_out(k, NULL).bytes;
    if (o->mode == IGI_ROI_MAX)
        (void)samples_in(NULL, &k->scratch_bytes);
    return IG_OK;
}

/* ---- the mean ---- */

/* Elements that a cell's samples touch, and their weights. */
typedef struct folded {
    int32_t *index;
    float *weight; /* [n][ld], this cell's column of it */
    int64_t ld, n;
} folded;

/* Samples go along the axis in one direction, so an element that was met before is one
 * of the last few. */
static void fold_one(folded *f, int64_t cell, int64_t at, double weight)
{
    int64_t i = f->n - 1;
    for (; i >= 0 && i >= f->n - 4; i--)
        if (f->index[i] == at) {
            f->weight[i * f->ld + cell] += (float)weight;
            return;
        }
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): scratch is there */
    memset(f->weight + f->n * f->ld, 0, (size_t)f->ld * sizeof(float));
    f->weight[f->n * f->ld + cell] = (float)weight;
    f->index[f->n++] = (int32_t)at;
}

/* Weights of 0 stay: they make NaN of an infinity, as the samples do. */
static void fold(folded *f, const igi_roi_axis *a, int64_t cell, int64_t column)
{
    const double each = 1 / (double)(a->grid ? a->grid : 1);
    for (int64_t s = 0; s < a->grid; s++) {
        int64_t at[2];
        double second;
        if (!igi_roi_neighbours(a, cell, s, at, &second))
            continue;
        fold_one(f, column, at[0], (1 - second) * each);
        fold_one(f, column, at[1], second * each);
    }
}

static igi_region read_region(const igi_roi_attrs *o, const igi_roi *roi, tables *t)
{
    const igi_roi_axis rows = igi_roi_rows(roi), columns = igi_roi_columns(roi);
    folded c = {t->column_index, t->column_weight, t->column_ld, 0};
    for (int64_t i = 0; i < o->output_height; i++) {
        folded r = {t->row_index + i * roi->height, t->row_weight + i * roi->height, 1,
                    0};
        fold(&r, &rows, i, 0);
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): scratch is there */
        t->row_taps[i] = (int32_t)r.n;
    }
    for (int64_t i = 0; i < o->output_width; i++)
        fold(&c, &columns, i, i);
    int64_t low = c.n ? INT64_MAX : 0, high = -1;
    for (int64_t i = 0; i < c.n; i++) {
        low = c.index[i] < low ? c.index[i] : low;
        high = c.index[i] > high ? c.index[i] : high;
    }
    return (igi_region){.rows = o->output_height,
                        .columns = o->output_width,
                        .ld = roi->width,
                        .row_taps = t->row_taps,
                        .row_index = t->row_index,
                        .row_weight = t->row_weight,
                        .row_ld = roi->height,
                        .low = low,
                        .wide = c.n ? high - low + 1 : 0,
                        .column_taps = c.n,
                        .column_index = c.index,
                        .column_weight = c.weight,
                        .column_ld = t->column_ld,
                        .mixed = t->mixed};
}

static ig_status mean(ig_kernel_ctx *k, int64_t lo, int64_t hi, void *scratch)
{
    const igi_roi_attrs *o = k->attrs;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const ig_tensor *x = igi_kin(k, 0);
    const int64_t channels = igi_kdims(x)[1], plane = igi_kcount(x, 2, 4);
    const int64_t cells = o->output_height * o->output_width;
    tables t = lay_out(k, scratch);
    igi_region region = {0};
    igi_roi roi = {0};
    int64_t left = IGI_POLL_BLOCK, work = 0;
    for (int64_t i = lo, before = -1; i < hi; i++) {
        const int64_t r = i / channels;
        if (r != before) {
            IG_TRY(
                igi_roi_read(k, igi_kin(k, 1), igi_kin(k, 2), igi_kdims(x), r, &roi));
            const int64_t folds =
                o->output_height * roi.grid_h + o->output_width * roi.grid_w;
            IG_TRY(igi_kpace(k, &left, 16 * folds));
            region = read_region(o, &roi, &t);
            work = region.wide * roi.height + cells * region.column_taps / 8 + 64;
            before = r;
        }
        IG_TRY(igi_kpace(k, &left, work));
        isa->region(&region, igi_kf32(igi_kout(k, 0)) + i * cells,
                    igi_kf32(x) + (roi.image * channels + i % channels) * plane);
    }
    return IG_OK;
}

/* ---- the largest ---- */

/* Samples [lo, hi) of a cell. */
static void read_samples(sampled *t,
                         const igi_roi_attrs *o,
                         const igi_roi *roi,
                         int64_t cell,
                         int64_t slot,
                         int64_t lo,
                         int64_t hi)
{
    const int64_t h = cell / o->output_width, w = cell % o->output_width;
    int64_t n = slot * t->most, at[4];
    double weight[4];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): scratch is there */
    t->begin[slot] = hi > 0 ? -INFINITY : 0;
    for (int64_t s = lo; s < hi; s++) {
        if (!igi_roi_sample(roi, h, w, s, at, weight)) {
            t->begin[slot] = 0;
            continue;
        }
        for (int c = 0; c < 4; c++, n++) {
            t->index[n] = (int32_t)at[c];
            t->weight[n] = (float)weight[c];
        }
    }
    t->count[slot] = (int32_t)(n - slot * t->most);
}

/* NaN beats all, as the reference has it. */
static void
raise_cells(const sampled *t, float *y, const float *x, int64_t cells, bool first)
{
    for (int64_t i = 0; i < cells; i++) {
        const int32_t *index = t->index + i * t->most;
        const float *weight = t->weight + i * t->most;
        float best = t->begin[i];
        bool nan = false;
        if (!first) {
            nan = y[i] != y[i];
            best = y[i] > best ? y[i] : best;
        }
        for (int32_t j = 0; j < t->count[i]; j++) {
            const float v = weight[j] * x[index[j]];
            best = v > best ? v : best;
            nan |= v != v;
        }
        y[i] = nan ? NAN : best;
    }
}

/* n channels of a region: as many cells at a time as there is room for their samples;
 * those of a large cell come in pieces. */
static ig_status largest_of(ig_kernel_ctx *k,
                            const igi_roi *roi,
                            float *y,
                            const float *x,
                            int64_t n,
                            sampled *t)
{
    const igi_roi_attrs *o = k->attrs;
    const int64_t cells = o->output_height * o->output_width;
    const int64_t all = roi->grid_h * roi->grid_w, plane = roi->height * roi->width;
    const int64_t piece = all > SAMPLES ? SAMPLES : all > 1 ? all : 1;
    const int64_t step = SAMPLES / piece;
    int64_t left = IGI_POLL_BLOCK;
    t->most = 4 * piece;
    for (int64_t cell = 0; cell < cells; cell += step) {
        const int64_t many = cells - cell < step ? cells - cell : step;
        for (int64_t lo = 0; lo == 0 || lo < all; lo += piece) {
            const int64_t hi = all - lo < piece ? all : lo + piece;
            IG_TRY(igi_kpace(k, &left, 4 * SAMPLES * n + 16 * SAMPLES));
            for (int64_t i = 0; i < many; i++)
                read_samples(t, o, roi, cell + i, i, lo, hi);
            for (int64_t c = 0; c < n; c++)
                raise_cells(t, y + c * cells + cell, x + c * plane, many, lo == 0);
        }
    }
    return IG_OK;
}

static ig_status largest(ig_kernel_ctx *k, int64_t lo, int64_t hi, void *scratch)
{
    const igi_roi_attrs *o = k->attrs;
    const ig_tensor *x = igi_kin(k, 0);
    const int64_t channels = igi_kdims(x)[1], plane = igi_kcount(x, 2, 4);
    size_t bytes;
    sampled t = samples_in(scratch, &bytes);
    igi_roi roi;
    for (int64_t i = lo, n; i < hi; i += n) {
        const int64_t c = i % channels;
        n = channels - c < hi - i ? channels - c : hi - i;
        IG_TRY(igi_roi_read(k, igi_kin(k, 1), igi_kin(k, 2), igi_kdims(x), i / channels,
                            &roi));
        IG_TRY(largest_of(
            k, &roi, igi_kf32(igi_kout(k, 0)) + i * o->output_height * o->output_width,
            igi_kf32(x) + (roi.image * channels + c) * plane, n, &t));
    }
    return IG_OK;
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_roi_attrs *o = k->attrs;
    const int64_t regions = igi_kdims(igi_kout(k, 0))[0];
    int64_t lo, hi;
    if (igi_kdims(igi_kin(k, 1))[0] != regions ||
        igi_tensor_count(igi_kin(k, 2)) != regions)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "rois and batch_indices must have one length");
    ig_split(regions * igi_kdims(igi_kin(k, 0))[1], 1, tid, nth, &lo, &hi);
    return (o->mode == IGI_ROI_MAX ? largest : mean)(k, lo, hi, ig_scratch(k, tid));
}

IG_KERNELS(roi_align) = {
    {IG_KERNEL_HEAD, .op = "RoiAlign", .name = "regions", .types = IG_T(FLOAT32),
     .needs = IG_KERNEL_HEAVY, .supports = supports, .prepare = prepare,
     .run_team = run},
    {0},
};
