// Elementwise functions of two inputs with broadcasting, and folds of many inputs.
#include "operators/gpu/binary.cuh"
#include "operators/gpu/move.cuh"

namespace
{

// f(a, b) as a functor without parameters.
#define BINARY(name_, ... /* expression in a and b of type C */)                       \
    struct name_ {                                                                     \
        template <class C> GPU_FN auto operator()(C a, C b) const                      \
        {                                                                              \
            return __VA_ARGS__;                                                        \
        }                                                                              \
    };

BINARY(fn_add, gpu_add(a, b))
BINARY(fn_sub, gpu_sub(a, b))
BINARY(fn_mul, gpu_mul(a, b))
BINARY(fn_max, gpu_max(a, b))
BINARY(fn_min, gpu_min(a, b))
BINARY(fn_and, a &b)
BINARY(fn_or, a | b)
BINARY(fn_xor, a ^ b)
BINARY(fn_equal, a == b)
BINARY(fn_greater, a > b)
BINARY(fn_greater_or_equal, a >= b)
BINARY(fn_less, a < b)
BINARY(fn_less_or_equal, a <= b)

struct fn_div {
    template <class C> GPU_FN C operator()(C a, C b) const
    {
        if constexpr (std::is_floating_point_v<C>)
            return a / b;
        else if (std::is_signed_v<C> && b == (C)-1)
            return gpu_sub(C(0), a); // MIN / -1 would trap
        else
            return b == 0 ? 0 : a / b;
    }
};

struct fn_mod {
    bool truncate;
    explicit fn_mod(const ig_kernel_ctx *k)
        : truncate(((const ig_mod_opts *)k->attrs)->fmod != 0)
    {
    }
    template <class C> GPU_FN C operator()(C a, C b) const
    {
        if constexpr (std::is_floating_point_v<C>) {
            return fmod(a, b);
        } else {
            if (b == 0 || (std::is_signed_v<C> && b == (C)-1))
                return 0;
            C r = a % b;
            bool moves = !truncate && r != 0 && (r < C(0)) != (b < C(0));
            return moves ? r + b : r;
        }
    }
};

struct fn_shift {
    bool left;
    explicit fn_shift(const ig_kernel_ctx *k)
        : left(((const ig_bit_shift_opts *)k->attrs)->direction ==
               IG_BIT_SHIFT_DIRECTION_LEFT)
    {
    }
    template <class C> GPU_FN C operator()(C a, C b) const
    {
        return b >= 64 ? 0 : left ? a << b : a >> b;
    }
};

struct fn_prelu {
    template <class C> GPU_FN C operator()(C a, C b) const
    {
        if constexpr (std::is_unsigned_v<C>)
            return a;
        else
            return a < 0 ? gpu_mul(b, a) : a;
    }
};

// dx of (dy, x). Not alpha * dy for alpha 0: an infinite gradient must not become NaN.
struct fn_relu_grad {
    float alpha;
    explicit fn_relu_grad(const ig_kernel_ctx *k)
        : alpha(((const ig_ingot_relu_grad_opts *)k->attrs)->alpha)
    {
    }
    template <class C> GPU_FN C operator()(C dy, C x) const
    {
        return x <= 0 ? (alpha == 0 ? 0 : C(alpha) * dy) : dy;
    }
};

// dx of (dy, x): y' = Phi(x) + x phi(x), or that of the tanh form.
struct fn_gelu_grad {
    bool by_tanh;
    explicit fn_gelu_grad(const ig_kernel_ctx *k)
        : by_tanh(((const ig_ingot_gelu_grad_opts *)k->attrs)->approximate ==
                  IG_INGOT_GELU_GRAD_APPROXIMATE_TANH)
    {
    }
    template <class C> GPU_FN C operator()(C dy, C x) const
    {
        if (!by_tanh)
            return dy * (C(0.5) * erfc(-x * C(0.7071067811865476)) +
                         x * C(0.3989422804014327) * exp(C(-0.5) * x * x));
        C t = tanh(gpu_gelu_inner(x)), rest = 1 - t * t;
        C inner = C(0.79788456080286535588) * (1 + 3 * C(0.044715) * x * x);
        // Far out rest is 0 where x * inner may overflow: 0 is their limit.
        return dy * (C(0.5) * (1 + t) + (rest == 0 ? 0 : C(0.5) * x * rest * inner));
    }
};

struct fn_mean_last {
    int n;
    template <class C> GPU_FN C operator()(C a, C b) const
    {
        return (a + b) / (C)n;
    }
};

template <class F, unsigned set, bool to_bool = false> ig_status run(ig_kernel_ctx *k)
{
    return gpu_binary<F, set, to_bool>(k, ig_in(k, 0), ig_in(k, 1), ig_out(k, 0),
                                       gpu_make<F>(k));
}

template <class F, unsigned set> ig_status run_fold(ig_kernel_ctx *k)
{
    return k->n_in == 1 ? gpu_copy(k, ig_in(k, 0), ig_out(k, 0))
                        : gpu_fold<F, set>(k, F(), F());
}

ig_status run_mean(ig_kernel_ctx *k)
{
    return k->n_in == 1
               ? gpu_copy(k, ig_in(k, 0), ig_out(k, 0))
               : gpu_fold<fn_add, GPU_FLOATS>(k, fn_add(), fn_mean_last{k->n_in});
}

// ---- powers: base and exponent differ in type ----

GPU_FN int64_t whole_power(int64_t base, uint64_t exponent)
{
    int64_t r = 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            r = gpu_mul(r, base);
        base = gpu_mul(base, base);
    }
    return r;
}

