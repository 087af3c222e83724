// Channels as a whole.

#include "operators/common_global.h"

const ig_save igi_save_x_y[] = {
    IG_SAVE_IN(0, IG_BIT(0)),
    IG_SAVE_OUT(0, IG_BIT(0)),
    {0},
};

ig_status igi_global_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    if (rank < 2)
        return ig_infer_fail(x, "X must have rank >= 2");
    for (int i = 0; i < rank; i++)
        dims[i] = i < 2 ? ig_type_dims(x->in[0])[i] : 1;
    return ig_infer_set(x, 0, rank, dims);
}

void igi_global_space(const ig_kernel_ctx *k, igi_reduce *r)
{
    const ig_tensor *x = ig_in(k, 0);
    igi_reduce_init(r, ig_rank(x), ig_dims(x), ig_strides(x), ~(uint64_t)3);
}
