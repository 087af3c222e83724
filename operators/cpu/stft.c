/* STFT in float32: as many frames at once as a vector has lanes, through the passes of
 * DFT (compute_fft.h).
 *
 * A real signal's frames of even length are transformed in pairs of numbers, as complex
 * ones of half the length; lengths with a large prime factor go through Bluestein's
 * convolution, whose tables common_fft.h makes. Frames of one signal are rows that
 * overlap: a transpose brings them side by side, another one brings their transforms
 * back. */
#include "graph/core/alloc.h"
#include "operators/common_frames.h"
#include "operators/cpu/compute_fft.h"
#include "operators/cpu/kernel.h"

enum { LENGTH_MAX = 1 << 14 };

typedef struct stft_state {
    const igi_cpu_isa *isa;
    int64_t n, bins, parts;
    bool paired;                      /* real numbers in pairs */
    int64_t h;                        /* complex numbers of a line: n, or half of it */
    igi_fft_lines fft;                /* of h, or of Bluestein's convolution */
    float *tables;                    /* all of them */
    const float *root;                /* h + 1 of paired lines */
    const float *chirp;               /* h; NULL: no convolution */
    const float *kernel, *chirp_back; /* fft.n and h */
    int64_t block;                    /* floats of each of the two parts of scratch */
} stft_state;

/* Elements of a frame; 0: not known before the run. */
static int64_t length_of(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0), *window = igi_kin(k, 2), *n = igi_kin(k, 3);
    if (window)
        return igi_tensor_count(window);
    if (!n)
        return igi_kdims(x)[1];
    return k->constants & IG_BIT(3) ? igi_scalar_i64(n, 0) : 0;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    const int64_t n = length_of(k);
    if (!igi_tensor_count(igi_kout(k, 0)))
        return ig_reject("there is no result");
    return n >= 1 && n <= LENGTH_MAX ? IG_OK
                                     : ig_reject("frames of no known or great length");
}

/* ---- preparing ---- */

static void put_floats(float *to, const double *from, int64_t n, double by)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)(from[i] * by);
}

static void set_factors(igi_fft_lines *f)
{
    int64_t r;
    for (int64_t left = f->n; left > 1; left /= r) {
        r = igi_fft_factor(left);
        f->factor[f->factors++] = (int8_t)r;
    }
}

/* What a transform of h numbers reads, as floats, at `at`. */
static void set_tables(stft_state *s, const igi_fft *f, float *at)
{
    const igi_fft *passes = f->inner ? f->inner : f;
    const double turn = 3.14159265358979323846 / (double)s->h;
    for (int64_t k = 0; s->paired && k <= s->h; k++) {
        at[2 * k] = (float)cos(turn * (double)k);
        at[2 * k + 1] = (float)-sin(turn * (double)k);
    }
    s->root = at;
    at += 2 * (s->h + 1);
    put_floats(at, passes->root, 2 * s->fft.n, 1);
    s->fft.root = at;
    set_factors(&s->fft);
    if (!f->inner)
        return;
    at += 2 * s->fft.n;
    put_floats(at, f->kernel, 2 * s->fft.n, 1);
    for (int64_t i = 0; i < s->fft.n; i++) /* conjugate: see convolve */
        at[2 * i + 1] = -at[2 * i + 1];
    s->kernel = at;
    at += 2 * s->fft.n;
    put_floats(at, f->chirp, 2 * s->h, 1);
    s->chirp = at;
    at += 2 * s->h;
    put_floats(at, f->chirp, 2 * s->h, 1 / (double)s->fft.n);
    s->chirp_back = at;
}

static ig_status make_tables(ig_kernel_ctx *k, stft_state *s)
{
    igi_pace pace = igi_pace_of(k);
    igi_fft f;
    ig_status rc = igi_fft_init(&f, s->h, false, &pace);
    s->fft.n = f.inner ? f.inner->n : s->h;
    const int64_t floats = 6 * (s->h + 1) + 4 * s->fft.n;
    if (rc == IG_OK) {
        s->tables = igi_alloc_array((size_t)floats, sizeof(*s->tables));
        rc = s->tables ? IG_OK : IG_OUT_OF_MEMORY;
    }
    if (rc == IG_OK)
        set_tables(s, &f, s->tables);
    igi_fft_free(&f);
    return rc;
}

