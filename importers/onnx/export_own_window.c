/* Gradients of convolution and pooling, said in ONNX: ConvTranspose, or Conv with batch
 * and channels changed about. Where the window's padding depends on the input's size
 * (auto_pad), or sizes are not known, it is computed by nodes. */
#include "importers/onnx/export_own.h"

#include <string.h>

/* How windows lie over the spatial axes: int64 lists [n], by name. */
typedef struct frame {
    int n;
    const char *in;          /* sizes of the input */
    const char *begin, *end; /* padding */
    const char *total;       /* what the windows of all outputs reach over */
} frame;

static int64_t item(const ig_ints *l, int i, int64_t fallback)
{
    return l->v && i < l->n ? l->v[i] : fallback;
}

static const char *
items(igi_own *w, const char *name, int from, int n, int64_t fallback)
{
    int64_t v[IG_RANK_MAX];
    const ig_ints *l = igi_own_attr(w, name);
    for (int i = 0; i < n; i++)
        v[i] = item(l, from + i, fallback);
    return igi_own_list(w, v, n);
}

static const char *part(igi_own *w, const char *list, int64_t from, int64_t to)
{
    return igi_own_put_as(w, NULL, "Slice", list, igi_own_list(w, &from, 1),
                          igi_own_list(w, &to, 1));
}

static bool all_known(const ig_type *t, int from)
{
    for (int i = from; i < t->rank; i++)
        if (ig_type_dims(t)[i] < 0)
            return false;
    return t->rank > from;
}

/* Spatial dims of a tensor: a constant when its type says them, else from `shape`
 * (NULL: its own). */
static const char *
spatial(igi_own *w, const ig_type *t, const char *name, const char *shape)
{
    if (all_known(t, 2))
        return igi_own_list(w, ig_type_dims(t) + 2, t->rank - 2);
    return part(w, shape ? shape : igi_own_put1(w, "Shape", name), 2, t->rank);
}

/* Padding of SAME_UPPER and SAME_LOWER: what is missing, its half rounded down in front
 * or behind. */
static void same_padding(igi_own *w, frame *f, bool upper)
{
    const char *two = igi_own_number(w, IG_INT64, 0, 2);
    const char *need = igi_own_put2(w, "Max", igi_own_put2(w, "Sub", f->total, f->in),
                                    igi_own_number(w, IG_INT64, 0, 0));
    const char *half = igi_own_put2(w, "Div", need, two);
    const char *rest = igi_own_put2(w, "Sub", need, half);
    f->begin = upper ? half : rest;
    f->end = upper ? rest : half;
}

/* `kernel`: taps per axis, a list. */
static frame
frame_of(igi_own *w, int n, const char *in, const char *out, const char *kernel)
{
    frame f = {.n = n, .in = in};
    int64_t none[IG_RANK_MAX] = {0};
    const char *auto_pad = igi_own_choice(w, "auto_pad");
    const char *unit = igi_own_number(w, IG_INT64, 0, 1);
    const char *reach = igi_own_put2(w, "Mul", igi_own_put2(w, "Sub", kernel, unit),
                                     items(w, "dilations", 0, n, 1));
    f.total = igi_own_put2(w, "Mul", igi_own_put2(w, "Sub", out, unit),
                           items(w, "strides", 0, n, 1));
    f.total = igi_own_put2(w, "Add", igi_own_put2(w, "Add", f.total, reach), unit);
    if (strcmp(auto_pad, "NOTSET") == 0) {
        f.begin = items(w, "pads", 0, n, 0);
        f.end = items(w, "pads", n, n, 0);
    } else if (strcmp(auto_pad, "VALID") == 0) {
        f.begin = f.end = igi_own_list(w, none, n);
    } else {
        same_padding(w, &f, strcmp(auto_pad, "SAME_UPPER") == 0);
    }
    return f;
}

/* Pad of the spatial axes; negative numbers cut. */
static const char *padded(igi_own *w,
                          const char *out,
                          const char *x,
                          const char *begin,
                          const char *end,
                          double v)
{
    static const int64_t zeros[] = {0, 0};
    const char *none = igi_own_list(w, zeros, 2);
    const char *lists[] = {none, begin, none, end};
    return igi_own_put_as(w, out, "Pad", x, igi_own_joined(w, lists, 4),
                          igi_own_real(w, v));
}

/* x as the windows see it: padded, and cut where they do not reach. */
static const char *framed(igi_own *w, const frame *f, const char *x)
{
    const char *both = igi_own_put2(w, "Add", f->in, f->begin);
    return padded(w, NULL, x, f->begin, igi_own_put2(w, "Sub", f->total, both), 0);
}

