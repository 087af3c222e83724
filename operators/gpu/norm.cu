// Normalisations: LayerNormalization, RMSNormalization, BatchNormalization,
// InstanceNormalization, GroupNormalization, MeanVarianceNormalization; and
// LpNormalization and LRN.
//
// The first six are one kernel. A tensor's axes are split in those that number the sets
// and those that run through a set; factor and addend are operands of the same two
// spaces, with strides that say which axes they follow.
#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

#include <ingot/ops.h>

namespace
{

enum { X, FACTOR, ADDEND, OPERANDS };

// What a call normalises, before the axes are split.
struct shape {
    int rank = 0;
    int64_t dims[IG_RANK_MAX], stride[OPERANDS][IG_RANK_MAX] = {};
    uint64_t in_set = 0; // mask of axes
};

struct numbers {
    double epsilon = 0, outside = 0; // 1 / (sqrt(variance + epsilon) + outside)
    bool centered = true;
    double momentum = 0; // of running statistics
};

template <class C> struct standard {
    gpu_space<OPERANDS> set, inner;
    gpu_any<C> x, y, factor, addend;
    gpu_any<C> mean_out, inverse_out;                // one a set, may be absent
    gpu_any<C> old_mean, old_var, new_mean, new_var; // running statistics, absent
    numbers o;

    template <class B> GPU_FN void operator()(const B &b, int64_t row) const
    {
        int64_t at[OPERANDS], n = inner.count;
        set.at(row, at);
        C mean = 0, squares = 0;
        if (o.centered) {
            b.each(n, [&](int64_t i) { mean += x.get(at[X] + inner.at1(i)); });
            mean = b.reduce(mean, gpu_plus()) / (C)n;
        }
        b.each(n, [&](int64_t i) {
            C d = x.get(at[X] + inner.at1(i)) - mean;
            squares += d * d;
        });
        C var = b.reduce(squares, gpu_plus()) / (C)n;
        C inverse = 1 / (sqrt(var + (C)o.epsilon) + (C)o.outside);
        b.each(n, [&](int64_t i) {
            int64_t off[OPERANDS];
            inner.at(i, off);
            C v = (x.get(at[X] + off[X]) - mean) * inverse;
            if (factor.p)
                v *= factor.get(at[FACTOR] + off[FACTOR]);
            if (addend.p)
                v += addend.get(at[ADDEND] + off[ADDEND]);
            y.put(at[X] + off[X], v);
        });
        if (b.lane == 0)
            put_statistics(row, mean, var, inverse);
    }
    GPU_FN void put_statistics(int64_t row, C mean, C var, C inverse) const
    {
        C keep = (C)o.momentum;
        if (mean_out.p)
            mean_out.put(row, mean);
        if (inverse_out.p)
            inverse_out.put(row, inverse);
        if (new_mean.p)
            new_mean.put(row, old_mean.get(row) * keep + mean * (1 - keep));
        if (new_var.p)
            new_var.put(row, old_var.get(row) * keep + var * (1 - keep));
    }
};

// float64 when any tensor of the call is.
ig_dtype widest(const ig_kernel_ctx *k)
{
    for (int i = 0; i < k->n_in; i++)
        if (ig_in(k, i) && ig_dtype_of(ig_in(k, i)) == IG_FLOAT64)
            return IG_FLOAT64;
    for (int i = 0; i < k->n_out; i++)
        if (ig_out(k, i) && ig_dtype_of(ig_out(k, i)) == IG_FLOAT64)
            return IG_FLOAT64;
    return IG_FLOAT32;
}

ig_status split(const shape &s, gpu_space<OPERANDS> *set, gpu_space<OPERANDS> *inner)
{
    int64_t dims[2][IG_RANK_MAX], stride[2][OPERANDS][IG_RANK_MAX];
    int n[2] = {0, 0};
    for (int a = 0; a < s.rank; a++) {
        int w = s.in_set >> a & 1;
        dims[w][n[w]] = s.dims[a];
        for (int j = 0; j < OPERANDS; j++)
            stride[w][j][n[w]] = s.stride[j][a];
        n[w]++;
    }
    const int64_t *const outer[] = {stride[0][0], stride[0][1], stride[0][2]};
    const int64_t *const in[] = {stride[1][0], stride[1][1], stride[1][2]};
    IG_TRY(gpu_space_make(set, n[0], dims[0], outer));
    return gpu_space_make(inner, n[1], dims[1], in);
}

template <class C>
ig_status launch(ig_kernel_ctx *k, const shape &s, standard<C> kernel)
{
    IG_TRY(split(s, &kernel.set, &kernel.inner));
    kernel.x = gpu_any_of<C>(ig_in(k, 0));
    kernel.y = gpu_any_of<C>(ig_out(k, 0));
    if (kernel.inner.count == 0 && !kernel.mean_out.p && !kernel.inverse_out.p &&
        !kernel.new_mean.p && !kernel.new_var.p)
        return IG_OK;
    return gpu_rows(k, kernel.set.count, kernel.inner.count, kernel);
}

void shape_of(const ig_tensor *x, shape *s)
{
    s->rank = ig_rank(x);
    memcpy(s->dims, ig_dims(x), sizeof(int64_t) * (size_t)s->rank);
    gpu_row_major(s->rank, s->dims, s->stride[X]);
}

// ---- layers ----

ig_status run_layer(ig_kernel_ctx *k, int64_t axis, double epsilon, bool centered)
{
    const ig_tensor *x = ig_in(k, 0);
    shape s;
    shape_of(x, &s);
    s.in_set = UINT64_MAX << gpu_axis(x, axis);
    for (int i = 1; i < k->n_in && i < OPERANDS; i++)
        if (ig_in(k, i))
            gpu_broadcast(ig_in(k, i), s.rank, s.dims, s.stride[i]);
    return gpu_by_compute<GPU_FLOATS>(k, widest(k), [&]<class C>() {
        standard<C> kernel = {};
        kernel.factor = gpu_any_of<C>(ig_in(k, 1));
        kernel.addend = gpu_any_of<C>(k->n_in > 2 ? ig_in(k, 2) : nullptr);
        kernel.mean_out = gpu_any_of<C>(k->n_out > 1 ? ig_out(k, 1) : nullptr);
        kernel.inverse_out = gpu_any_of<C>(k->n_out > 2 ? ig_out(k, 2) : nullptr);
        kernel.o.epsilon = epsilon;
        kernel.o.centered = centered;
        return launch(k, s, kernel);
    });
}

ig_status run_layer_norm(ig_kernel_ctx *k)
{
    const ig_layer_normalization_opts *o =
        (const ig_layer_normalization_opts *)k->attrs;
    return run_layer(k, o->axis, (double)o->epsilon, true);
}

ig_status run_rms_norm(ig_kernel_ctx *k)
{
    const ig_rms_normalization_opts *o = (const ig_rms_normalization_opts *)k->attrs;
    return run_layer(k, o->axis, (double)o->epsilon, false);
}

// ---- groups of channels ----

// [N, C, ...] as [N, groups, C / groups, plane].
ig_status run_groups(ig_kernel_ctx *k, int64_t groups, double epsilon)
{
    const ig_tensor *x = ig_in(k, 0);
    int64_t c = ig_dims(x)[1], per = groups ? c / groups : 0;
    if (ig_numel(x) == 0)
        return IG_OK;
    shape s;
    s.rank = 4;
    s.dims[0] = ig_dims(x)[0];
    s.dims[1] = groups;
    s.dims[2] = per;
    s.dims[3] = gpu_count(x, 2, ig_rank(x));
    gpu_row_major(4, s.dims, s.stride[X]);
    for (int j = FACTOR; j <= ADDEND; j++) {
        s.stride[j][1] = per;
        s.stride[j][2] = 1;
    }
    s.in_set = IG_BIT(2) | IG_BIT(3);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        standard<C> kernel = {};
        kernel.factor = gpu_any_of<C>(ig_in(k, 1));
        kernel.addend = gpu_any_of<C>(ig_in(k, 2));
        kernel.o.epsilon = epsilon;
        return launch(k, s, kernel);
    });
}

