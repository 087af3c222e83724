// Softmax, LogSoftmax and Hardmax along one axis.
#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

namespace
{

// Lines along the axis; `at` is where one begins.
template <class T> struct softmax {
    using C = gpu_compute<T>;
    gpu_lines lines;
    const T *x;
    T *y;
    bool log_form;

    template <class B> GPU_FN void operator()(const B &b, int64_t line) const
    {
        int64_t at = lines.start(line), step = lines.inner;
        C high = -gpu_infinity<C>(), sum = 0;
        b.each(lines.n,
               [&](int64_t i) { high = gpu_max(high, gpu_get(x[at + i * step])); });
        high = b.reduce(high, gpu_larger());
        b.each(lines.n,
               [&](int64_t i) { sum += exp(gpu_get(x[at + i * step]) - high); });
        sum = b.reduce(sum, gpu_plus());
        C shift = log_form ? log(sum) : 1 / sum;
        b.each(lines.n, [&](int64_t i) {
            C v = gpu_get(x[at + i * step]) - high;
            y[at + i * step] = gpu_set<T>(log_form ? v - shift : exp(v) * shift);
        });
    }
};

template <class T> struct hardmax {
    using C = gpu_compute<T>;
    gpu_lines lines;
    const T *x;
    T *y;

    template <class B> GPU_FN void operator()(const B &b, int64_t line) const
    {
        int64_t at = lines.start(line), step = lines.inner;
        gpu_placed<C> best = {0, -1};
        b.each(lines.n, [&](int64_t i) {
            best = gpu_best()(best, gpu_placed<C>{gpu_get(x[at + i * step]), i});
        });
        best = b.reduce(best, gpu_best());
        b.each(lines.n,
               [&](int64_t i) { y[at + i * step] = gpu_set<T>(i == best.at ? 1 : 0); });
    }
};

gpu_lines lines_of(const ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    return gpu_lines_of(x, gpu_axis(x, ((const ig_softmax_opts *)k->attrs)->axis));
}

template <bool log_form> ig_status run_softmax(ig_kernel_ctx *k)
{
    gpu_lines lines = lines_of(k);
    return gpu_by_float(k, ig_dtype_of(ig_in(k, 0)), [&]<class T>() {
        softmax<T> kernel = {lines, (const T *)ig_data(ig_in(k, 0)),
                             (T *)ig_data(ig_out(k, 0)), log_form};
        return gpu_rows_or_columns(k, lines.count(), lines.n, lines.inner, kernel);
    });
}

ig_status run_hardmax(ig_kernel_ctx *k)
{
    gpu_lines lines = lines_of(k);
    return gpu_by_float(k, ig_dtype_of(ig_in(k, 0)), [&]<class T>() {
        hardmax<T> kernel = {lines, (const T *)ig_data(ig_in(k, 0)),
                             (T *)ig_data(ig_out(k, 0))};
        return gpu_rows_or_columns(k, lines.count(), lines.n, lines.inner, kernel);
    });
}

} // namespace

GPU_TABLE(gpu_softmax) = {
    gpu_row{"Softmax", IG_FLOATS, run_softmax<false>},
    gpu_row{"LogSoftmax", IG_FLOATS, run_softmax<true>},
    gpu_row{"Hardmax", IG_FLOATS, run_hardmax},
    {},
};
