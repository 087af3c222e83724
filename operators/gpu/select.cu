// Elementwise operators that choose, test or convert: Where, Clip, Shrink, IsNaN,
// IsInf, Dropout, Cast; and DivByDims.
#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

namespace
{

// ---- Where ----

template <class T> struct where {
    gpu_space<3> space;
    const uint8_t *condition;
    const T *x, *y;
    T *out;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t off[3];
        space.at(i, off);
        out[i] = condition[off[0]] ? x[off[1]] : y[off[2]];
    }
};

ig_status supports_where(const ig_kernel_ctx *k)
{
    if (!(IG_BIT(ig_dtype_of(ig_out(k, 0))) & GPU_MOVABLE))
        return ig_reject("elements of this type are not moved");
    return gpu_supports_ranks(k);
}

ig_status run_where(ig_kernel_ctx *k)
{
    ig_tensor *out = ig_out(k, 0), *const in[] = {ig_in(k, 0), ig_in(k, 1),
                                                  ig_in(k, 2)};
    gpu_space<3> space;
    IG_TRY(gpu_space_of(&space, out, in));
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(out)), [&]<class T>() {
        where<T> kernel = {space, (const uint8_t *)ig_data(in[0]),
                           (const T *)ig_data(in[1]), (const T *)ig_data(in[2]),
                           (T *)ig_data(out)};
        return gpu_each(k, space.count, kernel);
    });
}

// ---- functions of one input with arguments that lie in the device's memory ----

// y = f(x), f being whatever the kernel adds.
template <class C, class F> struct mapped {
    gpu_any<C> x, y;
    F f;

    GPU_FN void operator()(int64_t i) const
    {
        y.put(i, f(x.get(i)));
    }
};

template <class C, class F> ig_status map(ig_kernel_ctx *k, const F &f)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    return gpu_each(k, ig_numel(x),
                    mapped<C, F>{gpu_any_of<C>(x), gpu_any_of<C>(y), f});
}

// A NaN bound gives NaN.
template <class C> struct clip {
    gpu_any<C> lo, hi;
    GPU_FN C operator()(C a) const
    {
        if (lo.p && a == a) {
            C b = lo.get(0);
            a = a >= b ? a : b;
        }
        if (hi.p && a == a) {
            C b = hi.get(0);
            a = a <= b ? a : b;
        }
        return a;
    }
};

ig_status run_clip(ig_kernel_ctx *k)
{
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(ig_in(k, 0)), [&]<class C>() {
        return map<C>(k,
                      clip<C>{gpu_any_of<C>(ig_in(k, 1)), gpu_any_of<C>(ig_in(k, 2))});
    });
}

template <class C> struct shrink {
    C limit, bias;
    bool all; // unsigned numbers against a negative limit
    GPU_FN C operator()(C a) const
    {
        if constexpr (std::is_unsigned_v<C>)
            return all || a > limit ? a - bias : 0;
        else
            return a < gpu_sub(C(0), limit) ? gpu_add(a, bias)
                   : a > limit              ? gpu_sub(a, bias)
                                            : 0;
    }
};

// A float attribute as a whole number, as Cast does it.
int64_t whole(float v)
{
    return v != v                ? 0
           : v >= 9.2233720e18f  ? INT64_MAX
           : v <= -9.2233720e18f ? INT64_MIN
                                 : (int64_t)v;
}

ig_status run_shrink(ig_kernel_ctx *k)
{
    const ig_shrink_opts *o = (const ig_shrink_opts *)k->attrs;
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(ig_in(k, 0)), [&]<class C>() {
        if constexpr (std::is_floating_point_v<C>)
            return map<C>(k, shrink<C>{(C)o->lambd, (C)o->bias, false});
        else
            return map<C>(
                k, shrink<C>{(C)whole(o->lambd), (C)whole(o->bias), o->lambd < 0});
    });
}

template <class C> struct divide {
    double by;
    GPU_FN C operator()(C a) const
    {
        return a / (C)by;
    }
};

