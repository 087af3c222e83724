#include "operators/common_linear.h"

ig_status igi_linear_infer(ig_infer *x, bool trans_w)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank, t = trans_w;
    if (rank < 1 || x->in[1]->rank != 2)
        return ig_infer_fail(x, "x must have rank 1 at least and w rank 2");
    const int64_t *xd = ig_type_dims(x->in[0]), *wd = ig_type_dims(x->in[1]);
    IG_TRY(ig_infer_equal(x, xd[rank - 1], wd[t], "the inner dims of x and w", NULL));
    for (int i = 0; i < rank - 1; i++)
        dims[i] = xd[i];
    dims[rank - 1] = wd[!t];
    if (x->n_in > 2 && x->in[2]) {
        if (x->in[2]->rank != 1)
            return ig_infer_fail(x, "b must have rank 1");
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[2])[0], dims[rank - 1],
                              "dims of b and w", NULL));
    }
    const ig_type *r = x->n_in > 3 ? x->in[3] : NULL;
    if (r && r->rank != rank)
        return ig_infer_fail(x, "residual must have the shape of the result");
    for (int i = 0; r && i < rank; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(r)[i], dims[i],
                              "dims of residual and of the result", &dims[i]));
    return ig_infer_set(x, 0, rank, dims);
}

void igi_linear_set(igi_linear *l, const ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *b = ig_in(k, 2), *r = ig_in(k, 3);
    ig_tensor *y = ig_out(k, 0);
    *l = (igi_linear){.m = 1,
                      .n = ig_dims(y)[ig_rank(y) - 1],
                      .depth = ig_dims(x)[ig_rank(x) - 1],
                      .b = b ? ig_data(b) : NULL,
                      .residual = r ? ig_data(r) : NULL,
                      .y = ig_data(y)};
    for (int i = 0; i < ig_rank(x) - 1; i++)
        l->m *= ig_dims(x)[i];
}
