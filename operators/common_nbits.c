#include "operators/common_nbits.h"

static ig_status fits(ig_infer *x, int port, const int64_t *w, int along, int64_t block)
{
    const ig_type *t = x->in[port];
    const int64_t blocks =
        w[along] < 0 ? -1 : w[along] / block + (w[along] % block != 0);
    if (t->rank != 2)
        return ig_infer_fail(x, "scale and zero must have rank 2");
    IG_TRY(ig_infer_equal(x, ig_type_dims(t)[!along], w[!along],
                          "sizes of w and of scale or zero", NULL));
    return blocks < 0
               ? IG_OK
               : ig_infer_equal(x, ig_type_dims(t)[along], blocks,
                                "numbers of blocks and of scales or zeros", NULL);
}

ig_status
igi_nbits_infer(ig_infer *x, int w, int scale, int zero, int along, int64_t block)
{
    const int64_t *dims = ig_type_dims(x->in[w]);
    IG_TRY(fits(x, scale, dims, along, block));
    return zero < x->n_in && x->in[zero] ? fits(x, zero, dims, along, block) : IG_OK;
}
