/* Gradients of convolution, pooling and loss, and Linear, said in ONNX. */
#include "importers/onnx/export_own.h"

#include <string.h>

static void refuse(igi_own *w, const char *why)
{
    if (w->rc == IG_OK)
        w->rc = ig_fail(IG_UNSUPPORTED, "%s", why);
}

static const int64_t flat[] = {-1};

/* Indices that count along columns have no equal in ONNX. */
static bool row_major(igi_own *w)
{
    bool ok = *(const int64_t *)igi_own_attr(w, "storage_order") == 0;
    if (!ok)
        refuse(w, "storage_order 1 cannot be said");
    return ok;
}

/* A place of -1 (an empty window) adds nothing. */
void igi_own_max_pool_grad(igi_own *w)
{
    if (!row_major(w))
        return;
    const char *shape = igi_own_list(w, flat, 1), *zero = igi_own_real(w, 0);
    const char *none =
        igi_own_put2(w, "Less", igi_own_in(w, 1), igi_own_number(w, IG_INT64, 0, 0));
    const char *dy = igi_own_put_as(w, NULL, "Where", none, zero, igi_own_in(w, 0));
    const char *into =
        igi_own_put2(w, "Reshape", igi_own_zeros(w, igi_own_in(w, 2)), shape);
    const char *sum =
        igi_own_put_as(w, NULL, "ScatterElements", into,
                       igi_own_put2(w, "Reshape", igi_own_in(w, 1), shape),
                       igi_own_put2(w, "Reshape", dy, shape));
    igi_own_set_int(w, "axis", 0);
    igi_own_set_string(w, "reduction", "add");
    igi_own_finish(w, "Reshape", sum, igi_own_in(w, 2));
    igi_own_set_int(w, "allowzero", 1);
}

/* Elements at the places that Indices names, 0 for -1. */
void igi_own_max_pool_gather(igi_own *w)
{
    if (!row_major(w))
        return;
    const char *first = igi_own_number(w, IG_INT64, 0, 0), *at = igi_own_in(w, 1);
    const char *all =
        igi_own_put2(w, "Reshape", igi_own_in(w, 0), igi_own_list(w, flat, 1));
    const char *y = igi_own_put2(w, "Gather", all, igi_own_put2(w, "Max", at, first));
    const char *none = igi_own_put2(w, "Less", at, first);
    (void)igi_own_put_as(w, w->out[0], "Where", none, igi_own_real(w, 0), y);
}

/* ---- convolution
 * ------------------------------------------------------------------------- */

static int64_t item(const igi_own *w, const char *name, int i, int64_t fallback)
{
    const ig_ints *l = igi_own_attr(w, name);
    return l->v && i < l->n ? l->v[i] : fallback;
}

static void copy_list(igi_own *w, const char *from, const char *to)
{
    const ig_ints *l = igi_own_attr(w, from);
    if (l->v)
        igi_own_set_ints(w, to, l->v, (int)l->n);
}

static bool explicit_pads(igi_own *w)
{
    bool ok = *(const int64_t *)igi_own_attr(w, "auto_pad") == 0;
    if (!ok)
        refuse(w, "auto_pad cannot be said: give pads");
    return ok;
}

/* ConvTranspose; what the forward pass's rounding cut off is its output_padding. */
void igi_own_conv_grad_input(igi_own *w)
{
    const ig_type *dy = igi_own_type_in(w, 0), *k = igi_own_type_in(w, 1);
    const ig_type *dx = &igi_value_at(w->o->g, w->n->out[0])->type;
    int64_t more[IG_RANK_MAX];
    int n = dy->rank - 2;
    if (!explicit_pads(w))
        return;
    if (n < 1 || dx->rank != dy->rank || k->rank != dy->rank) {
        refuse(w, "its ranks are not known");
        return;
    }
    for (int i = 0; i < n; i++) {
        int64_t in = ig_type_dims(dx)[i + 2], out = ig_type_dims(dy)[i + 2];
        int64_t taps = ig_type_dims(k)[i + 2], step = item(w, "strides", i, 1);
        if (in < 0 || out < 0 || taps < 0) {
            refuse(w, "its spatial dims are not known");
            return;
        }
        int64_t reach = item(w, "dilations", i, 1) * (taps - 1) + 1;
        more[i] = in + item(w, "pads", i, 0) + item(w, "pads", i + n, 0) - reach -
                  step * (out - 1);
    }
    igi_own_finish(w, "ConvTranspose", igi_own_in(w, 0), igi_own_in(w, 1));
    copy_list(w, "strides", "strides");
    copy_list(w, "dilations", "dilations");
    copy_list(w, "pads", "pads");
    igi_own_set_ints(w, "output_padding", more, n);
    igi_own_set_int(w, "group", *(const int64_t *)igi_own_attr(w, "group"));
}

/* A convolution of x with dy: batch and channels change places, strides and dilations
 * too; what the forward pass's rounding left over at the end is cut off. */
