/* Sizes and positions of sliding windows. Sizes go through ig_dim_*, so that one
 * formula serves numbers and symbols; with numbers nothing overflows because every
 * attribute is bounded by IGI_WINDOW_MAX. */
#include "operators/common_window.h"

#include <inttypes.h>

const char *const igi_auto_pad_names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID",
                                          NULL};

static int64_t item(const ig_ints *list, int i, int64_t absent)
{
    return list->n > 0 ? list->v[i] : absent;
}

static ig_status check_list(
    ig_infer *x, const ig_ints *list, const char *name, int64_t want, int64_t least)
{
    if (list->n != 0 && list->n != want)
        return ig_infer_fail(
            x, "attribute %s has %" PRId64 " items, but %" PRId64 " are needed", name,
            list->n, want);
    for (int64_t i = 0; i < list->n; i++)
        if (list->v[i] < least || list->v[i] > IGI_WINDOW_MAX)
            return ig_infer_fail(x,
                                 "attribute %s[%" PRId64 "] is %" PRId64
                                 ", outside [%" PRId64 ", %d]",
                                 name, i, list->v[i], least, IGI_WINDOW_MAX);
    return IG_OK;
}

static ig_status check_lists(ig_infer *x, const igi_window_spec *s, int rank)
{
    if (rank < 1 || rank > IGI_WINDOW_RANK)
        return ig_infer_fail(x,
                             "the input needs 1 to %d spatial axes after batch and "
                             "channels, it has %d",
                             IGI_WINDOW_RANK, rank);
    IG_TRY(check_list(x, &s->kernel, "kernel_shape", rank, 1));
    IG_TRY(check_list(x, &s->strides, "strides", rank, 1));
    IG_TRY(check_list(x, &s->dilations, "dilations", rank, 1));
    return check_list(x, &s->pads, "pads", 2 * (int64_t)rank, 0);
}

/* Output size of an axis with explicit padding (or none). */
static ig_status explicit_size(ig_infer *x,
                               const igi_window_spec *s,
                               int i,
                               int64_t in,
                               int64_t span,
                               int64_t *out)
{
    ig_symtab *t = x->syms;
    bool valid = s->auto_pad == IGI_PAD_VALID;
    int rank = (int)(s->pads.n / 2);
    int64_t begin = valid ? 0 : item(&s->pads, i, 0);
    int64_t end = valid ? 0 : item(&s->pads, rank + i, 0);
    int64_t stride = item(&s->strides, i, 1);
    int64_t padded = ig_dim_add(t, in, begin + end);
    if (padded >= 0 && span >= 0 && padded < span)
        return ig_infer_fail(x,
                             "the window spans %" PRId64
                             " positions of spatial axis %d, which has %" PRId64
                             " with padding",
                             span, i, padded);
    int64_t room = ig_dim_sub(t, padded, span);
    *out = ig_dim_add(t, ig_dim_div(t, room, stride), 1);
    if (s->ceil_mode && !valid) {
        int64_t up = ig_dim_div(t, ig_dim_add(t, room, stride - 1), stride);
        *out = ig_dim_add(t, up, 1);
        /* the last window must start inside in + begin: start <= in + begin - 1; it
         * always does when the rounding cannot reach that far */
        int64_t last = ig_dim_add(t, in, begin + stride - 1);
        if (span < 0 || end + stride > span)
            *out = ig_dim_min(t, *out, ig_dim_div(t, last, stride));
    }
    return IG_OK;
}

static ig_status axis_size(ig_infer *x,
                           const igi_window_spec *s,
                           int i,
                           int64_t in,
                           int64_t kernel,
                           int64_t *out)
{
    ig_symtab *t = x->syms;
    int rank = (int)(s->pads.n / 2);
    int64_t stride = item(&s->strides, i, 1);
    if (s->kernel.n > 0)
        IG_TRY(ig_infer_equal(x, kernel, s->kernel.v[i],
                              "kernel_shape and the window's size", &kernel));
    if (kernel == 0 || kernel > IGI_WINDOW_MAX)
        return ig_infer_fail(x, "the window's size is %" PRId64 " in spatial axis %d",
                             kernel, i);
    int64_t span = ig_dim_mul(t, ig_dim_sub(t, kernel, 1), item(&s->dilations, i, 1));
    span = ig_dim_add(t, span, 1);
    if (s->auto_pad == IGI_PAD_SAME_UPPER || s->auto_pad == IGI_PAD_SAME_LOWER) {
        *out = ig_dim_div(t, ig_dim_add(t, in, stride - 1), stride);
        return IG_OK;
    }
    if (s->pooling && s->auto_pad == IGI_PAD_NOTSET && s->pads.n > 0 &&
        (s->pads.v[i] >= span || s->pads.v[rank + i] >= span))
        return ig_infer_fail(
            x,
            "pads of spatial axis %d must be smaller than the window's "
            "span of %" PRId64,
            i, span);
    return explicit_size(x, s, i, in, span, out);
}

