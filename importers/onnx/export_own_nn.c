/* Gradients of convolution, pooling and loss, and Linear, said in ONNX. */
#include "importers/onnx/export_own.h"

#include <inttypes.h>

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
    const char *none = igi_own_put2(w, "Less", igi_own_in(w, 1), igi_own_number(w, IG_INT64, 0, 0));
    const char *dy = igi_own_put_as(w, NULL, "Where", none, zero, igi_own_in(w, 0));
    const char *into = igi_own_put2(w, "Reshape", igi_own_zeros(w, igi_own_in(w, 2)), shape);
    const char *sum =
        igi_own_put_as(w, NULL, "ScatterElements", into, igi_own_put2(w, "Reshape", igi_own_in(w, 1), shape),
               igi_own_put2(w, "Reshape", dy, shape));
    igi_own_set_int(w, "axis", 0);
    igi_own_set_string(w, "reduction", "add");
    igi_own_finish(w, "Reshape", sum, igi_own_in(w, 2));
    igi_own_set_int(w, "allowzero", 1);
}

/* Elements at the places that Indices names, 0 for -1. */
void igi_own_max_pool_gather(igi_own *w)
{
    if (!igi_igi_row)
        return;
}

/* ---- convolution ------------------------------------------------------------------------- */

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

/* A convolution of x with dy: batch and channels change places, strides and dilations too;
 * what the forward pass's rounding left over at the end is cut off. */
void igi_own_conv_grad_weight(igi_own *w)
{
    int rank = igi_own_type_in(w, 0)->rank;
    int64_t perm[IG_RANK_MAX], zeros[IG_RANK_MAX], axes[IG_RANK_MAX], two[] = {2};
    if (!explicit_pads(w))
        return;
    if (rank < 3 || *(const int64_t *)igi_own_attr(w, "group") != 1) {
        refuse(w, "the gradient of a grouped convolution's weights cannot be said");
        return;
    }
    for (int i = 0; i < rank; i++) {
        perm[i] = i < 2 ? 1 - i : i;
        zeros[i] = 0;
        axes[i] = i + 2;
    }
    const char *x = igi_own_transposed(w, igi_own_in(w, 1), perm, rank);
    const char *dy = igi_own_transposed(w, igi_own_in(w, 0), perm, rank);
    const char *dw = igi_own_put2(w, "Conv", x, dy);
    copy_list(w, "strides", "dilations");
    copy_list(w, "dilations", "strides");
    copy_list(w, "pads", "pads");
    dw = igi_own_transposed(w, dw, perm, rank);
    const char *ends = igi_own_put_as(w, NULL, "Slice", igi_own_in(w, 2),
                                      igi_own_list(w, two, 1),
                                      igi_own_list(w, (int64_t[]){INT64_MAX}, 1));
    const char *from = igi_own_list(w, zeros, rank - 2), *at = igi_own_list(w, axes, rank - 2);
    (void)igi_own_put4(w, "Slice", dw, from, ends, at);
}

/* ---- loss ----------------------------------------------------------------------------------- */

/* dx = -onehot(target) k, k = weight[target] dloss (/ sum of weights, for the mean). */
void igi_own_nll_loss_grad(igi_own *w)
{
}
