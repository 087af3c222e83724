// Losses of class labels: NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss, and the
// gradient of the first. Scores are [N, C, D...]; an item is a place in [N, D...].
//
// A launch gives each item its loss, a second one joins them. A label outside [0, C) is
// a fault, and its item adds nothing.
#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

#include <ingot/ops.h>

namespace
{

enum { NONE, SUM, MEAN }; // of all three operators
static_assert((int)IG_NEGATIVE_LOG_LIKELIHOOD_LOSS_REDUCTION_MEAN == MEAN &&
              (int)IG_SOFTMAX_CROSS_ENTROPY_LOSS_REDUCTION_MEAN == MEAN &&
              (int)IG_INGOT_NLL_LOSS_GRAD_REDUCTION_MEAN == MEAN);
using loss_opts = ig_negative_log_likelihood_loss_opts; // all three have these members

template <class C> struct labels {
    gpu_any<int64_t> label;
    gpu_any<C> weight; // absent: all 1
    int64_t classes, ignore;
    gpu_report report;

    // The class of item i, or -1.
    GPU_FN int64_t at(int64_t i) const
    {
        int64_t v = label.get(i);
        if (ignore != INT64_MIN && v == ignore)
            return -1;
        if (v >= 0 && v < classes)
            return v;
        report(GPU_FAULT_LABEL, v, classes);
        return -1;
    }
    GPU_FN C weight_of(int64_t c) const
    {
        return c < 0 ? 0 : weight.p ? weight.get(c) : 1;
    }
};

template <class C>
labels<C> labels_of(const ig_kernel_ctx *k, const ig_tensor *scores, int weights)
{
    return {gpu_any_of<int64_t>(ig_in(k, 1)),
            gpu_any_of<C>(weights < k->n_in ? ig_in(k, weights) : nullptr),
            ig_dims(scores)[1], ((const loss_opts *)k->attrs)->ignore_index,
            gpu_report_of(k)};
}

template <class C> struct nll {
    gpu_lines lines; // along the classes
    labels<C> l;
    gpu_any<C> x, loss;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t c = l.at(i);
        loss.put(i,
                 c < 0 ? 0 : -l.weight_of(c) * x.get(lines.start(i) + c * lines.inner));
    }
};

template <class C> struct cross_entropy {
    gpu_lines lines;
    labels<C> l;
    gpu_any<C> x, loss, log_prob; // the last one perhaps absent

    template <class B> GPU_FN void operator()(const B &b, int64_t i) const
    {
        int64_t at = lines.start(i), step = lines.inner, c = l.at(i);
        C high = -gpu_infinity<C>(), sum = 0;
        b.each(lines.n, [&](int64_t j) { high = gpu_max(high, x.get(at + j * step)); });
        high = b.reduce(high, gpu_larger());
        b.each(lines.n, [&](int64_t j) { sum += exp(x.get(at + j * step) - high); });
        C shift = log(b.reduce(sum, gpu_plus()));
        if (b.lane == 0)
            loss.put(
                i, c < 0 ? 0 : -l.weight_of(c) * (x.get(at + c * step) - high - shift));
        if (log_prob.p)
            b.each(lines.n, [&](int64_t j) {
                log_prob.put(at + j * step, x.get(at + j * step) - high - shift);
            });
    }
};

// The one number of a reduction; a mean over no weight is NaN.
template <class C> struct finish {
    labels<C> l;
    const C *items; // NULL: only the divisor is wanted
    gpu_any<C> out;
    int64_t n, reduction;

    template <class B> GPU_FN void operator()(const B &b, int64_t) const
    {
        C sum = 0, weights = 0;
        b.each(n, [&](int64_t i) {
            sum += items ? items[i] : 0;
            if (reduction == MEAN)
                weights += l.weight_of(l.at(i));
        });
        sum = b.reduce(sum, gpu_plus());
        weights = reduction == MEAN ? b.reduce(weights, gpu_plus()) : 1;
        if (b.lane != 0)
            return;
        if (!items)
            out.put(0, weights);
        else
            out.put(0, weights == 0 && sum == 0 ? gpu_nan<C>() : sum / weights);
    }
};

