// Products and convolutions of bytes, exact in int32: MatMulInteger, QLinearMatMul,
// ConvInteger, QLinearConv and ingot::QConv, by the tiles of product.cuh.
#include "operators/gpu/conv.cuh"
#include "operators/gpu/product.cuh"
#include "operators/gpu/quant.cuh"

namespace
{

using ints = gpu_any<int32_t>;

// A number, one per row or column of a matrix, or that for each matrix of a batch.
template <class C> struct per_line {
    gpu_any<C> v; // absent: `none`
    gpu_space<1> items;
    int64_t step;
    C none;

    GPU_FN C get(int64_t item, int64_t i) const
    {
        return v.p ? v.get(items.at1(item) + i * step) : none;
    }
};

template <class C>
ig_status line_of(const ig_kernel_ctx *k, int port, C none, per_line<C> *line)
{
    const ig_tensor *t = ig_in(k, port), *y = ig_out(k, 0);
    *line = {gpu_any_of<C>(t), {}, 0, none};
    if (!t)
        return IG_OK;
    int rank = ig_rank(t);
    line->step = gpu_count(t, rank > 2 ? rank - 2 : 0, rank) > 1;
    return rank > 2 ? gpu_batch_of(t, 2, y, 2, &line->items) : IG_OK;
}

// ---- matrices ----

struct left {
    gpu_space<1> items;
    ints p;
    int64_t depth;
    per_line<int32_t> zero;
    GPU_FN int32_t get(int64_t item, int64_t i, int64_t k) const
    {
        return p.get(items.at1(item) + i * depth + k) - zero.get(item, i);
    }
};

struct right {
    gpu_space<1> items;
    ints p;
    int64_t n;
    per_line<int32_t> zero;
    GPU_FN int32_t get(int64_t item, int64_t k, int64_t j) const
    {
        return p.get(items.at1(item) + k * n + j) - zero.get(item, j);
    }
};

struct sums {
    int32_t *y;
    int64_t m, n;
    GPU_FN void put(int64_t item, int64_t i, int64_t j, int32_t sum) const
    {
        y[(item * m + i) * n + j] = sum;
    }
};

struct rounded_sums {
    ints y, y_zero;
    int64_t m, n;
    per_line<float> a_scale, b_scale;
    gpu_any<float> y_scale;
    gpu_limits l;
    GPU_FN void put(int64_t item, int64_t i, int64_t j, int32_t sum) const
    {
        float factor = a_scale.get(item, i) * b_scale.get(item, j) / y_scale.get(0);
        y.put((item * m + i) * n + j,
              (int32_t)gpu_clamped((float)sum * factor, (float)y_zero.get(0), l));
    }
};

struct matrices {
    left a;
    right b;
    int64_t items, m, n, depth;
};

ig_status
matrices_of(const ig_kernel_ctx *k, int a, int a_zero, int b, int b_zero, matrices *p)
{
    const ig_tensor *ta = ig_in(k, a), *tb = ig_in(k, b), *y = ig_out(k, 0);
    int ra = ig_rank(ta), rb = ig_rank(tb), skip = (ra > 1) + (rb > 1);
    *p = {};
    p->m = ra > 1 ? ig_dims(ta)[ra - 2] : 1;
    p->n = rb > 1 ? ig_dims(tb)[rb - 1] : 1;
    p->depth = ig_dims(ta)[ra - 1];
    p->a.p = gpu_any_of<int32_t>(ta);
    p->a.depth = p->depth;
    p->b.p = gpu_any_of<int32_t>(tb);
    p->b.n = p->n;
    IG_TRY(gpu_batch_of(ta, ra > 1 ? 2 : 1, y, skip, &p->a.items));
    IG_TRY(gpu_batch_of(tb, rb > 1 ? 2 : 1, y, skip, &p->b.items));
    IG_TRY(line_of<int32_t>(k, a_zero, 0, &p->a.zero));
    IG_TRY(line_of<int32_t>(k, b_zero, 0, &p->b.zero));
    p->items = p->a.items.count;
    return IG_OK;
}

ig_status run_mat_mul_integer(ig_kernel_ctx *k)
{
    matrices p;
    IG_TRY(matrices_of(k, 0, 2, 1, 3, &p));
    return gpu_multiply<int32_t>(k, p.items, p.m, p.n, p.depth, p.a, p.b,
                                 sums{(int32_t *)ig_data(ig_out(k, 0)), p.m, p.n});
}

namespace qlinear_mat_mul
{
enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };
}

