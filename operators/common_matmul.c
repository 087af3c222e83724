/* Shapes of matrix products. */
#include "operators/common_matmul.h"

static int64_t left_rows(const ig_tensor *a)
{
    return ig_rank(a) > 1 ? ig_dims(a)[ig_rank(a) - 2] : 1;
}

ig_status igi_mat_mul_infer(ig_infer *x, int left, int right)
{
    int ra = x->in[left]->rank, rb = x->in[right]->rank, rank = 0;
    int64_t dims[IG_RANK_MAX + 2];
    if (ra < 1 || rb < 1)
        return ig_infer_fail(x,
                             "scalars have no matrix product: A and B need rank >= 1");
    const int64_t *a = ig_type_dims(x->in[left]), *b = ig_type_dims(x->in[right]);
    int ba = ra > 2 ? ra - 2 : 0, bb = rb > 2 ? rb - 2 : 0; /* batch dims */
    IG_TRY(ig_infer_equal(x, a[ra - 1], b[rb == 1 ? 0 : rb - 2],
                          "the last dim of A and the inner dim of B", NULL));
    rank = ba > bb ? ba : bb;
    for (int i = 0; i < rank; i++) {
        int ia = i - (rank - ba), ib = i - (rank - bb);
        int64_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
        if (!ig_dim_broadcast(x->syms, da, db, &dims[i]))
            return ig_infer_fail(x, "batch dims do not broadcast in axis %d", i);
    }
    if (ra > 1)
        dims[rank++] = a[ra - 2];
    if (rb > 1)
        dims[rank++] = b[rb - 1];
    return ig_infer_set(x, 0, rank, dims);
}

void igi_mat_mul_set(igi_mat_mul_shape *s,
                     const ig_tensor *a,
                     const ig_tensor *b,
                     const ig_tensor *y)
{
    s->m = left_rows(a);
    s->n = ig_rank(b) > 1 ? ig_dims(b)[ig_rank(b) - 1] : 1;
    s->depth = ig_dims(a)[ig_rank(a) - 1];
    s->batch = ig_rank(y) - (ig_rank(a) > 1) - (ig_rank(b) > 1);
    s->items = 1;
    for (int i = 0; i < s->batch; i++)
        s->items *= ig_dims(y)[i];
}

int64_t igi_batch_offset(
    const ig_tensor *t, int64_t matrix, const int64_t *dims, int batch, int64_t item)
{
    int own = ig_rank(t) > 2 ? ig_rank(t) - 2 : 0;
    int64_t at = 0, step = matrix;
    for (int i = batch - 1; i >= 0; i--) {
        int j = i - (batch - own);
        int64_t index = item % dims[i];
        item /= dims[i];
        if (j < 0)
            break;
        at += ig_dims(t)[j] == 1 ? 0 : index * step;
        step *= ig_dims(t)[j];
    }
    return at;
}