ig_status igi_window_infer(ig_infer *x,
                           const igi_window_spec *s,
                           int rank,
                           const int64_t *in,
                           const int64_t *kernel,
                           int64_t *out)
{
    IG_TRY(check_lists(x, s, rank));
    for (int i = 0; i < rank; i++)
        IG_TRY(axis_size(x, s, i, in[i], kernel[i], &out[i]));
    return IG_OK;
}

/* Padding of an axis; SAME splits what the output size asks for. */
static void set_pads(igi_window_axis *a, const igi_window_spec *s, int rank, int i)
{
    a->pad = a->pad_end = 0;
    if (s->auto_pad == IGI_PAD_NOTSET) {
        a->pad = item(&s->pads, i, 0);
        a->pad_end = item(&s->pads, rank + i, 0);
    } else if (s->auto_pad != IGI_PAD_VALID) {
        int64_t span = (a->kernel - 1) * a->dilation + 1;
        int64_t total = (a->out - 1) * a->stride + span - a->in;
        if (total < 0)
            total = 0;
        a->pad = s->auto_pad == IGI_PAD_SAME_LOWER ? total - total / 2 : total / 2;
        a->pad_end = total - a->pad;
    }
}

/* Of kernel sizes, at most INT64_MAX: taps in padding are stored nowhere. */
static int64_t product(int64_t a, int64_t b)
{
    int64_t n;
    return igi_mul_i64(a, b, &n) ? n : INT64_MAX;
}

int64_t igi_window_size(const igi_window *w)
{
    return product(w->kernel_outer, w->axis[w->rank - 1].kernel);
}

void igi_window_set(igi_window *w,
                    const igi_window_spec *s,
                    int rank,
                    const int64_t *in,
                    const int64_t *kernel,
                    const int64_t *out)
{
    w->rank = rank;
    w->out_outer = w->in_outer = w->kernel_outer = 1;
    for (int i = 0; i < rank; i++) {
        igi_window_axis *a = &w->axis[i];
        a->in = in[i];
        a->out = out[i];
        a->kernel = kernel[i];
        a->stride = item(&s->strides, i, 1);
        a->dilation = item(&s->dilations, i, 1);
        set_pads(a, s, rank, i);
        if (i < rank - 1) {
            w->out_outer *= out[i];
            w->in_outer *= in[i];
            w->kernel_outer = product(w->kernel_outer, kernel[i]);
        }
    }
}

int64_t igi_window_in_row(const igi_window *w, int64_t o, int64_t tap)
{
    int64_t row = 0, step = 1;
    for (int i = w->rank - 2; i >= 0; i--) {
        const igi_window_axis *a = &w->axis[i];
        int64_t p = o % a->out * a->stride + tap % a->kernel * a->dilation - a->pad;
        if (p < 0 || p >= a->in)
            return -1;
        row += p * step;
        step *= a->in;
        o /= a->out;
        tap /= a->kernel;
    }
    return row;
}

int64_t igi_window_out_row(const igi_window *w, int64_t i, int64_t tap)
{
    int64_t row = 0, step = 1;
    for (int d = w->rank - 2; d >= 0; d--) {
        const igi_window_axis *a = &w->axis[d];
        int64_t p = i % a->in + a->pad - tap % a->kernel * a->dilation;
        if (p < 0 || p % a->stride != 0 || p / a->stride >= a->out)
            return -1;
        row += p / a->stride * step;
        step *= a->out;
        i /= a->in;
        tap /= a->kernel;
    }
    return row;
}

/* Taps of a window from `start` that lie before `end`. */
static int64_t taps_before(const igi_window_axis *a, int64_t start, int64_t end)
{
    const int64_t n = end > start ? (end - start - 1) / a->dilation + 1 : 0;
    return n < a->kernel ? n : a->kernel;
}

int64_t igi_window_count(const igi_window_axis *a, int64_t o, bool padded)
{
    const int64_t lo = padded ? -a->pad : 0, hi = padded ? a->in + a->pad_end : a->in;
    const int64_t start = o * a->stride - a->pad;
    return hi > lo ? taps_before(a, start, hi) - taps_before(a, start, lo) : 0;
}

int64_t igi_window_count_row(const igi_window *w, int64_t o, bool padded)
{
    int64_t n = 1;
    for (int i = w->rank - 2; i >= 0; i--) {
        n *= igi_window_count(&w->axis[i], o % w->axis[i].out, padded);
        o /= w->axis[i].out;
    }
    return n;
}

void igi_window_range(const igi_window_axis *a,
                      int64_t tap,
                      int64_t from,
                      int64_t to,
                      int64_t *lo,
                      int64_t *hi)
{
    int64_t first = from + a->pad - tap * a->dilation;
    int64_t last = to + a->pad - tap * a->dilation;
    *lo = first > 0 ? (first + a->stride - 1) / a->stride : 0;
    *hi = last > 0 ? (last + a->stride - 1) / a->stride : 0;
    if (*hi > a->out)
        *hi = a->out;
    if (*lo > *hi)
        *lo = *hi;
}