ig_status run_div_by_dims(ig_kernel_ctx *k)
{
    int64_t dims[IG_RANK_MAX], axes[IG_RANK_MAX];
    int rank = gpu_ints(ig_in(k, 1), dims, IG_RANK_MAX);
    int n = gpu_ints(ig_in(k, 2), axes, IG_RANK_MAX);
    bool all =
        n == 0 && !((const ig_ingot_div_by_dims_opts *)k->attrs)->noop_with_empty_axes;
    double product = 1;
    if (rank < 0 || n < 0 || rank > IG_RANK_MAX || n > IG_RANK_MAX)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "more than %d dims or axes",
                              IG_RANK_MAX);
    for (int i = 0; i < (all ? rank : n); i++) {
        int64_t a = all ? i : axes[i] < 0 ? axes[i] + rank : axes[i];
        if (a < 0 || a >= rank)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "axis %lld is outside rank %d", (long long)axes[i],
                                  rank);
        product *= (double)dims[a];
    }
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(ig_in(k, 0)), [&]<class C>() {
        return map<C>(k, divide<C>{product});
    });
}

// ---- tests ----

template <class C> struct is_nan {
    gpu_any<C> x;
    uint8_t *y;
    GPU_FN void operator()(int64_t i) const
    {
        C v = x.get(i);
        y[i] = v != v;
    }
};

template <class C> struct is_inf {
    gpu_any<C> x;
    uint8_t *y;
    bool positive, negative;
    GPU_FN void operator()(int64_t i) const
    {
        C v = x.get(i), inf = gpu_infinity<C>();
        y[i] = (positive && v == inf) || (negative && v == -inf);
    }
};

ig_status run_is_nan(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    uint8_t *y = (uint8_t *)ig_data(ig_out(k, 0));
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        return gpu_each(k, ig_numel(x), is_nan<C>{gpu_any_of<C>(x), y});
    });
}

ig_status run_is_inf(ig_kernel_ctx *k)
{
    const ig_is_inf_opts *o = (const ig_is_inf_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    uint8_t *y = (uint8_t *)ig_data(ig_out(k, 0));
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        return gpu_each(k, ig_numel(x),
                        is_inf<C>{gpu_any_of<C>(x), y, o->detect_positive != 0,
                                  o->detect_negative != 0});
    });
}

// ---- Dropout ----

template <class C> struct dropout {
    gpu_any<C> x, y;
    uint8_t *mask; // NULL: not wanted
    gpu_any<double> ratio;
    const uint8_t *training; // NULL: false
    gpu_random random;
    gpu_report report;

    GPU_FN void operator()(int64_t i) const
    {
        double r = ratio.p ? ratio.get(0) : 0.5;
        bool keep = true;
        C v = x.get(i);
        if (training && *training && r != 0) {
            if (!(r > 0 && r < 1))
                return report(GPU_FAULT_RATIO, 0, 1);
            keep = random.unit((uint64_t)i) >= r;
            v = keep ? (C)(v * (1 / (1 - r))) : 0;
        }
        y.put(i, v);
        if (mask)
            mask[i] = keep;
    }
};

ig_status supports_dropout(const ig_kernel_ctx *k)
{
    if (((const ig_dropout_opts *)k->attrs)->seed >= 0)
        return ig_reject("a seed of its own asks for NumPy's generator");
    if (ig_in(k, 1) && !(IG_BIT(ig_dtype_of(ig_in(k, 1))) & IG_FLOATS))
        return ig_reject("ratio is a float8");
    return gpu_supports_ranks(k);
}

ig_status run_dropout(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *training = ig_in(k, 2), *mask = ig_out(k, 1);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        dropout<C> kernel = {gpu_any_of<C>(x),
                             gpu_any_of<C>(ig_out(k, 0)),
                             mask ? (uint8_t *)ig_data(mask) : nullptr,
                             gpu_any_of<double>(ig_in(k, 1)),
                             training ? (const uint8_t *)ig_data(training) : nullptr,
                             gpu_random(k),
                             gpu_report_of(k)};
        return gpu_each(k, ig_numel(x), kernel);
    });
}

// ---- Cast ----

