// Im2Col and Col2Im: blocks of an image as columns, and their sum.
#include "operators/gpu/window.cuh"

namespace
{

// Blocks are windows over the image: one output position a column, one tap a place.
template <class O>
gpu_window blocks_of(const O *o, int rank, const int64_t *image, const int64_t *block)
{
    gpu_window_spec s = {IG_CONV_AUTO_PAD_NOTSET, o->strides, o->pads, o->dilations};
    int64_t count[GPU_WINDOW_AXES];
    for (int i = 0; i < rank; i++) {
        int64_t span = (block[i] - 1) * gpu_item(s.dilations, i, 1) + 1;
        int64_t room =
            image[i] + gpu_item(s.pads, i, 0) + gpu_item(s.pads, rank + i, 0) - span;
        count[i] = room < 0 ? 0 : room / gpu_item(s.strides, i, 1) + 1;
    }
    return gpu_window_of(s, rank, image, block, count);
}

template <class T> struct im2col {
    gpu_window w;
    gpu_divisor by_out, by_taps;
    const T *x;
    T *y; // [planes, taps, columns]

    GPU_FN void operator()(int64_t i) const
    {
        int64_t q = by_out.over(i, true), o = i - q * w.out;
        int64_t plane = by_taps.over(q, true), t = q - plane * w.taps;
        int64_t p = w.input(o, t);
        y[i] = p < 0 ? T{} : x[plane * w.in + p];
    }
};

ig_status run_im2col(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t block[IG_RANK_MAX];
    int rank = ig_rank(x) - 2;
    if (gpu_ints(ig_in(k, 1), block, IG_RANK_MAX) != rank)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "block_shape must have a number per spatial axis");
    gpu_window w =
        blocks_of((const ig_ingot_im2_col_opts *)k->attrs, rank, ig_dims(x) + 2, block);
    if (ig_numel(y) != ig_dims(x)[0] * ig_dims(x)[1] * w.taps * w.out)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "block_shape does not fit the planned output");
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
        im2col<T> kernel = {w, gpu_divisor(w.out), gpu_divisor(w.taps),
                            (const T *)ig_data(x), (T *)ig_data(y)};
        return gpu_each(k, ig_numel(y), kernel);
    });
}

// Each element of the image collects from the columns that hold it.
template <class C> struct col2im {
    gpu_window w;
    int64_t taps; // 0 without columns: blocks larger than the image have more than
                  // memory holds
    gpu_divisor by_in;
    gpu_any<C> x, y;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t plane = by_in.over(i, true), p = i - plane * w.in;
        C sum = 0;
        for (int64_t t = 0; t < taps; t++) {
            int64_t o = w.output(p, t);
            if (o >= 0)
                sum = gpu_add(sum, x.get((plane * w.taps + t) * w.out + o));
        }
        y.put(i, sum);
    }
};

ig_status run_col2im(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t image[IG_RANK_MAX], block[IG_RANK_MAX];
    int n = gpu_ints(ig_in(k, 1), image, IG_RANK_MAX);
    if (n != ig_rank(y) - 2 || n > GPU_WINDOW_AXES ||
        gpu_ints(ig_in(k, 2), block, IG_RANK_MAX) != n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "image_shape and block_shape do not fit the output");
    gpu_window w = blocks_of((const ig_col2_im_opts *)k->attrs, n, image, block);
    if (ig_dims(x)[1] != ig_dims(y)[1] * w.taps || ig_dims(x)[2] != w.out ||
        ig_numel(y) != ig_dims(x)[0] * ig_dims(y)[1] * w.in)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the columns do not fit blocks and image");
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(x), [&]<class C>() {
        col2im<C> kernel = {w, w.out ? w.taps : 0, gpu_divisor(w.in), gpu_any_of<C>(x),
                            gpu_any_of<C>(y)};
        return gpu_each(k, ig_numel(y), kernel);
    });
}

ig_status supports_col2im(const ig_kernel_ctx *k)
{
    return ig_rank(ig_out(k, 0)) > 2 + GPU_WINDOW_AXES
               ? ig_reject("more than three spatial axes")
               : gpu_supports_images(k);
}

} // namespace

GPU_TABLE(gpu_col) = {
    gpu_row{"ingot::Im2Col", IG_FLOATS, run_im2col, 0, gpu_supports_images},
    gpu_row{"Col2Im", IG_NUMERIC, run_col2im, 0, supports_col2im},
    {},
};