ig_status run_qlinear_mat_mul(ig_kernel_ctx *k)
{
    using namespace qlinear_mat_mul;
    const ig_tensor *y = ig_out(k, 0);
    matrices p;
    IG_TRY(matrices_of(k, A, A_ZERO, B, B_ZERO, &p));
    rounded_sums r = {};
    r.y = gpu_any_of<int32_t>(y);
    r.y_zero = gpu_any_of<int32_t>(ig_in(k, Y_ZERO));
    r.m = p.m;
    r.n = p.n;
    IG_TRY(line_of<float>(k, A_SCALE, 1, &r.a_scale));
    IG_TRY(line_of<float>(k, B_SCALE, 1, &r.b_scale));
    r.y_scale = gpu_any_of<float>(ig_in(k, Y_SCALE));
    r.l = gpu_limits_of(ig_dtype_of(y));
    return gpu_multiply<int32_t>(k, p.items, p.m, p.n, p.depth, p.a, p.b, r);
}

// ---- convolutions: an item is a group of an image ----

// A number, one per output channel, or a number of the attributes where it is absent.
struct zero_point {
    ints v;
    bool per_channel;
    int32_t number;
    GPU_FN int32_t get(int64_t m) const
    {
        return v.p ? v.get(per_channel ? m : 0) : number;
    }
};

zero_point zero_of(const ig_tensor *t, int64_t number)
{
    return {gpu_any_of<int32_t>(t), t && ig_numel(t) > 1, (int32_t)number};
}

struct weights {
    gpu_geometry g;
    ints w;
    zero_point zero;
    GPU_FN int32_t get(int64_t item, int64_t i, int64_t k) const
    {
        int64_t m = (item - g.by_group.over(item, true) * g.group) * g.m + i;
        return w.get(m * g.c * g.w.taps + k) - zero.get(m);
    }
};

// Padding is the zero point.
struct patches {
    gpu_geometry g;
    ints x;
    zero_point zero;
    GPU_FN int32_t get(int64_t item, int64_t k, int64_t o) const
    {
        int64_t n = g.by_group.over(item, true), group = item - n * g.group;
        int64_t c = g.by_taps.over(k, true), at = g.w.input(o, k - c * g.w.taps);
        return at < 0 ? 0 : x.get(g.xi.at(n, group * g.c + c, at)) - zero.get(0);
    }
};

struct place {
    gpu_geometry g;
    GPU_FN int64_t of(int64_t item, int64_t i, int64_t o, int64_t *m) const
    {
        int64_t n = g.by_group.over(item, true);
        *m = (item - n * g.group) * g.m + i;
        return g.yi.at(n, *m, o);
    }
};

struct conv_sums {
    place at;
    int32_t *y;
    GPU_FN void put(int64_t item, int64_t i, int64_t o, int32_t sum) const
    {
        int64_t m;
        y[at.of(item, i, o, &m)] = sum;
    }
};

struct linear_sums {
    place at;
    ints y, y_zero, bias; // bias: perhaps absent
    gpu_any<float> x_scale, w_scale, y_scale;
    bool per_channel;
    gpu_limits l;
    GPU_FN void put(int64_t item, int64_t i, int64_t o, int32_t sum) const
    {
        int64_t m, to = at.of(item, i, o, &m);
        float factor =
            x_scale.get(0) * w_scale.get(per_channel ? m : 0) / y_scale.get(0);
        int32_t all = gpu_add(sum, bias.p ? bias.get(m) : 0);
        y.put(to, (int32_t)gpu_clamped((float)all * factor, (float)y_zero.get(0), l));
    }
};

struct fused_sums {
    place at;
    ints y, bias, residual; // the last two perhaps absent
    const float *factor;
    float y_zero, residual_zero, residual_factor, sum_low, sum_high;
    gpu_limits l;
    GPU_FN void put(int64_t item, int64_t i, int64_t o, int32_t sum) const
    {
        int64_t m, to = at.of(item, i, o, &m);
        float v = (float)gpu_add(sum, bias.p ? bias.get(m) : 0) * factor[m];
        if (residual.p) {
            v = v > sum_low ? v : sum_low;
            v = v < sum_high ? v : sum_high;
            v += gpu_exact_product((float)residual.get(to) - residual_zero,
                                   residual_factor);
        }
        y.put(to, (int32_t)gpu_clamped(v, y_zero, l));
    }
};

