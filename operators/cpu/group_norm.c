/* Float32 InstanceNormalization and GroupNormalization: what is normalised together is
 * a group, one or several rows of neighbouring elements.
 *
 * Rows are cut in pieces whose moments are joined in their order, so that results do
 * not depend on threads: these take whole groups, or pieces where groups are too few
 * for all of them. */
#include <math.h>

#include <ingot/ops.h>

#include "operators/common_reduce.h"
#include "operators/cpu/kernel.h"

enum { PIECE = 1 << 15 };

typedef struct call {
    igi_reduce groups; /* an output of this reduction is a group */
    int64_t cuts;      /* pieces of a row */
    /* Channel c of plane elements: scale[c] and bias[c]; NULL: 1 and 0. */
    const float *scale, *bias;
    int64_t channels, plane;
    double epsilon;
} call;

static void cut(call *c)
{
    c->cuts = (c->groups.length + PIECE - 1) / PIECE;
}

/* Groups of channels, 0: one each. */
static call read_groups(const ig_kernel_ctx *k, int64_t groups, float epsilon)
{
    const ig_tensor *x = igi_kin(k, 0);
    call c = {.scale = igi_kf32(igi_kin(k, 1)),
              .bias = igi_kf32(igi_kin(k, 2)),
              .channels = igi_kdims(x)[1],
              .plane = igi_kcount(x, 2, igi_krank(x)),
              .epsilon = (double)epsilon};
    /* Not empty, so that the groups divide the channels. */
    const int64_t each = groups ? c.channels / groups : 1, length = each * c.plane;
    const int64_t dims[2] = {igi_tensor_count(x) / length, length};
    const int64_t strides[2] = {length, 1};
    igi_reduce_init(&c.groups, 2, dims, strides, IG_BIT(1));
    cut(&c);
    return c;
}

/* Piece p of a group that begins at `base`: where it begins, and how many it has. */
static int64_t piece(const call *c, int64_t base, int64_t p, int64_t *at)
{
    const igi_reduce *g = &c->groups;
    const int64_t row = c->cuts > 1 ? p / c->cuts : p;
    const int64_t from = (p - row * c->cuts) * PIECE;
    *at = base + igi_reduce_offset(g->n_rows, g->row, g->row_stride, row) + from;
    return g->length - from < PIECE ? g->length - from : PIECE;
}

static int64_t first_of(const call *c, int64_t group)
{
    return igi_reduce_offset(c->groups.n_keep, c->groups.keep, c->groups.keep_stride,
                             group);
}

static int64_t pieces(const call *c)
{
    return c->groups.rows * c->cuts;
}

/* n elements from `at` on, by the moments of their group. */
static void apply(
    const ig_kernel_ctx *k, const call *c, const igi_moments *m, int64_t at, int64_t n)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const float *x = igi_kf32(igi_kin(k, 0)) + at;
    float *y = igi_kf32(igi_kout(k, 0)) + at;
    const double variance = m->squares / m->n;
    const double inverse = 1 / sqrt(variance + c->epsilon);
    const float mean = (float)m->mean;
    if (!c->scale || c->plane == 1)
        isa->standard_row(y, x, n, mean, (float)inverse, 0);
    if (c->scale && c->plane == 1) { /* a group is a part of one row of channels */
        const int64_t channel = at % c->channels;
        isa->binary[IGI_BINARY_MUL][IGI_BINARY_VV](y, y, c->scale + channel, n);
        isa->binary[IGI_BINARY_ADD][IGI_BINARY_VV](y, y, c->bias + channel, n);
    }
    if (!c->scale || c->plane == 1)
        return;
    int64_t channel = at / c->plane, rest = c->plane - at % c->plane;
    channel %= c->channels;
    for (int64_t i = 0, run; i < n; i += run) {
        run = n - i < rest ? n - i : rest;
        isa->standard_row(y + i, x + i, run, mean,
                          (float)(inverse * (double)c->scale[channel]),
                          c->bias[channel]);
        channel = channel + 1 < c->channels ? channel + 1 : 0;
        rest = c->plane;
    }
}

static igi_moments moments_of(const ig_kernel_ctx *k, int64_t at, int64_t n)
{
    igi_moments m = {0};
    igi_cpu_isa_best()->moments(&m, igi_kf32(igi_kin(k, 0)) + at, n);
    return m;
}

