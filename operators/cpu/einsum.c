/* Float32 Einsum of two operands that is a batch of matrix products, read where it
 * lies.
 *
 * A label is one of four kinds by where it occurs: rows (left operand and result),
 * columns (right operand and result), depth (both operands) or batch (all).
 * Neighbouring labels of one kind that all operands cross evenly are one. The columns
 * must be the result's last label, depth must be one label; whatever else there is
 * becomes the batch. No operand is copied: igi_matmul takes any strides. */
#include <string.h>

#include "graph/core/alloc.h"
#include "operators/common_einsum.h"
#include "operators/cpu/kernel.h"

typedef enum kind { BATCH, ROWS, COLUMNS, DEPTH } kind;
typedef struct label {
    kind kind;
    int64_t n, step[3]; /* size; in left, right and result */
} label;

/* One product, and the labels over which it is repeated. */
typedef struct product {
    igi_matmul g; /* without pointers */
    bool turned;  /* left and right have changed places */
    int n;
    int64_t batch;
    label outer[IGI_EINSUM_LABELS];
} product;

/* ---- reading the call ---- */

static bool
add_steps(const igi_term *t, const ig_tensor *x, int64_t (*at)[3], int which)
{
    int64_t stride[IG_RANK_MAX];
    igi_strides_contiguous(t->rank, igi_kdims(x), stride);
    for (int d = 0; d < t->rank; d++) {
        if (at[t->label[d]][which] >= 0)
            return false; /* a diagonal */
        at[t->label[d]][which] = igi_kdims(x)[d] == 1 ? 0 : stride[d];
    }
    return true;
}

/* Kinds by presence; false for a label that only one operand has and the result lacks.
 */
static bool find_kind(const int64_t at[3], kind *k)
{
    bool a = at[0] >= 0, b = at[1] >= 0, c = at[2] >= 0;
    *k = a && b ? (c ? BATCH : DEPTH) : a ? ROWS : COLUMNS;
    return a && b ? true : c;
}

static bool joins(const label *outer, const label *inner)
{
    bool fits = outer->kind == inner->kind;
    for (int i = 0; i < 3 && fits; i++)
        fits = outer->step[i] == inner->step[i] * inner->n;
    return fits;
}

/* The labels in the order of the result, then of the left operand; sizes 1 dropped. */
static int
list_labels(const igi_einsum *e, int64_t (*at)[3], const int64_t *sizes, label *out)
{
    int n = 0;
    for (int pass = 0; pass < 2; pass++) {
        const igi_term *t = pass ? &e->in[0] : &e->out;
        for (int d = 0; d < t->rank; d++) {
            int l = t->label[d];
            label *v = &out[n];
            if (sizes[l] == 1 || (pass && at[l][2] >= 0))
                continue;
            (void)find_kind(at[l], &v->kind);
            v->n = sizes[l];
            for (int i = 0; i < 3; i++)
                v->step[i] = at[l][i] < 0 ? 0 : at[l][i];
            if (n > 0 && joins(&out[n - 1], v)) {
                v->n *= out[n - 1].n;
                out[n - 1] = *v;
            } else {
                n++;
            }
        }
    }
    return n;
}

/* Takes the labels of the product out of the list. `turned`: left and right change
 * places, since the result's last label is of the left one. */
static bool choose(label *v, int n, bool turned, product *p)
{
    int rows = -1, columns = -1, depth = -1;
    kind right = turned ? ROWS : COLUMNS, left = turned ? COLUMNS : ROWS;
    for (int i = 0; i < n; i++) {
        if (v[i].kind == DEPTH && depth >= 0)
            return false;
        if (v[i].kind == DEPTH)
            depth = i;
        else if (v[i].kind == right && v[i].step[2] == 1)
            columns = i;
        else if (v[i].kind == left && (rows < 0 || v[i].n > v[rows].n))
            rows = i;
    }
    int a = turned ? 1 : 0, b = 1 - a;
    igi_matmul *g = &p->g;
    *g = (igi_matmul){.m = 1, .n = 1, .k = 1, .alpha = 1, .ldc = 1};
    if (rows >= 0)
        g->m = v[rows].n, g->a_rs = v[rows].step[a], g->ldc = v[rows].step[2];
    if (columns >= 0)
        g->n = v[columns].n, g->b_cs = v[columns].step[b];
    if (depth >= 0)
        g->k = v[depth].n, g->a_cs = v[depth].step[a], g->b_rs = v[depth].step[b];
    for (int i = 0; i < n; i++) {
        if (i == rows || i == columns || i == depth)
            continue;
        p->outer[p->n++] = v[i];
        p->batch *= v[i].n;
    }
    return columns >= 0;
}