template <class Y>
ig_status convolve(const ig_kernel_ctx *k,
                   const gpu_geometry &g,
                   const weights &w,
                   const patches &x,
                   const Y &y)
{
    return gpu_multiply<int32_t>(k, g.batch * g.group, g.m, g.w.out, g.c * g.w.taps, w,
                                 x, y);
}

ig_status run_conv_integer(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *y = ig_out(k, 0);
    gpu_geometry g =
        gpu_geometry_of((const ig_conv_integer_opts *)k->attrs, x, w, y, false);
    return convolve(k, g, {g, gpu_any_of<int32_t>(w), zero_of(ig_in(k, 3), 0)},
                    {g, gpu_any_of<int32_t>(x), zero_of(ig_in(k, 2), 0)},
                    conv_sums{{g}, (int32_t *)ig_data(y)});
}

namespace qlinear_conv
{
enum { X, X_SCALE, X_ZERO, W, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS };
}

ig_status run_qlinear_conv(ig_kernel_ctx *k)
{
    using namespace qlinear_conv;
    const ig_tensor *x = ig_in(k, X), *w = ig_in(k, W), *y = ig_out(k, 0);
    gpu_geometry g =
        gpu_geometry_of((const ig_q_linear_conv_opts *)k->attrs, x, w, y, false);
    linear_sums r = {{g},
                     gpu_any_of<int32_t>(y),
                     gpu_any_of<int32_t>(ig_in(k, Y_ZERO)),
                     gpu_any_of<int32_t>(ig_in(k, BIAS)),
                     gpu_any_of<float>(ig_in(k, X_SCALE)),
                     gpu_any_of<float>(ig_in(k, W_SCALE)),
                     gpu_any_of<float>(ig_in(k, Y_SCALE)),
                     ig_numel(ig_in(k, W_SCALE)) > 1,
                     gpu_limits_of(ig_dtype_of(y))};
    return convolve(k, g, {g, gpu_any_of<int32_t>(w), zero_of(ig_in(k, W_ZERO), 0)},
                    {g, gpu_any_of<int32_t>(x), zero_of(ig_in(k, X_ZERO), 0)}, r);
}

ig_status run_qconv(ig_kernel_ctx *k)
{
    enum { X, W, FACTOR, BIAS, RESIDUAL };
    const ig_ingot_q_conv_opts *o = (const ig_ingot_q_conv_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, X), *w = ig_in(k, W), *y = ig_out(k, 0);
    gpu_geometry g = gpu_geometry_of(o, x, w, y, true);
    fused_sums r = {{g},
                    gpu_any_of<int32_t>(y),
                    gpu_any_of<int32_t>(ig_in(k, BIAS)),
                    gpu_any_of<int32_t>(ig_in(k, RESIDUAL)),
                    (const float *)ig_data(ig_in(k, FACTOR)),
                    (float)o->y_zero,
                    (float)o->residual_zero,
                    o->residual_factor,
                    o->sum_low,
                    o->sum_high,
                    {(float)o->low, (float)o->high}};
    return convolve(k, g, {g, gpu_any_of<int32_t>(w), zero_of(nullptr, o->w_zero)},
                    {g, gpu_any_of<int32_t>(x), zero_of(nullptr, o->x_zero)}, r);
}

constexpr uint64_t BYTES = IG_T(UINT8) | IG_T(INT8);

// Other float types of scales, and float8 operands, have no kernel.
ig_status supports_matrices(const ig_kernel_ctx *k)
{
    const ig_tensor *b = ig_in(k, k->n_in > 4 ? qlinear_mat_mul::B : 1);
    if (!(IG_BIT(ig_dtype_of(b)) & BYTES) ||
        !(IG_BIT(ig_dtype_of(ig_out(k, 0))) & (BYTES | IG_T(INT32))))
        return ig_reject("operands and result are not bytes");
    return gpu_supports_ranks(k);
}

constexpr gpu_row row(const char *op, ig_status (*run)(ig_kernel_ctx *))
{
    return {op, BYTES, run, IG_KERNEL_HEAVY, gpu_supports_images};
}

} // namespace

GPU_TABLE(gpu_integer) = {
    gpu_row{"MatMulInteger", BYTES, run_mat_mul_integer, IG_KERNEL_HEAVY,
            supports_matrices},
    gpu_row{"QLinearMatMul", BYTES, run_qlinear_mat_mul, IG_KERNEL_HEAVY,
            supports_matrices},
    row("ConvInteger", run_conv_integer),
    row("QLinearConv", run_qlinear_conv),
    row("ingot::QConv", run_qconv),
    {},
};
