// Tensors made of few numbers: Range, ConstantOfShape, EyeLike.
#include "operators/gpu/math.cuh"
#include "operators/gpu/move.cuh"

#include <ingot/ops.h>

namespace {

// ---- Range ----

// A number in host memory.
double real_of(const ig_tensor *t)
{
    switch (ig_dtype_of(t)) {
    case IG_FLOAT64:
        return *(const double *)ig_data(t);
    case IG_FLOAT16:
        return (double)gpu_from_half(*(const uint16_t *)ig_data(t));
    case IG_BFLOAT16:
        return (double)gpu_from_brain(*(const uint16_t *)ig_data(t));
    default:
        return (double)*(const float *)ig_data(t);
    }
}

int64_t whole_of(const ig_tensor *t)
{
    switch (ig_dtype_of(t)) {
    case IG_INT16:
        return *(const int16_t *)ig_data(t);
    case IG_INT32:
        return *(const int32_t *)ig_data(t);
    default:
        return *(const int64_t *)ig_data(t);
    }
}

// start + i * delta, rounded as the type of computing says: C, or a half type after each
// step.
template <class C> struct range {
    gpu_any<C> y;
    C start, delta;
    int rounds; // IG_FLOAT16, IG_BFLOAT16 or 0

    GPU_FN C rounded(C v) const
    {
        if (rounds == IG_FLOAT16)
            return (C)gpu_from_half(gpu_to_half((float)v));
        return rounds == IG_BFLOAT16 ? (C)gpu_from_brain(gpu_to_brain((float)v)) : v;
    }
    GPU_FN void operator()(int64_t i) const
    {
        if constexpr (std::is_floating_point_v<C>)
            y.put(i, rounded(start + rounded(rounded((C)i) * delta)));
        else
            y.put(i, gpu_add(start, gpu_mul((C)i, delta)));
    }
};

ig_status run_range(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0), *start = ig_in(k, 0), *delta = ig_in(k, 2);
    ig_dtype type = ig_dtype_of(y);
    int64_t stash = ((const ig_range_opts *)k->attrs)->stash_type, n = ig_numel(y);
    bool half = IG_BIT(type) & IG_F16S;
    if (IG_BIT(type) & IG_INTEGERS)
        return gpu_each(k, n,
                        range<int64_t>{gpu_any_of<int64_t>(y), whole_of(start), whole_of(delta), 0});
    if (type == IG_FLOAT64 || (half && stash == IG_FLOAT64))
        return gpu_each(k, n,
                        range<double>{gpu_any_of<double>(y), real_of(start), real_of(delta), 0});
    return gpu_each(k, n,
                    range<float>{gpu_any_of<float>(y), (float)real_of(start),
                                 (float)real_of(delta), half && stash == type ? type : 0});
}

// ---- ConstantOfShape ----

template <class T> struct fill {
    T *y;
    T value;
    GPU_FN void operator()(int64_t i) const
    {
        y[i] = value;
    }
};

ig_status supports_fill(const ig_kernel_ctx *k)
{
    return IG_BIT(ig_dtype_of(ig_out(k, 0))) & GPU_MOVABLE
               ? IG_OK
               : ig_reject("elements of this type are not moved");
}

ig_status run_constant(ig_kernel_ctx *k)
{
    const ig_tensor *value = ((const ig_constant_of_shape_opts *)k->attrs)->value;
    const ig_tensor *y = ig_out(k, 0);
    if (!value)
        return gpu_zero(k, ig_data(y), (int64_t)ig_tensor_nbytes(y));
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
        T v;
        memcpy(&v, ig_data(value), sizeof(v));
        return gpu_each(k, ig_numel(y), fill<T>{(T *)ig_data(y), v});
    });
}

// ---- EyeLike ----

template <class C> struct eye {
    gpu_any<C> y;
    int64_t columns, shift;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t i = e / columns, j = e - i * columns;
        y.put(e, j - i == shift);
    }
};

ig_status run_eye(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    int64_t shift = ((const ig_eye_like_opts *)k->attrs)->k;
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(y), [&]<class C>() {
        return gpu_each(k, ig_numel(y), eye<C>{gpu_any_of<C>(y), ig_dims(y)[1], shift});
    });
}

} // namespace

GPU_TABLE(gpu_make) = {
    gpu_row{"Range", IG_FLOATS | IG_T(INT16) | IG_T(INT32) | IG_T(INT64), run_range},
    gpu_row{"ConstantOfShape", 0, run_constant, 0, supports_fill},
    gpu_row{"EyeLike", IG_NUMERIC | IG_T(BOOL), run_eye},
    {},
};
