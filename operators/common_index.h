/* Shared by GatherElements, GatherND, ScatterElements, ScatterND and their gradients:
 * where each index of a tensor points.
 *
 * ViewRead and ViewWrite take part with items that are placed by strides alone (m is
 * 0).
 *
 * Both families are one thing: an item of `indices` is a tuple of m numbers that picks
 * a slice of `inner` elements of the data. For the Elements forms m and inner are 1 and
 * the other coordinates are the item's own; for the ND forms m is the last dim of
 * indices and batch coordinates are the item's own.
 *
 * Items are visited in row-major order by one thread, so a scatter with equal targets
 * gives the same result in every run: of `none` the last one stays. */
#ifndef OPERATORS_COMMON_INDEX_H
#define OPERATORS_COMMON_INDEX_H

#include "operators/common_move.h"

enum {
    IGI_SCATTER_NONE,
    IGI_SCATTER_ADD,
    IGI_SCATTER_MUL,
    IGI_SCATTER_MAX,
    IGI_SCATTER_MIN
}; /* ORDER: igi_scatter_names */
extern const char *const igi_scatter_names[];

/* ScatterElements. */
typedef struct igi_scatter_attrs {
    uint32_t struct_size;
    int64_t axis, reduction;
} igi_scatter_attrs;
/* ScatterND. */
typedef struct igi_scatter_nd_attrs {
    uint32_t struct_size;
    int64_t reduction;
} igi_scatter_nd_attrs;
/* GatherND. */
typedef struct igi_batch_attrs {
    uint32_t struct_size;
    int64_t batch_dims;
} igi_batch_attrs;
/* ViewWrite. */
typedef struct igi_view_write_attrs {
    uint32_t struct_size;
    int64_t accumulate;
} igi_view_write_attrs;
#define IGI_ATTR_REDUCTION(S_)                                                         \
    IG_ATTR_ENUM(S_, reduction, IGI_SCATTER_NONE, igi_scatter_names,                   \
                 "How an update meets what is there: none (replaces), add, mul, max, " \
                 "min.")

/* ---- infer ---- */

/* Dims of the slices that indices (port 1) of rank q pick out of data (port 0, or the
 * dims given): indices' dims but the last, then what is left of data's. *rank is -1
 * when the length of the tuples is not known. */
ig_status igi_infer_slices(ig_infer *x,
                           int data_rank,
                           const int64_t *data,
                           int64_t batch,
                           int *rank,
                           int64_t *dims);
/* Ranks and dims of data and indices of the Elements forms fit. */
ig_status igi_infer_elements(ig_infer *x, int64_t axis);

/* ---- kernels ---- */

typedef struct igi_spots {
    int space_rank, m;
    const int64_t *space; /* dims of the items */
    int64_t index_stride[IG_RANK_MAX], base_stride[IG_RANK_MAX],
        item_stride[IG_RANK_MAX];
    int64_t size[IG_RANK_MAX], stride[IG_RANK_MAX]; /* of the m indexed axes */
    int64_t inner, count;                           /* of a slice; number of items */
    int64_t offset;                                 /* of all of them */
    const ig_tensor *index;
} igi_spots;

/* Of data with these dims, contiguous; every index is checked, and the error names its
 * position, value and bound. */
ig_status igi_spots_elements(const ig_kernel_ctx *k,
                             const ig_tensor *data,
                             const ig_tensor *indices,
                             int64_t axis,
                             igi_spots *s);
ig_status igi_spots_nd(const ig_kernel_ctx *k,
                       const ig_tensor *data,
                       const ig_tensor *indices,
                       int64_t batch,
                       igi_spots *s);

/* One element per element of `view`, at places of data that `geometry` (offset, then a
 * stride per axis of the view, int64) lists; all lie inside, or the error names the
 * first and last. */
ig_status igi_spots_strided(const ig_kernel_ctx *k,
                            const ig_tensor *data,
                            const ig_tensor *geometry,
                            const ig_tensor *view,
                            igi_spots *s);

/* Visits the items: igi_walk w over operands 0 (indices), 1 (data) and 2 (slices). */
void igi_spots_walk(const igi_spots *s, igi_walk *w);
/* Where item i of the walk's row begins in data, in elements. */
static inline int64_t igi_spot(const igi_spots *s, const igi_walk *w, int64_t i)
{
    int64_t at = s->offset + w->at[1] + i * w->step[1],
            from = w->at[0] + i * w->step[0];
    ig_dtype type = ig_dtype_of(s->index);
    for (int j = 0; j < s->m; j++) {
        int64_t v = type == IG_INT32
                        ? (int64_t)((const int32_t *)ig_data(s->index))[from + j]
                        : ((const int64_t *)ig_data(s->index))[from + j];
        at += (v < 0 ? v + s->size[j] : v) * s->stride[j];
    }
    return at;
}

/* out := the slices of data, one after the other. */
void igi_gather_spots(const igi_spots *s, const ig_tensor *data, const ig_tensor *out);
/* The slices of `updates` meet those of `out`. Sums and products of half types are kept
 * in float and rounded once. Errors: UNSUPPORTED for types without that reduction. */
ig_status igi_scatter_spots(ig_kernel_ctx *k,
                            const igi_spots *s,
                            const ig_tensor *updates,
                            const ig_tensor *out,
                            int64_t reduction);

/* ---- gradients ---- */

/* How a form is emitted: the slices of v; and the updates put into data. */
typedef struct igi_spot_form {
    ig_var (*gather)(ig_grad *g, ig_var v);
    ig_var (*scatter)(ig_grad *g, ig_var data, ig_var updates, int64_t reduction);
} igi_spot_form;
/* Of (data, indices, updates) -> output. */
ig_status igi_scatter_gradient(ig_grad *g, const igi_spot_form *f, int64_t reduction);
extern const ig_save igi_scatter_saves[];
/* Zeros of the dims of input 0 and the type of dy. */
ig_var igi_emit_zeros_of_input(ig_grad *g, int i);

#endif