static void unprepare(ig_kernel_ctx *k)
{
    stft_state *s = k->state;
    igi_free(s->tables);
    igi_free(s);
    k->state = NULL;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    stft_state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    s->isa = igi_cpu_isa_best();
    s->n = length_of(k);
    s->bins = igi_kdims(igi_kout(k, 0))[2];
    s->parts = igi_krank(x) == 2 ? 1 : igi_kdims(x)[2];
    s->paired = s->parts == 1 && s->n % 2 == 0;
    s->h = s->paired ? s->n / 2 : s->n;
    ig_status rc = make_tables(k, s);
    if (rc != IG_OK) {
        unprepare(k);
        return rc;
    }
    const int64_t numbers = s->fft.n > s->n ? s->fft.n : s->n + 1;
    s->block = 2 * numbers * s->isa->vector;
    k->scratch_bytes = (size_t)(2 * s->block) * sizeof(float);
    return IG_OK;
}

/* ---- running ---- */

/* The transform of h numbers that `line` holds; where it is, `line` or `other`.
 *
 * Bluestein's inverse transform is that of the conjugate, conjugated: the product with
 * the kernel is made conjugate, conj(x) * conj(kernel), and so is the last factor. */
static float *transform(const stft_state *s, float *line, float *other)
{
    const int64_t m = s->fft.n, width = 2 * s->isa->vector;
    if (!s->chirp)
        return s->isa->fft(&s->fft, line, other);
    s->isa->fft_times(other, line, s->chirp, s->h, false);
    memset(other + s->h * width, 0, (size_t)((m - s->h) * width) * sizeof(float));
    float *y = s->isa->fft(&s->fft, other, line);
    s->isa->fft_times(y, y, s->kernel, m, true);
    y = s->isa->fft(&s->fft, y, y == line ? other : line);
    s->isa->fft_times(y, y, s->chirp_back, s->h, true);
    return y;
}

/* `count` frames from x on, to y. */
static void run_lines(const stft_state *s,
                      float *y,
                      const float *x,
                      int64_t step,
                      const float *window,
                      int64_t count,
                      float *scratch)
{
    const int64_t lanes = s->isa->vector;
    const bool odd = s->parts == 1 && !s->paired; /* with imaginary parts of 0 */
    float *line = scratch, *other = scratch + s->block;
    if (odd || count < lanes)
        memset(line, 0, (size_t)(2 * s->n * lanes) * sizeof(float));
    s->isa->transpose_32(line, odd ? 2 * lanes : lanes, x, step * s->parts, count,
                         s->n * s->parts);
    if (window)
        s->isa->fft_weigh(line, window, s->n, s->paired ? 1 : 2);
    float *made = transform(s, line, other);
    if (s->paired) {
        float *to = made == line ? other : line;
        s->isa->fft_unpack(to, made, s->root, s->h, s->bins);
        made = to;
    }
    s->isa->transpose_32(y, 2 * s->bins, made, lanes, 2 * s->bins, count);
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const stft_state *s = k->state;
    const float *x = igi_kf32(igi_kin(k, 0)), *window = igi_kf32(igi_kin(k, 2));
    float *y = igi_kf32(igi_kout(k, 0));
    const int64_t lanes = s->isa->vector;
    igi_stft g;
    int64_t lo, hi;
    IG_TRY(igi_stft_set(k, &g));
    if (g.n != s->n)
        return ig_kernel_fail(k, IG_INTERNAL, "it was planned for another length");
    const int64_t groups = (g.frames + lanes - 1) / lanes;
    const int64_t step = g.frames > 1 ? g.step : 0; /* of one frame it may be any */
    ig_split(g.signals * groups, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        const int64_t signal = i / groups, from = i % groups * lanes;
        const int64_t left = g.frames - from;
        IG_TRY(ig_poll(k));
        run_lines(s, y + (signal * g.frames + from) * 2 * g.bins,
                  x + (signal * g.length + from * step) * g.parts, step, window,
                  left < lanes ? left : lanes, ig_scratch(k, tid));
    }
    return IG_OK;
}

IG_KERNELS(stft) = {
    {IG_KERNEL_HEAD, .op = "STFT", .name = "lanes", .types = IG_T(FLOAT32),
     .needs = IG_KERNEL_HEAVY, .supports = supports, .prepare = prepare,
     .run_team = run, .unprepare = unprepare},
    {0},
};
