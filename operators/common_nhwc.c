/* Shapes and places of pooling over channels-last tensors. */
#include "operators/common_nhwc.h"

const ig_port igi_nhwc_pool_inputs[] = {
    IG_PORT("x", 'T', "Input [N, in..., C]."),
    {0},
};
const ig_port igi_nhwc_pool_outputs[] = {
    IG_PORT("y", 'T', "Output [N, out..., C]."),
    {0},
};

ig_status igi_nhwc_pool_infer(ig_infer *x, const igi_window_spec *s)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX], out[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    if (rank < 3)
        return ig_infer_fail(x, "x must have rank 3 at least");
    igi_dims_to_nchw(rank, ig_type_dims(x->in[0]), xd);
    IG_TRY(igi_pool_infer(x, s, rank, xd, yd));
    igi_dims_to_nhwc(rank, yd, out);
    return ig_infer_set(x, 0, rank, out);
}

void igi_nhwc_pool_set(igi_nhwc_pool *v,
                       const ig_kernel_ctx *k,
                       const igi_window_spec *s)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    memset(v, 0, sizeof(*v));
    v->x = ig_data(x);
    v->y = ig_data(y);
    igi_dims_to_nchw(ig_rank(x), ig_dims(x), xd);
    igi_dims_to_nchw(ig_rank(y), ig_dims(y), yd);
    igi_pool_set(&v->w, s, ig_rank(x), xd, yd);
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    v->channels = xd[1];
    v->in_plane = v->w.in_outer * a->in;
    v->pixels = xd[0] * v->w.out_outer * a->out;
    v->taps = igi_window_size(&v->w);
}

void igi_nhwc_pool_seek(igi_nhwc_pool *v, int64_t i)
{
    int64_t width = v->w.axis[v->w.rank - 1].out;
    v->o = i % width;
    v->row = i / width % v->w.out_outer;
    v->n = i / width / v->w.out_outer;
}

int64_t igi_nhwc_pool_tap(const igi_nhwc_pool *v, int64_t tap)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    int64_t row = igi_window_in_row(&v->w, v->row, tap / a->kernel);
    int64_t i = v->o * a->stride + tap % a->kernel * a->dilation - a->pad;
    if (row < 0 || i < 0 || i >= a->in)
        return -1;
    return (v->n * v->in_plane + row * a->in + i) * v->channels;
}