static ig_status whole_groups(ig_kernel_ctx *k, const call *c, int tid, int nth)
{
    const int64_t size = c->groups.rows * c->groups.length;
    int64_t lo, hi, at, n, left = IGI_POLL_BLOCK;
    ig_split(c->groups.outputs, 1 + IGI_GRAIN / size, tid, nth, &lo, &hi);
    for (int64_t g = lo; g < hi; g++) {
        igi_moments all = {0};
        const int64_t base = first_of(c, g);
        for (int64_t p = 0; p < pieces(c); p++) {
            n = piece(c, base, p, &at);
            IG_TRY(igi_kpace(k, &left, 2 * n + 32));
            const igi_moments m = moments_of(k, at, n);
            igi_moments_join(&all, &m);
        }
        for (int64_t p = 0; p < pieces(c); p++) {
            n = piece(c, base, p, &at);
            IG_TRY(igi_kpace(k, &left, n + 32));
            apply(k, c, &all, at, n);
        }
    }
    return IG_OK;
}

/* Moments of all pieces of all groups, at the beginning of the team's scratch. */
static ig_status shared_groups(ig_kernel_ctx *k, const call *c, int tid, int nth)
{
    igi_moments *of = (igi_moments *)(void *)k->scratch;
    igi_stop stop = igi_kstop(k);
    const int64_t each = pieces(c);
    int64_t lo, hi, at, n;
    ig_split(c->groups.outputs * each, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi && !igi_stopped(&stop); i++) {
        n = piece(c, first_of(c, i / each), i % each, &at);
        of[i] = moments_of(k, at, n);
    }
    ig_barrier(k);
    for (int64_t i = lo, end; i < hi && !igi_stopped(&stop); i = end) {
        igi_moments all = {0};
        const int64_t group = i / each;
        for (int64_t p = 0; p < each; p++)
            igi_moments_join(&all, of + group * each + p);
        end = (group + 1) * each < hi ? (group + 1) * each : hi;
        for (int64_t j = i; j < end && !igi_stopped(&stop); j++) {
            n = piece(c, first_of(c, group), j % each, &at);
            apply(k, c, &all, at, n);
        }
    }
    return igi_kstop_status(&stop);
}

/* Whether threads share groups: there are fewer than threads, and more pieces. */
static bool shares(const call *c, int nth)
{
    return c->groups.outputs < nth && pieces(c) > 1;
}

static ig_status prepare(ig_kernel_ctx *k, const call *c)
{
    if (shares(c, k->threads))
        k->scratch_bytes = (size_t)(c->groups.outputs * pieces(c)) /
                               (size_t)k->threads * sizeof(igi_moments) +
                           sizeof(igi_moments);
    return IG_OK;
}

static ig_status run(ig_kernel_ctx *k, const call *c, int tid, int nth)
{
    /* Scratch was made for the whole team. */
    return nth == k->threads && shares(c, nth) ? shared_groups(k, c, tid, nth)
                                               : whole_groups(k, c, tid, nth);
}

/* ---- the operators ---- */

static call read_instance(const ig_kernel_ctx *k)
{
    return read_groups(k, 0,
                       ((const ig_instance_normalization_opts *)k->attrs)->epsilon);
}

static call read_group(const ig_kernel_ctx *k)
{
    const ig_group_normalization_opts *o = k->attrs;
    return read_groups(k, o->num_groups, o->epsilon);
}

#define KERNEL(name_)                                                                  \
    static ig_status prepare_##name_(ig_kernel_ctx *k)                                 \
    {                                                                                  \
        call c = read_##name_(k);                                                      \
        return prepare(k, &c);                                                         \
    }                                                                                  \
    static ig_status run_##name_(ig_kernel_ctx *k, int tid, int nth)                   \
    {                                                                                  \
        call c = read_##name_(k);                                                      \
        return run(k, &c, tid, nth);                                                   \
    }
KERNEL(instance)
KERNEL(group)

#define ROW(op_, name_)                                                                \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "simd", .types = IG_T(FLOAT32),             \
                        .needs = IG_NEED_NONEMPTY, .prepare = prepare_##name_,         \
                        .run_team = run_##name_,                                       \
    }
IG_KERNELS(group_norm) = {
    ROW("InstanceNormalization", instance),
    ROW("GroupNormalization", group),
    {0},
};
