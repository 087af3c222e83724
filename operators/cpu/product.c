/* MatMul, Gemm and ingot::Linear as strided products. */
#include "operators/cpu/product.h"

#include <ingot/ops.h>

#include "graph/core/dtype.h"

static void plain_batch(igi_cpu_product *p)
{
    p->rank = 0;
    p->batch = 1;
    p->c = NULL;
    p->beta = 0;
}

static int64_t batch_step(const ig_tensor *t, int rank, int i)
{
    int at = i - (rank - (igi_krank(t) - 2));
    return at < 0 || igi_kdims(t)[at] == 1 ? 0 : igi_strides(t)[at];
}

/* Whether the axes before the last two continue the rows of the matrix: one tall
 * matrix. */
static bool rows_join(const ig_tensor *t)
{
    const int64_t *d = igi_kdims(t), *s = igi_strides(t);
    int64_t step = 0, rows = 1;
    for (int i = igi_krank(t) - 2; i >= 0; i--) {
        if (d[i] == 1)
            continue;
        if (rows > 1 && s[i] != step * rows)
            return false;
        step = rows > 1 ? step : s[i];
        rows *= d[i];
    }
    return true;
}

/* Step between the rows of such a matrix. */
static int64_t row_step(const ig_tensor *t)
{
    for (int i = igi_krank(t) - 2; i >= 0; i--)
        if (igi_kdims(t)[i] != 1)
            return igi_strides(t)[i];
    return igi_kdims(t)[igi_krank(t) - 1];
}

enum { LONGEST_VIEW = 1 << 20 };

/* Products of one element of the result are one loop that asks nobody. A view may make
 * it as long as it likes; memory may not. */
static ig_status
check_depth(const igi_cpu_product *p, const ig_tensor *a, const ig_tensor *b)
{
    const ig_tensor *both[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        size_t bytes = (size_t)igi_dtype_bits[both[i]->v.type.dtype] / 8;
        if (p->g.k > LONGEST_VIEW && both[i]->st &&
            (uint64_t)p->g.k > both[i]->st->bytes / bytes)
            return ig_reject("a sum over more elements than there are in memory");
    }
    return IG_OK;
}

/* MatMul: a[..., M, K] b[..., K, N]; vectors are matrices of one row or column. */
ig_status igi_cpu_read_matmul(const ig_kernel_ctx *k, igi_cpu_product *p)
{
    const ig_tensor *a = igi_kin(k, 0), *b = igi_kin(k, 1), *y = igi_kout(k, 0);
    int ra = igi_krank(a), rb = igi_krank(b);
    const int64_t *da = igi_kdims(a), *db = igi_kdims(b), *sa = igi_strides(a),
                  *sb = igi_strides(b);
    int64_t n = rb > 1 ? db[rb - 1] : 1;
    plain_batch(p);
    p->g = (igi_matmul){.m = ra > 1 ? da[ra - 2] : 1,
                        .n = n,
                        .k = da[ra - 1],
                        .a = igi_kf32(a),
                        .a_rs = ra > 1 ? sa[ra - 2] : da[ra - 1],
                        .a_cs = sa[ra - 1],
                        .b = igi_kf32(b),
                        .b_rs = rb > 1 ? sb[rb - 2] : sb[0],
                        .b_cs = rb > 1 ? sb[rb - 1] : 1,
                        .alpha = 1,
                        .c = igi_kf32(y),
                        .ldc = n};
    if (ra < 2 || rb < 2) {
        if ((ra > 2 && rb < 2) || (rb > 2 && ra < 2))
            return ig_reject("a vector times a batch of matrices");
        return check_depth(p, a, b);
    }
    IG_TRY(check_depth(p, a, b));
    if (rb == 2 && rows_join(a)) { /* one right matrix for all */
        p->g.m = igi_kcount(a, 0, ra - 1);
        p->g.a_rs = row_step(a);
        return IG_OK;
    }
    p->rank = igi_krank(y) - 2;
    for (int i = 0; i < p->rank; i++) {
        p->dims[i] = igi_kdims(y)[i];
        p->batch *= p->dims[i];
        p->a_step[i] = batch_step(a, p->rank, i);
        p->b_step[i] = batch_step(b, p->rank, i);
    }
    return IG_OK;
}