static ig_status read_product(const ig_kernel_ctx *k, product *p)
{
    int64_t at[IGI_EINSUM_LABELS][3], sizes[IGI_EINSUM_LABELS];
    label v[2 * IG_RANK_MAX];
    igi_einsum e;
    kind any;
    if (k->n_in != 2)
        return ig_reject("not two operands");
    const ig_tensor *t[3] = {igi_kin(k, 0), igi_kin(k, 1), igi_kout(k, 0)};
    const int rank[2] = {igi_krank(t[0]), igi_krank(t[1])};
    if (igi_einsum_read(((const igi_einsum_attrs *)k->attrs)->equation, 2, rank, &e))
        return ig_reject("no equation of these ranks");
    for (int l = 0; l < IGI_EINSUM_LABELS; l++) {
        at[l][0] = at[l][1] = at[l][2] = -1;
        sizes[l] = 1;
    }
    for (int i = 0; i < 3; i++)
        if (!add_steps(i < 2 ? &e.in[i] : &e.out, t[i], at, i) ||
            !igi_einsum_sizes(NULL, i < 2 ? &e.in[i] : &e.out, igi_kdims(t[i]), sizes))
            return ig_reject("a label occurs twice in a term");
    for (int l = 0; l < IGI_EINSUM_LABELS; l++)
        if (sizes[l] != 1 && !find_kind(at[l], &any))
            return ig_reject("a label of one operand is summed over");
    p->n = 0;
    p->batch = 1;
    int n = list_labels(&e, at, sizes, v);
    bool turned = false;
    for (int i = 0; i < n; i++)
        turned = turned || (v[i].kind == ROWS && v[i].step[2] == 1);
    if (!choose(v, n, turned, p))
        return ig_reject("no batch of products with adjacent columns");
    p->turned = turned;
    for (int i = 0; i < p->n && turned; i++) { /* steps go with the operands */
        int64_t step = p->outer[i].step[0];
        p->outer[i].step[0] = p->outer[i].step[1];
        p->outer[i].step[1] = step;
    }
    return IG_OK;
}

/* ---- the kernel ---- */

static ig_status supports(const ig_kernel_ctx *k)
{
    product p;
    return read_product(k, &p);
}

static ig_status prepare(ig_kernel_ctx *k)
{
    size_t floats;
    product *p = igi_alloc(sizeof(*p));
    if (!p)
        return IG_OUT_OF_MEMORY;
    ig_status rc = read_product(k, p);
    if (rc == IG_OK && !igi_matmul_scratch(igi_cpu_isa_best(), &p->g, &floats))
        rc = ig_kernel_fail(k, IG_LIMIT, "the product is too large");
    if (rc != IG_OK) {
        igi_free(p);
        return rc;
    }
    k->scratch_bytes = floats * sizeof(float);
    k->state = p;
    return IG_OK;
}

static void unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

/* Products and panels of columns are one list, which threads cut. */
static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const product *p = k->state;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    igi_matmul first = p->g;
    int64_t panels = igi_gemm_panels(isa, first.n), lo, hi;
    float *scratch = k->scratch_bytes ? ig_scratch(k, tid) : NULL;
    igi_stop stop = igi_kstop(k);
    first.stop = &stop;
    first.a = igi_kf32(igi_kin(k, p->turned ? 1 : 0));
    first.b = igi_kf32(igi_kin(k, p->turned ? 0 : 1));
    first.c = igi_kf32(igi_kout(k, 0));
    ig_split(p->batch * panels, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi && !igi_stopped(&stop);) {
        int64_t batch = i / panels, rest = batch, from = i % panels;
        int64_t to = hi - i < panels - from ? from + (hi - i) : panels;
        igi_matmul g = first;
        for (int d = p->n - 1; d >= 0; d--) {
            int64_t at = rest % p->outer[d].n;
            g.a += at * p->outer[d].step[0];
            g.b += at * p->outer[d].step[1];
            g.c += at * p->outer[d].step[2];
            rest /= p->outer[d].n;
        }
        igi_matmul_run(isa, &g, scratch, from, to);
        i += to - from;
    }
    return igi_kstop_status(&stop);
}

IG_KERNELS(einsum) = {
    {IG_KERNEL_HEAD, .op = "Einsum", .name = "products", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .supports = supports,
     .prepare = prepare, .run_team = run, .unprepare = unprepare},
    {0},
};
