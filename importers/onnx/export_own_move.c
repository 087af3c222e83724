/* Gradients of what moves elements, said in ONNX: positions in the flat result travel
 * the same way as the elements did, and a scatter adds the gradient there. */
#include "importers/onnx/export_own.h"

static const int64_t one[] = {1}, zero[] = {0};

/* int64 positions 0, 1, ... of a tensor of dims `shape`, in those dims. */
static const char *positions(igi_own *w, const char *shape)
{
    const char *n = igi_own_put1(w, "Size", igi_own_filled(w, shape, 0));
    const char *flat =
        igi_own_put_as(w, NULL, "Range", igi_own_number(w, IG_INT64, 0, 0), n,
                       igi_own_number(w, IG_INT64, 0, 1));
    const char *out = igi_onnx_out_name(w->o, "Positions");
    igi_own_reshape_to(w, out, flat, shape);
    return out;
}

/* Zeros of dims `shape`, as output `out`, into which dy is added at positions `at`; -1
 * is nowhere: there is one element too many while adding, which is cut off. */
static void
add_at(igi_own *w, const char *out, const char *at, const char *dy, const char *shape)
{
    const char *n = igi_own_put1(w, "Size", igi_own_filled(w, shape, 0));
    const char *more =
        igi_own_flat(w, igi_own_put2(w, "Add", n, igi_own_list(w, one, 1)));
    const char *none = igi_own_put2(w, "Less", at, igi_own_number(w, IG_INT64, 0, 0));
    at = igi_own_put_as(w, NULL, "Where", none, n, at);
    const char *into = igi_own_filled(w, more, 0);
    const char *sum = igi_own_put_as(w, NULL, "ScatterElements", into,
                                     igi_own_flat(w, at), igi_own_flat(w, dy));
    igi_own_set_int(w, "axis", 0);
    igi_own_set_string(w, "reduction", "add");
    sum = igi_own_put_as(w, NULL, "Slice", sum, igi_own_list(w, zero, 1),
                         igi_own_flat(w, n));
    igi_own_reshape_to(w, out, sum, shape);
}

/* PadGrad(dy, shape, pads, axes?): padding is position -1. */
void igi_own_pad_grad(igi_own *w)
{
    const char *in[] = {positions(w, igi_own_in(w, 1)), igi_own_in(w, 2),
                        igi_own_number(w, IG_INT64, 0, -1), igi_own_in(w, 3)};
    const char *at = igi_own_put_n(w, NULL, "Pad", in, igi_own_has(w, 3) ? 4 : 3);
    igi_own_copy_attr(w, "mode");
    add_at(w, w->out[0], at, igi_own_in(w, 0), igi_own_in(w, 1));
}

/* SliceGrad(dy, shape, starts, ends, axes?, steps?) */
void igi_own_slice_grad(igi_own *w)
{
    const char *in[5] = {positions(w, igi_own_in(w, 1))};
    size_t n = igi_own_has(w, 5) ? 5 : igi_own_has(w, 4) ? 4 : 3;
    for (int i = 1; i < (int)n; i++)
        in[i] = igi_own_in(w, i + 1);
    const char *at = igi_own_put_n(w, NULL, "Slice", in, n);
    add_at(w, w->out[0], at, igi_own_in(w, 0), igi_own_in(w, 1));
}

/* Indices that count along columns count along rows of the transposed tensor. */
static int column_order(igi_own *w, int rank, int64_t *perm)
{
    if (igi_own_int(w, "storage_order") == 0)
        return 0;
    if (rank < 2)
        igi_own_refuse(w, "its rank is not known");
    for (int i = 0; i < rank; i++)
        perm[i] = i < 2 ? i : rank + 1 - i;
    return rank;
}