ig_status run_instance_norm(ig_kernel_ctx *k)
{
    const ig_instance_normalization_opts *o =
        (const ig_instance_normalization_opts *)k->attrs;
    return run_groups(k, ig_dims(ig_in(k, 0))[1], (double)o->epsilon);
}

ig_status run_group_norm(ig_kernel_ctx *k)
{
    const ig_group_normalization_opts *o =
        (const ig_group_normalization_opts *)k->attrs;
    return run_groups(k, o->num_groups, (double)o->epsilon);
}

ig_status run_mean_variance(ig_kernel_ctx *k)
{
    static const int64_t usual[] = {0, 2, 3};
    const ig_tensor *x = ig_in(k, 0);
    ig_ints axes = ((const ig_mean_variance_normalization_opts *)k->attrs)->axes;
    shape s;
    shape_of(x, &s);
    for (int64_t i = 0; i < (axes.n ? axes.n : 3); i++) {
        int a = gpu_axis(x, axes.n ? axes.v[i] : usual[i]);
        if (a < 0 || a >= s.rank)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "an axis is outside rank %d",
                                  s.rank);
        s.in_set |= IG_BIT(a);
    }
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        standard<C> kernel = {};
        kernel.o.outside = 1e-9;
        return launch(k, s, kernel);
    });
}

