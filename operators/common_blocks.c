// Between channels and space.

#include "operators/common_blocks.h"

#include <inttypes.h>

const char *const igi_depth_modes[] = {"DCR", "CRD", NULL};
const ig_port igi_block_inputs[] = {IG_PORT("input", 'T', "[N, C, H, W]."), {0}};
const ig_port igi_block_outputs[] = {
    IG_PORT("output", 'T', "[N, C', H', W'], of as many elements."),
    {0},
};

static ig_status check_image(ig_infer *x, int64_t block)
{
    if (x->in[0]->rank != 4)
        return ig_infer_fail(x, "the input must have rank 4");
    return block < 1 ? ig_infer_fail(x, "blocksize must be positive") : IG_OK;
}

// dim / by, which must leave nothing when both are numbers.
static ig_status divide(ig_infer *x, int axis, int64_t by, int64_t *out)
{
    int64_t dim = ig_type_dims(x->in[0])[axis];
    if (dim >= 0 && dim % by != 0)
        return ig_infer_fail(x, "dim %d is %" PRId64 ", no multiple of %" PRId64, axis,
                             dim, by);
    *out = ig_dim_div(x->syms, dim, by);
    return IG_OK;
}

ig_status igi_infer_wide(ig_infer *x, int64_t block)
{
    const int64_t *in = ig_type_dims(x->in[0]);
    IG_TRY(check_image(x, block));
    int64_t dims[4] = {in[0]};
    IG_TRY(divide(x, 1, block * block, &dims[1]));
    for (int i = 2; i < 4; i++)
        dims[i] = ig_dim_mul(x->syms, in[i], block);
    return ig_infer_set(x, 0, 4, dims);
}

ig_status igi_infer_deep(ig_infer *x, int64_t block)
{
    const int64_t *in = ig_type_dims(x->in[0]);
    IG_TRY(check_image(x, block));
    int64_t dims[4] = {in[0], ig_dim_mul(x->syms, in[1], block * block)};
    for (int i = 2; i < 4; i++)
        IG_TRY(divide(x, i, block, &dims[i]));
    return ig_infer_set(x, 0, 4, dims);
}

ig_status igi_blocks_move(ig_kernel_ctx *k, int64_t block, int64_t mode, bool widen)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    const int64_t *wide = ig_dims(widen ? y : x), *deep = ig_dims(widen ? x : y);
    int64_t c = wide[1], h = deep[2], w = deep[3], b = block, plane = h * w;
    bool crd = mode == IGI_CRD;
    // axes: n, c, h, i, w, j
    const int64_t dims[6] = {wide[0], c, h, b, w, b};
    const int64_t in_wide[6] = {
        c * h * b * w * b, h * b * w * b, b * w * b, w * b, b, 1};
    const int64_t in_deep[6] = {c * b * b * plane,
                                crd ? b * b * plane : plane,
                                w,
                                crd ? b * plane : b * c * plane,
                                1,
                                crd ? plane : c * plane};
    igi_copy_nd(ig_dtype_of(x), 6, dims, ig_data(y), 0, widen ? in_wide : in_deep,
                ig_data(x), 0, widen ? in_deep : in_wide);
    return IG_OK;
}
