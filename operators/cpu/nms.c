/* NonMaxSuppression: threads share batches and classes.
 *
 * Candidates are integers (order.h) that order as the reference visits boxes: sorted by
 * their digits, or in a heap when they are few or few of them can be taken. Corners and
 * areas of the boxes taken lie in rows, so that a box meets a vector of them at a time;
 * a box without area overlaps none and stays out of the rows. */
#include "graph/core/checked.h"
#include "operators/common_nms.h"
#include "operators/cpu/kernel.h"
#include "operators/cpu/order.h"

enum { DIGIT = 11, DIGITS = 3, VALUES = 1 << DIGIT, FEW = 16, SHORT = 512 };

/* Parts of scratch in bytes: of the team, then of each thread. */
typedef struct layout {
    size_t counts, taken; /* int64 a group and one more; int32 [group][n] */
    size_t keys, digits, rows;
    int64_t groups, n, ld;
} layout;

static size_t line(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* False when it is too large. */
static bool set_layout(const ig_kernel_ctx *k, layout *l)
{
    const ig_tensor *scores = igi_kin(k, 1);
    const int64_t vector = igi_cpu_isa_best()->vector;
    l->groups = igi_kcount(scores, 0, 2);
    l->n = igi_kdims(scores)[2];
    l->ld = (l->n + vector - 1) / vector * vector;
    l->counts = line((size_t)(l->groups + 1) * sizeof(int64_t));
    l->taken = line((size_t)(l->groups * l->n) * sizeof(int32_t));
    l->keys = line((size_t)l->n * sizeof(int64_t));
    l->digits = sizeof(int32_t[DIGITS][VALUES]);
    l->rows = line((size_t)(5 * l->ld) * sizeof(float));
    return l->n <= INT32_MAX / 8;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    layout l;
    return set_layout(k, &l) ? IG_OK : ig_reject("very many boxes");
}

static ig_status prepare(ig_kernel_ctx *k)
{
    layout l;
    (void)set_layout(k, &l);
    k->scratch_bytes = line((l.counts + l.taken) / (size_t)k->threads + 1) +
                       2 * l.keys + l.digits + l.rows;
    return IG_OK;
}

/* ---- order ---- */

static uint64_t unsigned_of(int64_t key)
{
    return (uint64_t)key ^ (uint64_t)1 << 63;
}

/* Sorts keys by their upper halves; the lower ones are in order. By way of spare;
 * returns where the result is. */
static int64_t *
sort(int64_t *keys, int64_t *spare, int64_t n, int32_t (*starts)[VALUES])
{
    memset(starts, 0, sizeof(int32_t[DIGITS][VALUES]));
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < DIGITS; d++)
            starts[d][unsigned_of(keys[i]) >> (32 + d * DIGIT) & (VALUES - 1)]++;
    for (int d = 0; d < DIGITS; d++) {
        int32_t at = 0;
        for (int v = 0; v < VALUES; v++) {
            const int32_t count = starts[d][v];
            starts[d][v] = at;
            at += count;
        }
        for (int64_t i = 0; i < n; i++)
            spare[starts[d][unsigned_of(keys[i]) >> (32 + d * DIGIT) &
                            (VALUES - 1)]++] = keys[i];
        int64_t *swap = keys;
        keys = spare;
        spare = swap;
    }
    return keys;
}

/* The best of what is left, one after another. */
typedef struct queue {
    int64_t *keys, left;
    bool heap;
} queue;

static void
set_queue(queue *q, int64_t *keys, int64_t *spare, int64_t most, int32_t (*s)[VALUES])
{
    q->heap = q->left < SHORT || most < q->left / FEW;
    q->keys = q->heap ? keys : sort(keys, spare, q->left, s);
    for (int64_t i = q->left / 2 - 1; q->heap && i >= 0; i--)
        igi_heap_put(keys, q->left, i, keys[i]);
}

static int64_t next(queue *q)
{
    const int64_t best = q->keys[0];
    q->left--;
    if (q->heap)
        igi_heap_put(q->keys, q->left, 0, q->keys[q->left]);
    else
        q->keys++;
    return igi_candidate_position(~best);
}

/* ---- one batch and class ---- */

typedef struct job {
    const igi_cpu_isa *isa;
    const igi_nms *set;
    layout l;
    int64_t *counts;
    int32_t *taken;
    int64_t *keys, *spare;
    int32_t (*digits)[VALUES];
    float *rows;
} job;

static void add_row(const job *j, int64_t at, const float *box)
{
    if (at % j->isa->vector == 0)
        for (int64_t i = at; i < at + j->isa->vector; i++)
            j->rows[i] = INFINITY; /* until a box comes, its low */
    for (int i = 0; i < 5; i++)
        j->rows[i * j->l.ld + at] = box[i];
}