void igi_own_conv_grad_weight(igi_own *w)
{
    int rank = igi_own_type_in(w, 0)->rank;
    int64_t perm[IG_RANK_MAX], starts[IG_RANK_MAX] = {0};
    if (!explicit_pads(w))
        return;
    if (rank < 3 || *(const int64_t *)igi_own_attr(w, "group") != 1) {
        refuse(w, "the gradient of a grouped convolution's weights cannot be said");
        return;
    }
    for (int i = 0; i < rank; i++)
        perm[i] = i < 2 ? 1 - i : i;
    const char *x = igi_own_transposed(w, igi_own_in(w, 1), perm, rank);
    const char *dy = igi_own_transposed(w, igi_own_in(w, 0), perm, rank);
    const char *dw = igi_own_put2(w, "Conv", x, dy);
    copy_list(w, "strides", "dilations");
    copy_list(w, "dilations", "strides");
    copy_list(w, "pads", "pads");
    dw = igi_own_transposed(w, dw, perm, rank);
    (void)igi_own_put_as(w, w->out[0], "Slice", dw, igi_own_list(w, starts, rank),
                         igi_own_in(w, 2));
}

/* ---- loss and Linear
 * ---------------------------------------------------------------------- */

/* Weight of each label, 0 of ignored ones; *label is made a class that exists. */
static const char *label_weights(igi_own *w, const char **label)
{
    int64_t ignore = *(const int64_t *)igi_own_attr(w, "ignore_index");
    const char *mask = NULL;
    if (ignore != INT64_MIN) {
        const char *mark = igi_own_list(w, &ignore, 1);
        const char *out = igi_own_put2(w, "Equal", *label, mark);
        mask = igi_own_put1(w, "Cast", igi_own_put1(w, "Not", out));
        igi_own_set_int(w, "to", (int64_t)w->dtype);
        *label = igi_own_put_as(w, NULL, "Where", out,
                                igi_own_number(w, IG_INT64, 0, 0), *label);
    }
    if (!igi_own_has(w, 3)) {
        const char *none = igi_own_zeros(w, igi_own_put1(w, "Shape", *label));
        return mask ? mask : igi_own_put2(w, "Add", none, igi_own_real(w, 1));
    }
    const char *weight = igi_own_put2(w, "Gather", igi_own_in(w, 3), *label);
    return mask ? igi_own_put2(w, "Mul", weight, mask) : weight;
}

/* dx = -onehot(target) weight[target] dloss, by the sum of weights for the mean. */
void igi_own_nll_loss_grad(igi_own *w)
{
    static const int64_t one[] = {1};
    int64_t reduction = *(const int64_t *)igi_own_attr(w, "reduction");
    const ig_attr_def *row = igi_attr_find(w->n->op->def, "reduction");
    const char *label = igi_own_put1(w, "Cast", igi_own_in(w, 1));
    igi_own_set_int(w, "to", IG_INT64);
    const char *weight = label_weights(w, &label);
    const char *k = igi_own_put2(w, "Mul", weight, igi_own_in(w, 0));
    if (strcmp(row->names[reduction], "mean") == 0) {
        const char *total = igi_own_put1(w, "ReduceSum", weight);
        igi_own_set_int(w, "keepdims", 0);
        k = igi_own_put2(w, "Div", k, total);
    }
    const char *axis = igi_own_list(w, one, 1);
    const char *depth = igi_own_put2(w, "Gather", igi_own_in(w, 2), axis);
    const char *values = igi_own_put2(w, "Concat", igi_own_number(w, w->dtype, 1, 0),
                                      igi_own_number(w, w->dtype, 1, 1));
    igi_own_set_int(w, "axis", 0);
    const char *hot = igi_own_put_as(w, NULL, "OneHot", label, depth, values);
    igi_own_set_int(w, "axis", 1);
    k = igi_own_put2(w, "Mul", hot, igi_own_put2(w, "Unsqueeze", k, axis));
    igi_own_finish(w, "Neg", k, NULL);
}

void igi_own_linear(igi_own *w)
{
    static const int64_t swap[] = {1, 0};
    double alpha = (double)*(const float *)igi_own_attr(w, "alpha");
    const char *weight = igi_own_in(w, 1);
    if (*(const int64_t *)igi_own_attr(w, "activation") != 0) {
        refuse(w, "a fused activation cannot be said: write the graph before it is "
                  "optimised");
        return;
    }
    if (*(const int64_t *)igi_own_attr(w, "trans_w"))
        weight = igi_own_transposed(w, weight, swap, 2);
    const char *y = igi_own_put2(w, "MatMul", igi_own_in(w, 0), weight);
    if (alpha != 1)
        y = igi_own_put2(w, "Mul", y, igi_own_real(w, alpha));
    for (int i = 2; i < 4; i++)
        if (igi_own_has(w, i))
            y = igi_own_put2(w, "Add", y, igi_own_in(w, i));
    igi_own_finish(w, "Identity", y, NULL);
}