// B: base; E: exponent. float stands for float32 and the half types.
template <class B, class E> struct powers {
    gpu_space<2> space;
    gpu_any<B> x, z;
    gpu_any<E> y;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t off[2];
        space.at(i, off);
        z.put(i, of(x.get(off[0]), y.get(off[1])));
    }
    GPU_FN B of(B base, E exponent) const
    {
        if constexpr (std::is_floating_point_v<B>) {
            using wide = std::conditional_t<std::is_same_v<E, float>, B, double>;
            return (B)pow((wide)base, (wide)exponent);
        } else if constexpr (std::is_floating_point_v<E>) {
            int64_t v = gpu_to_i64(pow((double)base, (double)exponent));
            if (z.type == IG_INT32)
                v = v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v;
            return v;
        } else {
            if (std::is_unsigned_v<E> || exponent >= 0)
                return whole_power(base, (uint64_t)exponent);
            return base == -1 ? (exponent % 2 ? -1 : 1) : base == 1;
        }
    }
};

ig_status run_pow(ig_kernel_ctx *k)
{
    ig_tensor *const both[] = {ig_in(k, 0), ig_in(k, 1)};
    ig_tensor *z = ig_out(k, 0);
    gpu_space<2> space;
    IG_TRY(gpu_space_of(&space, z, both));
    constexpr unsigned bases = GPU_FLOATS | GPU_SIGNED;
    return gpu_by_compute<bases>(k, ig_dtype_of(both[0]), [&]<class B>() {
        return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(both[1]), [&]<class E>() {
            powers<B, E> kernel = {space, gpu_any_of<B>(both[0]), gpu_any_of<B>(z),
                                   gpu_any_of<E>(both[1])};
            return gpu_each(k, space.count, kernel);
        });
    });
}

// ---- the table ----

template <class F, unsigned set> constexpr gpu_row row(const char *op)
{
    return {op, gpu_types(set), run<F, set>, IG_KERNEL_STRIDED};
}
template <class F> constexpr gpu_row compare(const char *op, uint64_t more = 0)
{
    return {op, gpu_types(GPU_NUMBERS) | more, run<F, GPU_NUMBERS, true>,
            IG_KERNEL_STRIDED};
}
template <class F> constexpr gpu_row logic(const char *op)
{
    return {op, IG_T(BOOL), run<F, GPU_UNSIGNED, true>, IG_KERNEL_STRIDED};
}

} // namespace

GPU_TABLE(gpu_binary) = {
    row<fn_add, GPU_NUMBERS>("Add"),
    row<fn_sub, GPU_NUMBERS>("Sub"),
    row<fn_mul, GPU_NUMBERS>("Mul"),
    row<fn_div, GPU_NUMBERS>("Div"),
    row<fn_mod, GPU_NUMBERS>("Mod"),
    gpu_row{"Pow", gpu_types(GPU_FLOATS | GPU_SIGNED), run_pow, IG_KERNEL_STRIDED},
    row<fn_prelu, GPU_NUMBERS>("PRelu"),
    row<fn_shift, GPU_UNSIGNED>("BitShift"),
    row<fn_and, GPU_INTEGERS>("BitwiseAnd"),
    row<fn_or, GPU_INTEGERS>("BitwiseOr"),
    row<fn_xor, GPU_INTEGERS>("BitwiseXor"),
    logic<fn_and>("And"),
    logic<fn_or>("Or"),
    logic<fn_xor>("Xor"),
    compare<fn_equal>("Equal", IG_T(BOOL)),
    compare<fn_greater>("Greater"),
    compare<fn_greater_or_equal>("GreaterOrEqual"),
    compare<fn_less>("Less"),
    compare<fn_less_or_equal>("LessOrEqual"),
    row<fn_relu_grad, GPU_FLOATS>("ingot::ReluGrad"),
    row<fn_gelu_grad, GPU_FLOATS>("ingot::GeluGrad"),
    gpu_row{"Max", gpu_types(GPU_NUMBERS), run_fold<fn_max, GPU_NUMBERS>,
            IG_KERNEL_STRIDED},
    gpu_row{"Min", gpu_types(GPU_NUMBERS), run_fold<fn_min, GPU_NUMBERS>,
            IG_KERNEL_STRIDED},
    gpu_row{"Sum", IG_FLOATS, run_fold<fn_add, GPU_FLOATS>, IG_KERNEL_STRIDED},
    gpu_row{"Mean", IG_FLOATS, run_mean, IG_KERNEL_STRIDED},
    {},
};