// Toward the odd neighbour where inexact, so that a second rounding is right.
GPU_FN float round_to_odd(double d)
{
    float f = (float)d;
    if ((double)f == d || d != d)
        return f;
    uint32_t bits = gpu_bits<uint32_t>(f);
    bits -= fabs((double)f) > fabs(d); // toward zero first
    return gpu_bits<float>(bits | 1);
}

// Integers keep their low bits; floats saturate.
template <class To, class From> GPU_FN To to_whole(From v)
{
    if constexpr (!std::is_floating_point_v<From>) {
        return (To)v;
    } else if constexpr (std::is_signed_v<To>) {
        int64_t w = gpu_to_i64(v),
                high = (int64_t)(UINT64_MAX >> (65 - 8 * sizeof(To)));
        return (To)(w > high ? high : w < -high - 1 ? -high - 1 : w);
    } else {
        uint64_t w = gpu_to_u64(v), high = UINT64_MAX >> (64 - 8 * sizeof(To));
        return (To)(w > high ? high : w);
    }
}

template <class From> struct cast {
    gpu_any<From> x;
    void *y;
    int to;

    GPU_FN float narrow(From v) const
    {
        if constexpr (std::is_same_v<From, double>)
            return round_to_odd(v);
        else
            return (float)v;
    }
    template <class To> GPU_FN To *at(int64_t i) const
    {
        return static_cast<To *>(y) + i;
    }
    GPU_FN void operator()(int64_t i) const
    {
        From v = x.get(i);
        switch (to) {
        case IG_FLOAT32:
            *at<float>(i) = (float)v;
            break;
        case IG_FLOAT64:
            *at<double>(i) = (double)v;
            break;
        case IG_FLOAT16:
            *at<uint16_t>(i) = gpu_to_half(narrow(v));
            break;
        case IG_BFLOAT16:
            *at<uint16_t>(i) = gpu_to_brain(narrow(v));
            break;
        case IG_BOOL:
            *at<uint8_t>(i) = v != 0;
            break;
        case IG_INT8:
            *at<int8_t>(i) = to_whole<int8_t>(v);
            break;
        case IG_INT16:
            *at<int16_t>(i) = to_whole<int16_t>(v);
            break;
        case IG_INT32:
            *at<int32_t>(i) = to_whole<int32_t>(v);
            break;
        case IG_INT64:
            *at<int64_t>(i) = to_whole<int64_t>(v);
            break;
        case IG_UINT8:
            *at<uint8_t>(i) = to_whole<uint8_t>(v);
            break;
        case IG_UINT16:
            *at<uint16_t>(i) = to_whole<uint16_t>(v);
            break;
        case IG_UINT32:
            *at<uint32_t>(i) = to_whole<uint32_t>(v);
            break;
        default:
            *at<uint64_t>(i) = to_whole<uint64_t>(v);
        }
    }
};

constexpr uint64_t CASTS = IG_NUMERIC | IG_T(BOOL);

ig_status supports_cast(const ig_kernel_ctx *k)
{
    if (!(IG_BIT(ig_dtype_of(ig_out(k, 0))) & CASTS))
        return ig_reject("no conversion to this type");
    return gpu_supports_ranks(k);
}

ig_status run_cast(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(x), [&]<class C>() {
        return gpu_each(k, ig_numel(x),
                        cast<C>{gpu_any_of<C>(x), ig_data(y), ig_dtype_of(y)});
    });
}

} // namespace

GPU_TABLE(gpu_select) = {
    gpu_row{"Where", IG_T(BOOL), run_where, IG_KERNEL_STRIDED, supports_where},
    gpu_row{"Clip", IG_NUMERIC, run_clip},
    gpu_row{"Shrink", IG_NUMERIC, run_shrink},
    gpu_row{"IsNaN", IG_FLOATS, run_is_nan},
    gpu_row{"IsInf", IG_FLOATS, run_is_inf},
    gpu_row{"Dropout", IG_FLOATS, run_dropout, 0, supports_dropout},
    gpu_row{"Cast", CASTS, run_cast, 0, supports_cast},
    gpu_row{"CastLike", CASTS, run_cast, 0, supports_cast},
    gpu_row{"ingot::DivByDims", IG_FLOATS, run_div_by_dims},
    {},
};
