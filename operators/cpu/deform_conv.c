/* DeformConv as a matrix product: y[m][place] = w[m][k] * columns[k][place], k =
 * (channel, place of the window).
 *
 * A panel of output places at a time: where its windows look is computed once for all
 * channels of an offset group, and what they read is written as the packed panel that
 * the product takes. Threads share panels; any split gives the same bits. */
#include "graph/core/checked.h"
#include "operators/common_deform.h"
#include "operators/cpu/kernel.h"
#include "operators/cpu/taps.h"

enum { AXES = 3 };

/* Bytes of a panel of columns; false: too large. */
static bool column_bytes(const ig_kernel_ctx *k, const igi_cpu_isa *isa, size_t *bytes)
{
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1);
    const int64_t places = igi_kcount(w, 2, igi_krank(w));
    return igi_mul_size((size_t)igi_kdims(x)[1], (size_t)places, bytes) &&
           igi_mul_size(*bytes, sizeof(float) * (size_t)isa->gemm_panel, bytes);
}

static ig_status supports(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    size_t bytes;
    if (igi_krank(x) < 3 || igi_krank(x) - 2 > AXES)
        return ig_reject("more than three axes");
    if (igi_kcount(x, 2, igi_krank(x)) > INT32_MAX ||
        !column_bytes(k, igi_cpu_isa_best(), &bytes))
        return ig_reject("planes or windows are too large");
    return igi_tensor_count(igi_kin(k, 1)) && igi_tensor_count(igi_kout(k, 0))
               ? IG_OK
               : ig_reject("there is no result, or no channels");
}

static ig_status prepare(ig_kernel_ctx *k)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const int corners = 1 << (igi_krank(igi_kin(k, 0)) - 2);
    size_t bytes;
    if (!column_bytes(k, isa, &bytes))
        return ig_reject("windows are too large");
    k->scratch_bytes =
        (bytes + 63) / 64 * 64 + igi_taps_bytes(isa->gemm_panel, corners);
    return IG_OK;
}

/* The corners around a position between four elements of an image; false: it is not.
 * Weights and their order are those of igi_deform_corners. */
static inline bool inner_corners(
    const igi_deform *d, double y, double x, double m, int32_t *index, float *weight)
{
    if (!(y >= 0 && y < (double)(d->in[0] - 1) && x >= 0 && x < (double)(d->in[1] - 1)))
        return false;
    const int32_t top = (int32_t)y, left = (int32_t)x, row = (int32_t)d->in[1];
    const double fy = y - top, fx = x - left;
    for (int c = 0; c < 4; c++) {
        index[c] = (top + (c & 1)) * row + left + (c >> 1);
        weight[c] = (float)(m * (c & 1 ? fy : 1 - fy) * (c >> 1 ? fx : 1 - fx));
    }
    return true;
}

/* Where place `place` of the windows of outputs [lo, lo + n) looks. Outputs behind
 * them, which fill the panel, look nowhere. */
static void plan(const igi_deform *d,
                 int64_t image,
                 int64_t group,
                 int64_t place,
                 int64_t lo,
                 int64_t n,
                 igi_taps *t)
{
    const int64_t row = (image * d->groups + group) * d->places + place;
    const float *offset = (const float *)d->offset + row * d->n * d->out_plane;
    const float *mask = d->mask ? (const float *)d->mask + row * d->out_plane : NULL;
    const bool flat = d->n == 2;
    const int64_t width = flat ? d->out[1] : 1, kernel = flat ? d->kernel[1] : 1;
    const int64_t first_h = place / kernel * d->dilation[0] - d->pad[0];
    const int64_t first_w = flat ? place % kernel * d->dilation[1] - d->pad[1] : 0;
    int64_t h = lo / width, w = lo % width;
    for (int64_t i = 0; i < t->n; i++, w++) {
        const int64_t o = lo + i;
        int32_t *index = t->index + i * t->most;
        float *weight = t->weight + i * t->most;
        t->count[i] = 0;
        if (i >= n)
            continue;
        if (w == width) {
            w = 0;
            h++;
        }
        if (flat) {
            const double y = (double)(h * d->stride[0] + first_h) + (double)offset[o];
            const double x =
                (double)(w * d->stride[1] + first_w) + (double)offset[o + d->out_plane];
            t->count[i] = 4;
            if (inner_corners(d, y, x, mask ? (double)mask[o] : 1, index, weight))
                continue;
        }
        igi_corner corner[1 << AXES];
        t->count[i] = igi_deform_corners(d, image, group, place, o, corner);
        for (int c = 0; c < t->count[i]; c++) {
            index[c] = (int32_t)corner[c].at;
            weight[c] = (float)corner[c].weight;
        }
    }
}