/* MaxPoolGrad(dy, Indices, shape); the place of an empty window is -1. */
void igi_own_max_pool_grad(igi_own *w)
{
    int64_t perm[IG_RANK_MAX];
    int turned = column_order(w, igi_own_type_in(w, 0)->rank, perm);
    const char *shape = igi_own_in(w, 2), *out = w->out[0];
    if (turned > 0) {
        shape = igi_own_put2(w, "Gather", shape, igi_own_list(w, perm, turned));
        out = igi_onnx_out_name(w->o, "Columns");
    }
    add_at(w, out, igi_own_in(w, 1), igi_own_in(w, 0), shape);
    if (turned > 0) {
        igi_own_finish(w, "Transpose", out, NULL);
        igi_own_set_ints(w, "perm", perm, turned);
    }
}

/* MaxPoolGather(x, Indices): elements at places, 0 for -1. */
void igi_own_max_pool_gather(igi_own *w)
{
    int64_t perm[IG_RANK_MAX];
    int turned = column_order(w, igi_own_type_in(w, 0)->rank, perm);
    const char *first = igi_own_number(w, IG_INT64, 0, 0), *at = igi_own_in(w, 1);
    const char *x = igi_own_in(w, 0);
    if (turned > 0)
        x = igi_own_transposed(w, x, perm, turned);
    const char *y = igi_own_put2(w, "Gather", igi_own_flat(w, x),
                                 igi_own_put2(w, "Max", at, first));
    const char *none = igi_own_put2(w, "Less", at, first);
    (void)igi_own_put_as(w, w->out[0], "Where", none, igi_own_real(w, 0), y);
}

/* ---- rows ---- */

/* Gradient (dy, indices, shape) of an operator that reads elements of its input at
 * indices and has one attribute. */
static void moved_by(igi_own *w, const char *op, const char *attr)
{
    const char *at =
        igi_own_put2(w, op, positions(w, igi_own_in(w, 2)), igi_own_in(w, 1));
    igi_own_copy_attr(w, attr);
    add_at(w, w->out[0], at, igi_own_in(w, 0), igi_own_in(w, 2));
}

void igi_own_gather_nd_grad(igi_own *w)
{
    moved_by(w, "GatherND", "batch_dims");
}

/* perm brings axes [at, at + n) to the front. */
static void to_front(int rank, int at, int n, int64_t *perm)
{
    for (int i = 0; i < rank; i++)
        perm[i] = i < n ? at + i : i < at + n ? i - n : i;
}

/* GatherGrad(dy, indices, shape): rows of dy are added into zeros by ScatterND, the
 * gathered axis in front; element by element when ranks are not known. */
void igi_own_gather_grad(igi_own *w)
{
    static const int64_t last[] = {-1};
    int64_t perm[IG_RANK_MAX], back[IG_RANK_MAX], axis = igi_own_int(w, "axis");
    int rank = igi_own_rank_out(w), n = igi_own_type_in(w, 1)->rank;
    if (rank < 1 || n < 0 || rank - 1 + n > IG_RANK_MAX) {
        moved_by(w, "Gather", "axis");
        return;
    }
    int at = (int)(axis < 0 ? axis + rank : axis);
    const char *into = igi_own_filled(w, igi_own_in(w, 2), 0), *dy = igi_own_in(w, 0);
    to_front(rank, at, 1, perm);
    for (int i = 0; i < rank; i++)
        back[perm[i]] = i;
    into = igi_own_transposed(w, into, perm, rank);
    to_front(rank - 1 + n, at, n, perm);
    dy = igi_own_transposed(w, dy, perm, rank - 1 + n);
    const char *index = igi_own_cast(w, igi_own_in(w, 1), IG_INT64);
    index = igi_own_put2(w, "Unsqueeze", index, igi_own_list(w, last, 1));
    const char *sum = igi_own_put_as(w, NULL, "ScatterND", into, index, dy);
    igi_own_set_string(w, "reduction", "add");
    igi_own_finish(w, "Transpose", sum, NULL);
    igi_own_set_ints(w, "perm", back, rank);
}