void igi_cpu_steps_of_c(const ig_tensor *c, int64_t *rows, int64_t *cols)
{
    int rank = igi_krank(c);
    const int64_t *d = igi_kdims(c), *s = igi_strides(c);
    *cols = rank > 0 && d[rank - 1] != 1 ? s[rank - 1] : 0;
    *rows = rank > 1 && d[0] != 1 ? s[0] : 0;
}

/* beta * C as bias or residual, or for add_c. */
static void place_c(igi_cpu_product *p, const ig_tensor *c, float beta)
{
    int64_t rs, cs;
    bool whole = beta >= 1 && beta <= 1 && c && c->v.type.dtype == IG_FLOAT32;
    if (!c || !(beta < 0 || beta > 0))
        return;
    igi_cpu_steps_of_c(c, &rs, &cs);
    bool wide = cs == 1 || p->g.n == 1;
    if (whole && wide && rs == 0)
        p->g.epilogue.bias = igi_kf32(c);
    else if (whole && wide && rs > 0)
        p->g.epilogue.residual = igi_kf32(c), p->g.epilogue.ld_residual = rs;
    else
        p->c = c, p->beta = beta;
}

ig_status igi_cpu_read_gemm(const ig_kernel_ctx *k, igi_cpu_product *p)
{
    const ig_tensor *a = igi_kin(k, 0), *b = igi_kin(k, 1);
    const ig_gemm_opts *o = k->attrs;
    const int64_t *da = igi_kdims(a), *db = igi_kdims(b), *sa = igi_strides(a),
                  *sb = igi_strides(b);
    bool ta = o->transA != 0, tb = o->transB != 0;
    plain_batch(p);
    p->g = (igi_matmul){.m = da[ta],
                        .n = db[!tb],
                        .k = da[!ta],
                        .a = igi_kf32(a),
                        .a_rs = sa[ta],
                        .a_cs = sa[!ta],
                        .b = igi_kf32(b),
                        .b_rs = sb[tb],
                        .b_cs = sb[!tb],
                        .alpha = o->alpha,
                        .c = igi_kf32(igi_kout(k, 0)),
                        .ldc = db[!tb]};
    place_c(p, igi_kin(k, 2), o->beta);
    return check_depth(p, a, b);
}

ig_status igi_cpu_read_linear(const ig_kernel_ctx *k, igi_cpu_product *p)
{
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1), *r = igi_kin(k, 3);
    const ig_ingot_linear_opts *o = k->attrs;
    int rank = igi_krank(x);
    bool t = o->trans_w != 0;
    plain_batch(p);
    p->g = (igi_matmul){.m = igi_kcount(x, 0, rank - 1),
                        .n = igi_kdims(w)[!t],
                        .k = igi_kdims(w)[t],
                        .a = igi_kf32(x),
                        .a_cs = 1,
                        .b = igi_kf32(w),
                        .alpha = o->alpha,
                        .c = igi_kf32(igi_kout(k, 0)),
                        .epilogue = igi_epilogue_of(o->activation, o->act_a, o->act_b,
                                                    o->residual_after != 0)};
    p->g.a_rs = p->g.k;
    p->g.b_rs = t ? 1 : p->g.n;
    p->g.b_cs = t ? p->g.k : 1;
    p->g.ldc = p->g.n;
    p->g.epilogue.bias = igi_kf32(igi_kin(k, 2));
    p->g.epilogue.residual = igi_kf32(r);
    p->g.epilogue.ld_residual = p->g.n;
    return IG_OK;
}