/* The other way round, as output `out`: of what windows reach over, the input. */
static void unframed(igi_own *w, const frame *f, const char *out, const char *x)
{
    const char *both = igi_own_put2(w, "Add", f->in, f->begin);
    (void)padded(w, out, x, igi_own_put1(w, "Neg", f->begin),
                 igi_own_put2(w, "Sub", both, f->total), 0);
}

static bool known_ranks(igi_own *w, int a, int b)
{
    if (a < 3 || (b >= 0 && b != a) || b < -1)
        igi_own_refuse(w, "its ranks are not known");
    return w->rc == IG_OK;
}

/* ---- convolution ---- */

/* Explicit pads and known sizes: what the forward pass's rounding cut off is the
 * output_padding of one ConvTranspose. false: sizes are not known. */
static bool output_padding(const igi_own *w, int64_t *more)
{
    const ig_type *dy = igi_own_type_in(w, 0), *k = igi_own_type_in(w, 1);
    const ig_type *dx = &igi_value_at(w->o->g, w->n->out[0])->type;
    const ig_ints *pads = igi_own_attr(w, "pads");
    int n = dy->rank - 2;
    if (strcmp(igi_own_choice(w, "auto_pad"), "NOTSET") != 0 || dx->rank != dy->rank ||
        !all_known(dy, 2) || !all_known(k, 2) || !all_known(dx, 2))
        return false;
    for (int i = 0; i < n; i++) {
        int64_t in = ig_type_dims(dx)[i + 2], out = ig_type_dims(dy)[i + 2],
                taps = ig_type_dims(k)[i + 2];
        int64_t reach = item(igi_own_attr(w, "dilations"), i, 1) * (taps - 1) + 1;
        more[i] = in + item(pads, i, 0) + item(pads, i + n, 0) - reach -
                  item(igi_own_attr(w, "strides"), i, 1) * (out - 1);
    }
    return true;
}

/* ConvGradInput(dy, W, shape) */
void igi_own_conv_grad_input(igi_own *w)
{
    const ig_type *dy = igi_own_type_in(w, 0), *k = igi_own_type_in(w, 1);
    const ig_type *dx = &igi_value_at(w->o->g, w->n->out[0])->type;
    int64_t more[IG_RANK_MAX];
    int n = dy->rank - 2;
    if (!known_ranks(w, dy->rank, k->rank))
        return;
    bool simple = output_padding(w, more);
    frame f = {0};
    if (!simple) {
        const char *out = spatial(w, dy, igi_own_in(w, 0), NULL);
        const char *taps = spatial(w, k, igi_own_in(w, 1), NULL);
        f = frame_of(w, n, spatial(w, dx, NULL, igi_own_in(w, 2)), out, taps);
    }
    const char *full = igi_own_put_as(w, simple ? w->out[0] : NULL, "ConvTranspose",
                                      igi_own_in(w, 0), igi_own_in(w, 1), NULL);
    igi_own_copy_attr(w, "strides");
    igi_own_copy_attr(w, "dilations");
    igi_own_copy_attr(w, "group");
    if (simple) {
        igi_own_copy_attr(w, "pads");
        igi_own_set_ints(w, "output_padding", more, n);
    } else {
        unframed(w, &f, w->out[0], full);
    }
}

/* x[N, G C, in...] as [C, G N, in...]: what a convolution with `group` G wants. */
static const char *batch_to_channels(igi_own *w, const char *x, int rank, int64_t group)
{
    int64_t perm[IG_RANK_MAX + 1];
    const char *dims = igi_own_put1(w, "Shape", x), *g = igi_own_list(w, &group, 1);
    const char *n = part(w, dims, 0, 1), *inner = part(w, dims, 2, rank);
    const char *c = part(w, igi_own_in(w, 2), 1, 2); /* of the weights */
    const char *apart[] = {n, g, c, inner};
    const char *joined[] = {c, igi_own_put2(w, "Mul", g, n), inner};
    const char *split = igi_onnx_out_name(w->o, "Groups");
    for (int i = 0; i <= rank; i++)
        perm[i] = i < 3 ? 2 - i : i;
    igi_own_reshape_to(w, split, x, igi_own_joined(w, apart, 4));
    const char *turned = igi_own_transposed(w, split, perm, rank + 1);
    const char *out = igi_onnx_out_name(w->o, "Channels");
    igi_own_reshape_to(w, out, turned, igi_own_joined(w, joined, 3));
    return out;
}