int64_t reduction_of(const ig_kernel_ctx *k)
{
    return ((const loss_opts *)k->attrs)->reduction;
}

// The losses of the items, or their divisor.
ig_status prepare(ig_kernel_ctx *k)
{
    k->scratch_bytes = reduction_of(k) == NONE
                           ? 0
                           : sizeof(double) * (size_t)(ig_numel(ig_in(k, 1)) + 1);
    return IG_OK;
}

template <bool with_softmax> ig_status run_loss(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    gpu_lines lines = gpu_lines_of(x, 1);
    int64_t reduction = reduction_of(k), n = lines.count();
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        labels<C> l = labels_of<C>(k, x, 2);
        gpu_any<C> out = gpu_any_of<C>(ig_out(k, 0)), items = out;
        if (reduction != NONE) {
            items.p = k->scratch;
            items.type = std::is_same_v<C, double> ? IG_FLOAT64 : IG_FLOAT32;
        }
        if constexpr (with_softmax) {
            const ig_tensor *log_prob = k->n_out > 1 ? ig_out(k, 1) : nullptr;
            cross_entropy<C> kernel = {lines, l, gpu_any_of<C>(x), items,
                                       gpu_any_of<C>(log_prob)};
            IG_TRY(gpu_rows_or_columns(k, n, lines.n, lines.inner, kernel));
        } else {
            IG_TRY(gpu_each(k, n, nll<C>{lines, l, gpu_any_of<C>(x), items}));
        }
        finish<C> last = {l, (const C *)items.p, out, n, reduction};
        return reduction == NONE ? IG_OK : gpu_rows(k, 1, n, last);
    });
}

// dx = -weight / divisor * dloss at the label, 0 elsewhere.
template <class C> struct nll_grad {
    gpu_lines lines;
    labels<C> l;
    gpu_any<C> dloss, dx;
    const C *divisor; // NULL: 1
    bool each;        // a dloss for each item

    GPU_FN void operator()(int64_t i) const
    {
        int64_t at = lines.start(i), c = l.at(i);
        C v = c < 0 ? 0 : -l.weight_of(c) * dloss.get(each ? i : 0);
        for (int64_t j = 0; j < lines.n; j++)
            dx.put(at + j * lines.inner, j != c ? 0 : divisor ? v / *divisor : v);
    }
};

ig_status run_nll_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dx = ig_out(k, 0);
    gpu_lines lines = gpu_lines_of(dx, 1);
    int64_t reduction = reduction_of(k), n = lines.count();
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(dx), [&]<class C>() {
        labels<C> l = labels_of<C>(k, dx, 3);
        C *divisor = reduction == MEAN ? (C *)k->scratch : nullptr;
        gpu_any<C> out;
        out.p = (char *)divisor;
        out.type = std::is_same_v<C, double> ? IG_FLOAT64 : IG_FLOAT32;
        if (divisor)
            IG_TRY(gpu_rows(k, 1, n, finish<C>{l, nullptr, out, n, MEAN}));
        nll_grad<C> kernel = {lines,
                              l,
                              gpu_any_of<C>(ig_in(k, 0)),
                              gpu_any_of<C>(dx),
                              divisor,
                              reduction == NONE};
        return gpu_each(k, n, kernel);
    });
}

} // namespace

GPU_TABLE(gpu_loss) = {
    gpu_row{"NegativeLogLikelihoodLoss", IG_FLOATS, run_loss<false>, 0,
            gpu_supports_ranks, prepare},
    gpu_row{"SoftmaxCrossEntropyLoss", IG_FLOATS, run_loss<true>, 0, gpu_supports_ranks,
            prepare},
    gpu_row{"ingot::NllLossGrad", IG_FLOATS, run_nll_grad, 0, gpu_supports_ranks,
            prepare},
    {},
};
