/* Gradients of what lays space out anew, said in ONNX. */
#include "importers/onnx/export_own.h"

#include <string.h>

static const char *part(igi_own *w, const char *list, int64_t from, int64_t to)
{
    return igi_own_put_as(w, NULL, "Slice", list, igi_own_list(w, &from, 1),
                          igi_own_list(w, &to, 1));
}

static const char *
reshaped(igi_own *w, const char *x, const char *const *dims, size_t n)
{
    const char *out = igi_onnx_out_name(w->o, "Blocks");
    igi_own_reshape_to(w, out, x, igi_own_joined(w, dims, n));
    return out;
}

/* DepthToSpaceGrad(x[N, C, H b, W b]): SpaceToDepth puts blocks before channels, as
 * mode DCR wants; for CRD they change places. */
void igi_own_depth_to_space_grad(igi_own *w)
{
    static const int64_t swap[] = {0, 2, 1, 3, 4};
    int64_t b = igi_own_int(w, "blocksize"), blocks = b * b;
    bool dcr = strcmp(igi_own_choice(w, "mode"), "DCR") == 0;
    const char *y = igi_own_put_as(w, dcr ? w->out[0] : NULL, "SpaceToDepth",
                                   igi_own_in(w, 0), NULL, NULL);
    igi_own_set_int(w, "blocksize", b);
    if (dcr)
        return;
    const char *from = igi_own_put1(w, "Shape", igi_own_in(w, 0));
    const char *to = igi_own_put1(w, "Shape", y);
    const char *dims[] = {part(w, from, 0, 1), igi_own_list(w, &blocks, 1),
                          part(w, from, 1, 2), part(w, to, 2, 4)};
    y = igi_own_transposed(w, reshaped(w, y, dims, 4), swap, 5);
    igi_own_reshape_to(w, w->out[0], y, to);
}

/* Numbers 1 where row and column are equal, [1, n, n + 1]: the transform that changes
 * nothing. */
static const char *no_change(igi_own *w, int n)
{
    int64_t first[] = {1, -1, 1}, second[] = {1, 1, -1};
    const char *zero = igi_own_number(w, IG_INT64, 0, 0),
               *one = igi_own_number(w, IG_INT64, 0, 1);
    const char *rows =
        igi_own_put_as(w, NULL, "Range", zero, igi_own_number(w, IG_INT64, 0, n), one);
    const char *columns = igi_own_put_as(w, NULL, "Range", zero,
                                         igi_own_number(w, IG_INT64, 0, n + 1), one);
    rows = igi_own_put2(w, "Reshape", rows, igi_own_list(w, first, 3));
    columns = igi_own_put2(w, "Reshape", columns, igi_own_list(w, second, 3));
    return igi_own_cast(w, igi_own_put2(w, "Equal", rows, columns), w->dtype);
}

/* AffineGridGrad(dgrid[N, in..., n]): each row of dtheta is the sum over all places of
 * dgrid times the place, which AffineGrid gives for the transform that changes nothing,
 * and 1. */
void igi_own_affine_grid_grad(igi_own *w)
{
    static const int64_t ones[] = {1, 1}, last[] = {-1}, swap[] = {0, 2, 1};
    int n = igi_own_type_in(w, 0)->rank - 2;
    int64_t flat[] = {-1, n};
    if (n < 2) {
        igi_own_refuse(w, "its rank is not known");
        return;
    }
    const char *shape = igi_own_put1(w, "Shape", igi_own_in(w, 0));
    const char *size[] = {igi_own_list(w, ones, 2), part(w, shape, 1, n + 1)};
    const char *places =
        igi_own_put2(w, "AffineGrid", no_change(w, n), igi_own_joined(w, size, 2));
    igi_own_copy_attr(w, "align_corners");
    places = igi_own_put2(w, "Reshape", places, igi_own_list(w, flat, 2));
    const char *count[] = {part(w, igi_own_put1(w, "Shape", places), 0, 1),
                           igi_own_list(w, ones, 1)};
    const char *both[] = {places, igi_own_filled(w, igi_own_joined(w, count, 2), 1)};
    places = igi_own_put_n(w, NULL, "Concat", both, 2);
    igi_own_set_int(w, "axis", last[0]);
    const char *each[] = {part(w, shape, 0, 1), count[0], part(w, shape, n + 1, n + 2)};
    const char *d = reshaped(w, igi_own_in(w, 0), each, 3);
    igi_own_finish(w, "MatMul", igi_own_transposed(w, d, swap, 3), places);
}