static ig_status take(const job *j,
                      ig_kernel_ctx *k,
                      const float *boxes,
                      const float *scores,
                      int32_t *taken,
                      int64_t *count)
{
    const igi_nms *set = j->set;
    int64_t rows = 0, left = IGI_POLL_BLOCK;
    queue q = {.left = 0};
    *count = 0;
    if (set->most < 1)
        return IG_OK;
    IG_TRY(ig_poll(k));
    for (int64_t i = 0; i < set->n; i++) { /* without a branch that scores decide */
        j->keys[q.left] = ~igi_candidate(scores[i], i, true);
        q.left += !set->scored || scores[i] > set->score;
    }
    set_queue(&q, j->keys, j->spare, set->most, j->digits);
    while (q.left > 0 && *count < set->most) {
        IG_TRY(igi_kpace(k, &left, rows + 16));
        const int64_t at = next(&q);
        const igi_box b = igi_box_of(boxes + 4 * at, set->center);
        const float box[5] = {b.low[0], b.high[0], b.low[1], b.high[1],
                              (b.high[0] - b.low[0]) * (b.high[1] - b.low[1])};
        const bool wide = box[4] > 0;
        if (wide && j->isa->overlaps(j->rows, j->l.ld, rows, box, set->overlap))
            continue;
        if (wide)
            add_row(j, rows++, box);
        taken[(*count)++] = (int32_t)at;
    }
    return IG_OK;
}

/* ---- all of them ---- */

static void set_job(job *j, const ig_kernel_ctx *k, int tid)
{
    const layout *l = &j->l;
    const size_t own = 2 * l->keys + l->digits + l->rows;
    char *at = k->scratch + l->counts + l->taken + (size_t)tid * own;
    j->isa = igi_cpu_isa_best();
    j->counts = (int64_t *)(void *)k->scratch;
    j->taken = (int32_t *)(void *)(k->scratch + l->counts);
    j->keys = (int64_t *)(void *)at;
    j->spare = (int64_t *)(void *)(at + l->keys);
    j->digits = (int32_t(*)[VALUES])(void *)(at + 2 * l->keys);
    j->rows = (float *)(void *)(at + 2 * l->keys + l->digits);
}

/* Where each group's rows begin; counts[groups] is their number, or -1: no result. */
static ig_status make_output(ig_kernel_ctx *k, const job *j)
{
    int64_t dims[2] = {0, 3}, *counts = j->counts;
    for (int64_t g = 0; g < j->l.groups && dims[0] >= 0; g++) {
        const int64_t n = counts[g];
        counts[g] = dims[0];
        dims[0] = n < 0 ? -1 : dims[0] + n;
    }
    ig_status rc = dims[0] < 0 ? IG_OK : ig_out_alloc(k, 0, 2, dims);
    counts[j->l.groups] = rc == IG_OK ? dims[0] : -1;
    return rc;
}

static void write_rows(const job *j, const ig_kernel_ctx *k, int64_t lo, int64_t hi)
{
    const int64_t classes = igi_kdims(igi_kin(k, 1))[1];
    int64_t *y = (int64_t *)(void *)igi_kout(k, 0)->data;
    for (int64_t g = lo; g < hi; g++)
        for (int64_t i = j->counts[g]; i < j->counts[g + 1]; i++) {
            y[3 * i] = g / classes;
            y[3 * i + 1] = g % classes;
            y[3 * i + 2] = j->taken[g * j->l.n + i - j->counts[g]];
        }
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const float *boxes = igi_kf32(igi_kin(k, 0)), *scores = igi_kf32(igi_kin(k, 1));
    igi_nms set;
    job j = {.set = &set};
    int64_t lo, hi;
    ig_status rc = IG_OK;
    IG_TRY(igi_nms_set(k, &set));
    (void)set_layout(k, &j.l);
    set_job(&j, k, tid);
    ig_split(j.l.groups, 1, tid, nth, &lo, &hi);
    for (int64_t g = lo; g < hi; g++) {
        const int64_t batch = g / igi_kdims(igi_kin(k, 1))[1];
        if (rc == IG_OK)
            rc = take(&j, k, boxes + batch * set.n * 4, scores + g * set.n,
                      j.taken + g * set.n, &j.counts[g]);
        if (rc != IG_OK)
            j.counts[g] = -1;
    }
    if (nth > 1)
        ig_barrier(k);
    if (tid == 0) {
        const ig_status made = make_output(k, &j);
        rc = rc == IG_OK ? made : rc;
    }
    if (nth > 1)
        ig_barrier(k);
    if (j.counts[j.l.groups] >= 0)
        write_rows(&j, k, lo, hi);
    return rc;
}

IG_KERNELS(nms) = {
    {IG_KERNEL_HEAD, .op = "NonMaxSuppression", .name = "rows", .types = IG_T(FLOAT32),
     .needs = IG_KERNEL_HEAVY, .supports = supports, .prepare = prepare,
     .run_team = run},
    {0},
};