/* What a thread works with. */
typedef struct job {
    const igi_deform *d;
    const float *x, *w, *bias;
    float *y, *columns;
    int64_t m, group, panel;
    igi_taps taps;
} job;

/* columns[channel, place][panel] of outputs [lo, lo + n). */
static void read_columns(job *j, int64_t image, int64_t lo, int64_t n)
{
    const igi_deform *d = j->d;
    const int64_t per = d->c / d->groups;
    for (int64_t i = 0; i < d->groups * d->places; i++) {
        const int64_t group = i / d->places, place = i % d->places;
        plan(d, image, group, place, lo, n, &j->taps);
        igi_taps_run(&j->taps, per, j->x + (image * d->c + group * per) * d->in_plane,
                     d->in_plane,
                     j->columns + (group * per * d->places + place) * j->panel,
                     d->places * j->panel);
    }
}

static void multiply(const job *j,
                     const igi_cpu_isa *isa,
                     int64_t image,
                     int64_t lo,
                     int64_t n,
                     igi_stop *stop)
{
    const igi_deform *d = j->d;
    const int64_t rows = j->m / j->group, depth = d->c / j->group * d->places;
    for (int64_t q = 0; q < j->group; q++) {
        float *y = j->y + (image * j->m + q * rows) * d->out_plane + lo;
        for (int64_t r = 0; r < rows && j->bias; r++)
            for (int64_t i = 0; i < n; i++)
                y[r * d->out_plane + i] = j->bias[q * rows + r];
        const igi_gemm g = {
            .m = rows,
            .n = n,
            .k = depth,
            .a = j->w + q * rows * depth,
            .lda = depth,
            .b = j->columns + q * depth * j->panel,
            .c = y,
            .ldc = d->out_plane,
            .epilogue = {.residual = j->bias ? y : NULL, .ld_residual = d->out_plane}};
        igi_gemm_run(isa, &g, 0, rows, 0, 1, stop);
    }
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const ig_tensor *w = igi_kin(k, 1);
    igi_deform d;
    size_t bytes = 0;
    IG_TRY(igi_deform_conv_make(k, &d));
    (void)column_bytes(k, isa, &bytes);
    char *scratch = ig_scratch(k, tid);
    job j = {.d = &d,
             .x = igi_kf32(igi_kin(k, 0)),
             .w = igi_kf32(w),
             .bias = igi_kf32(igi_kin(k, 3)),
             .y = igi_kf32(igi_kout(k, 0)),
             .columns = (float *)(void *)scratch,
             .m = igi_kdims(w)[0],
             .group = ((const igi_deform_conv_attrs *)k->attrs)->group,
             .panel = isa->gemm_panel,
             .taps = igi_taps_in(scratch + (bytes + 63) / 64 * 64, isa->gemm_panel,
                                 1 << d.n)};
    const int64_t panels = (d.out_plane + j.panel - 1) / j.panel;
    int64_t lo, hi;
    igi_stop stop = igi_kstop(k);
    ig_split(d.batch * panels, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi && !igi_stopped(&stop); i++) {
        const int64_t image = i / panels, at = i % panels * j.panel;
        const int64_t n = d.out_plane - at < j.panel ? d.out_plane - at : j.panel;
        read_columns(&j, image, at, n);
        multiply(&j, isa, image, at, n, &stop);
    }
    return igi_kstop_status(&stop);
}

IG_KERNELS(deform_conv) = {
    {IG_KERNEL_HEAD, .op = "DeformConv", .name = "gemm", .types = IG_T(FLOAT32),
     .needs = IG_KERNEL_HEAVY, .supports = supports, .prepare = prepare,
     .run_team = run},
    {0},
};