/* The attribute `from` of the operator as `to` of the last node. */
static void copy_list(igi_own *w, const char *from, const char *to)
{
    const ig_ints *l = igi_own_attr(w, from);
    if (l->v)
        igi_own_set_ints(w, to, l->v, (int)l->n);
}

/* ConvGradWeight(dy, X, shape): a convolution of x with dy, where batch and channels
 * change places, strides and dilations too. */
void igi_own_conv_grad_weight(igi_own *w)
{
    const ig_type *dy = igi_own_type_in(w, 0), *x = igi_own_type_in(w, 1);
    const ig_type *dw = &igi_value_at(w->o->g, w->n->out[0])->type;
    int64_t swap[IG_RANK_MAX], group = igi_own_int(w, "group");
    int rank = dy->rank;
    if (!known_ranks(w, rank, x->rank) || rank == IG_RANK_MAX)
        return;
    const char *out = spatial(w, dy, igi_own_in(w, 0), NULL);
    const char *in = spatial(w, x, igi_own_in(w, 1), NULL);
    frame f = frame_of(w, rank - 2, in, out, spatial(w, dw, NULL, igi_own_in(w, 2)));
    for (int i = 0; i < rank; i++)
        swap[i] = i < 2 ? 1 - i : i;
    const char *seen = framed(w, &f, igi_own_in(w, 1));
    seen = group == 1 ? igi_own_transposed(w, seen, swap, rank)
                      : batch_to_channels(w, seen, rank, group);
    const char *d = igi_own_transposed(w, igi_own_in(w, 0), swap, rank);
    const char *y = igi_own_put2(w, "Conv", seen, d);
    copy_list(w, "strides", "dilations");
    copy_list(w, "dilations", "strides");
    igi_own_copy_attr(w, "group");
    igi_own_finish(w, "Transpose", y, NULL);
    igi_own_set_ints(w, "perm", swap, rank);
}

/* ---- pooling ---- */

/* Elements of each window, [1, 1, out...]: a convolution of ones by ones. */
static const char *window_sizes(igi_own *w, const frame *f, const char *ones)
{
    static const int64_t unit[] = {1, 1};
    const char *size = f->in, *seen;
    if (igi_own_int(w, "count_include_pad"))
        size = igi_own_put2(w, "Add", igi_own_put2(w, "Add", f->in, f->begin), f->end);
    const char *dims[] = {igi_own_list(w, unit, 2), size};
    seen = igi_own_filled(w, igi_own_joined(w, dims, 2), 1);
    if (size == f->in) {
        seen = framed(w, f, seen);
    } else {
        int64_t none[IG_RANK_MAX] = {0};
        seen = padded(w, NULL, seen, igi_own_list(w, none, f->n),
                      igi_own_put2(w, "Sub", f->total, size), 0);
    }
    const char *count = igi_own_put2(w, "Conv", seen, ones);
    igi_own_copy_attr(w, "strides");
    igi_own_copy_attr(w, "dilations");
    return igi_own_put2(w, "Max", count, igi_own_real(w, 1));
}

/* AveragePoolGrad(dy, shape): dy by the size of its window goes to all of it: a
 * transposed convolution by ones, each channel by itself. */
void igi_own_average_pool_grad(igi_own *w)
{
    static const int64_t unit[] = {1, 1}, each[] = {-1, 1};
    const ig_type *dy = igi_own_type_in(w, 0);
    const ig_type *dx = &igi_value_at(w->o->g, w->n->out[0])->type;
    int n = dy->rank - 2;
    if (!known_ranks(w, dy->rank, dy->rank))
        return;
    const char *kernel = items(w, "kernel_shape", 0, n, 1);
    const char *out = spatial(w, dy, igi_own_in(w, 0), NULL);
    frame f = frame_of(w, n, spatial(w, dx, NULL, igi_own_in(w, 1)), out, kernel);
    const char *one_dims[] = {igi_own_list(w, unit, 2), kernel};
    const char *ones = igi_own_filled(w, igi_own_joined(w, one_dims, 2), 1);
    const char *d = igi_own_put2(w, "Div", igi_own_in(w, 0), window_sizes(w, &f, ones));
    const char *planes[] = {igi_own_list(w, each, 2), out};
    d = igi_own_put2(w, "Reshape", d, igi_own_joined(w, planes, 2));
    const char *full = igi_own_put2(w, "ConvTranspose", d, ones);
    igi_own_copy_attr(w, "strides");
    igi_own_copy_attr(w, "dilations");
    const char *flat = igi_onnx_out_name(w->o, "Planes");
    unframed(w, &f, flat, full);
    igi_own_reshape_to(w, w->out[0], flat, igi_own_in(w, 1));
}