// ---- batches ----

// With the given statistics: one thread an element.
template <class C> struct fixed {
    gpu_lines channels; // [N, C, plane]
    gpu_divisor by_c;
    gpu_any<C> x, y, scale, bias, mean, var;
    double epsilon;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t plane = channels.by_inner.over(i, channels.narrow);
        int64_t c = plane - by_c.over(plane, channels.narrow) * channels.n;
        C factor = scale.get(c) / sqrt(var.get(c) + (C)epsilon);
        y.put(i, (x.get(i) - mean.get(c)) * factor + bias.get(c));
    }
};

ig_status run_batch_norm(ig_kernel_ctx *k)
{
    const ig_batch_normalization_opts *o =
        (const ig_batch_normalization_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    gpu_lines l = {ig_dims(x)[0], 1, 1, gpu_divisor(), ig_numel(x) <= INT32_MAX};
    if (ig_rank(x) > 1) {
        l.n = ig_dims(x)[1];
        l.inner = gpu_count(x, 2, ig_rank(x));
        l.by_inner = gpu_divisor(l.inner);
    }
    shape s;
    s.rank = 3;
    s.dims[0] = l.outer;
    s.dims[1] = l.n;
    s.dims[2] = l.inner;
    gpu_row_major(3, s.dims, s.stride[X]);
    s.stride[FACTOR][1] = s.stride[ADDEND][1] = 1;
    s.in_set = IG_BIT(0) | IG_BIT(2);
    return gpu_by_compute<GPU_FLOATS>(k, widest(k), [&]<class C>() {
        gpu_any<C> in[5];
        for (int i = 0; i < 5; i++)
            in[i] = gpu_any_of<C>(ig_in(k, i));
        if (!o->training_mode) {
            fixed<C> kernel = {l,
                               gpu_divisor(l.n),
                               in[0],
                               gpu_any_of<C>(ig_out(k, 0)),
                               in[1],
                               in[2],
                               in[3],
                               in[4],
                               (double)o->epsilon};
            return gpu_each(k, ig_numel(x), kernel);
        }
        standard<C> kernel = {};
        kernel.factor = in[1];
        kernel.addend = in[2];
        kernel.old_mean = in[3];
        kernel.old_var = in[4];
        kernel.new_mean = gpu_any_of<C>(k->n_out > 1 ? ig_out(k, 1) : nullptr);
        kernel.new_var = gpu_any_of<C>(k->n_out > 2 ? ig_out(k, 2) : nullptr);
        kernel.o.epsilon = (double)o->epsilon;
        kernel.o.momentum = (double)o->momentum;
        return launch(k, s, kernel);
    });
}

// ---- others ----

template <class C> struct lp {
    gpu_lines lines;
    gpu_any<C> x, y;
    bool absolute;

    template <class B> GPU_FN void operator()(const B &b, int64_t line) const
    {
        int64_t at = lines.start(line), step = lines.inner;
        C sum = 0;
        b.each(lines.n, [&](int64_t i) {
            C v = x.get(at + i * step);
            sum += absolute ? fabs(v) : v * v;
        });
        sum = b.reduce(sum, gpu_plus());
        C norm = absolute ? sum : sqrt(sum);
        b.each(lines.n, [&](int64_t i) {
            y.put(at + i * step, norm == 0 ? 0 : x.get(at + i * step) / norm);
        });
    }
};

ig_status run_lp_norm(ig_kernel_ctx *k)
{
    const ig_lp_normalization_opts *o = (const ig_lp_normalization_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    gpu_lines l = gpu_lines_of(x, gpu_axis(x, o->axis));
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        lp<C> kernel = {l, gpu_any_of<C>(x), gpu_any_of<C>(ig_out(k, 0)), o->p == 1};
        return gpu_rows_or_columns(k, l.count(), l.n, l.inner, kernel);
    });
}

