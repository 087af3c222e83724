// Geometry of blocks in an image.

#include "operators/common_col.h"

const ig_attr_def igi_col_options[] = {
    IG_ATTR_INTS(igi_col_attrs,
                 dilations,
                 "Distance of places in a block, per axis; absent: 1.",
                 .min = 1,
                 .max = INT32_MAX),
    IG_ATTR_INTS(igi_col_attrs,
                 pads,
                 "Added before each axis, then after each; absent: 0.",
                 .min = 0,
                 .max = INT32_MAX),
    IG_ATTR_INTS(igi_col_attrs,
                 strides,
                 "Distance of blocks, per axis; absent: 1.",
                 .min = 1,
                 .max = INT32_MAX),
    {0},
};

const char *igi_cols_make(const igi_col_attrs *o,
                          int n,
                          const int64_t *image,
                          const int64_t *block,
                          igi_cols *c)
{
    *c = (igi_cols){.n = n, .places = 1, .columns = 1};
    if ((o->strides.n && o->strides.n != n) ||
        (o->dilations.n && o->dilations.n != n) ||
        (o->pads.n && o->pads.n != 2 * (int64_t)n))
        return "strides, dilations and pads must have a number per axis (pads two)";
    for (int i = 0; i < n; i++) {
        int64_t span, room = image[i];
        c->image[i] = image[i];
        c->block[i] = block[i];
        c->stride[i] = o->strides.n ? o->strides.v[i] : 1;
        c->dilation[i] = o->dilations.n ? o->dilations.v[i] : 1;
        c->pad[i] = o->pads.n ? o->pads.v[i] : 0;
        if (block[i] < 1 || image[i] < 0)
            return "dims of the image are >= 0, those of a block >= 1";
        if (!igi_mul_i64(block[i] - 1, c->dilation[i], &span) ||
            !igi_add_i64(room, c->pad[i], &room) ||
            (o->pads.n && !igi_add_i64(room, o->pads.v[n + i], &room)))
            return "sizes overflow";
        c->count[i] = room > span ? (room - span - 1) / c->stride[i] + 1 : 0;
        if (!igi_mul_i64(c->places, block[i], &c->places) ||
            !igi_mul_i64(c->columns, c->count[i], &c->columns))
            return "sizes overflow";
    }
    return NULL;
}

ig_status igi_cols_read(const ig_kernel_ctx *k, igi_cols *c)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t image[IG_RANK_MAX], block[IG_RANK_MAX], plane = 1;
    int n = igi_read_ints(ig_in(k, 1), image, IG_RANK_MAX);
    if (n < 0 || n != ig_rank(y) - 2 ||
        igi_read_ints(ig_in(k, 2), block, IG_RANK_MAX) != n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "image_shape and block_shape do not fit the output");
    const char *wrong = igi_cols_make(k->attrs, n, image, block, c);
    if (wrong)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "%s", wrong);
    for (int i = 0; i < n; i++)
        plane *= image[i];
    if (ig_dims(x)[1] != ig_dims(y)[1] * c->places || ig_dims(x)[2] != c->columns ||
        ig_dims(x)[0] != ig_dims(y)[0] ||
        ig_numel(y) != ig_dims(y)[0] * ig_dims(y)[1] * plane)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the columns do not fit blocks and image");
    return IG_OK;
}

int64_t igi_cols_at(const igi_cols *c, int64_t k, int64_t l)
{
    int64_t at = 0, step = 1;
    for (int i = c->n - 1; i >= 0; i--) {
        int64_t place = k % c->block[i], block = l % c->count[i];
        int64_t x = block * c->stride[i] - c->pad[i] + place * c->dilation[i];
        if (x < 0 || x >= c->image[i])
            return -1;
        at += x * step;
        step *= c->image[i];
        k /= c->block[i];
        l /= c->count[i];
    }
    return at;
}