template <class C> struct local_response {
    gpu_lines channels; // [N, C, plane]
    gpu_divisor by_c;
    gpu_any<C> x, y;
    int64_t below, above; // channels of the window on either side
    double alpha, beta, bias;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t plane = channels.by_inner.over(i, channels.narrow);
        int64_t c = plane - by_c.over(plane, channels.narrow) * channels.n;
        int64_t lo = c < below ? -c : -below;
        int64_t hi = c + above >= channels.n ? channels.n - 1 - c : above;
        C sum = 0;
        for (int64_t j = lo; j <= hi; j++) {
            C v = x.get(i + j * channels.inner);
            sum += v * v;
        }
        y.put(i, x.get(i) / pow((C)bias + (C)alpha * sum, (C)beta));
    }
};

ig_status run_lrn(ig_kernel_ctx *k)
{
    const ig_lrn_opts *o = (const ig_lrn_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    gpu_lines l = gpu_lines_of(x, 1);
    l.narrow = ig_numel(x) <= INT32_MAX;
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        local_response<C> kernel = {l,
                                    gpu_divisor(l.n),
                                    gpu_any_of<C>(x),
                                    gpu_any_of<C>(ig_out(k, 0)),
                                    (o->size - 1) / 2,
                                    o->size / 2,
                                    (double)o->alpha / (double)o->size,
                                    (double)o->beta,
                                    (double)o->bias};
        return gpu_each(k, ig_numel(x), kernel);
    });
}

} // namespace

GPU_TABLE(gpu_norm) = {
    gpu_row{"LayerNormalization", IG_FLOATS, run_layer_norm},
    gpu_row{"RMSNormalization", IG_FLOATS, run_rms_norm},
    gpu_row{"BatchNormalization", IG_FLOATS, run_batch_norm},
    gpu_row{"InstanceNormalization", IG_FLOATS, run_instance_norm},
    gpu_row{"GroupNormalization", IG_FLOATS, run_group_norm},
    gpu_row{"MeanVarianceNormalization", IG_FLOATS, run_mean_variance},
    gpu_row{"LpNormalization", IG_FLOATS, run_lp_norm},
    gpu_row{"LRN", IG_FLOATS, run_lrn},
    {},
};
