/* Shared by the operators that move elements (Reshape, Slice, Concat, Gather, Pad ...):
 * integer inputs that shapes depend on, whole copies, and the arithmetic of slices and
 * pads.
 *
 * Integers come from three places: tensors (eager, constants, run time), where every
 * value is itself, and propagated lists, where values of ig_dim_is_symbol are handles.
 * igi_is_symbol tells the two apart, so that INT64_MIN as an end of Slice stays a
 * number. */
#ifndef OPERATORS_COMMON_MOVE_H
#define OPERATORS_COMMON_MOVE_H

#include "graph/core/alloc.h"
#include "operators/common.h"

/* Default of an optional `axis`: not given. */
#define IGI_NO_AXIS INT64_MIN

/* ---- infer ---- */

/* Whether v, read from `port` by ig_infer_ints, is a symbol. */
bool igi_is_symbol(const ig_infer *x, int port, int64_t v);
/* dim + n for a number n of any sign. A negative sum of numbers is returned as it is.
 */
int64_t igi_dim_plus(ig_infer *x, int64_t dim, int64_t n);
/* Input `port` must be a vector; its length goes to *n (-1: not a number, or rank
 * unknown). */
ig_status igi_infer_vector(ig_infer *x, int port, int64_t *n);
/* Input `port` must be `what` ("one number" in the error): a scalar or a list of one.
 * It goes to *v where *known. */
ig_status
igi_infer_number(ig_infer *x, int port, const char *what, int64_t *v, bool *known);
/* igi_infer_vector for axes, where one number is taken for a list of one, as others do.
 */
ig_status igi_infer_axis_list(ig_infer *x, int port, int64_t *n);
/* Reads a list of sizes >= 0 or symbols: count, IG_INTS_UNKNOWN or IG_INTS_TOO_MANY (an
 * error is recorded: return INVALID_ARGUMENT). */
int igi_infer_sizes(ig_infer *x, int port, int64_t *dims);
/* Output 0 has the dims that input `port` lists. */
ig_status igi_infer_listed(ig_infer *x, int port);

/* For `values`: the integers of input `port` when it is an integer tensor of rank <= 1
 * whose contents are known; IG_INTS_UNKNOWN otherwise. Records no error. */
int igi_move_ints(ig_infer *x, int port, int64_t *buf, int cap);
/* Those of input 0 when output 0 has rank <= 1: for operators that keep all elements.
 */
int igi_values_kept(ig_infer *x, int64_t *out, int cap);

/* ---- views and references ---- */

/* Elements of packed types have no address of their own: only whole tensors can be
 * viewed. */
bool igi_viewable(const ig_view *v);
/* Output 0 := elements of input 0 in row-major order, other dims. Input of any strides.
 */
ig_status igi_copy_elements(ig_kernel_ctx *k);
/* Every index of a contiguous int32 or int64 tensor lies in [-size, size - 1]; the
 * error names position, value and bound. */
ig_status
igi_indices_check(const ig_kernel_ctx *k, const ig_tensor *indices, int64_t size);
/* axes[i] of a kernel's input, normalised to [0, rank) in *out; each may be named once.
 */
ig_status igi_axis_once(const ig_kernel_ctx *k,
                        int64_t axis,
                        int i,
                        int rank,
                        uint64_t *seen,
                        int64_t *out);
/* Every element of t := 0 (t contiguous, no strings). */
void igi_fill_zero(const ig_tensor *t);
/* dx of operators that only rename dims: Reshape(dy, shape of input 0). */
ig_status igi_reshape_gradient(ig_grad *g);
/* Reshape(v, shape), taking zeros in `shape` literally. */
ig_var igi_emit_reshape(ig_grad *g, ig_var v, ig_var shape);

/* ---- slices ---- */

/* starts, ends, axes and steps as given; axes are normalised and distinct. */
typedef struct igi_slices {
    int n;
    int64_t start[IG_RANK_MAX], end[IG_RANK_MAX], step[IG_RANK_MAX];
    int axis[IG_RANK_MAX];
} igi_slices;

/* One axis: first index, step, number of elements. A step of 0 never reaches this. */
typedef struct igi_span {
    int64_t start, step, count;
} igi_span;
igi_span igi_slice_span(int64_t dim, int64_t start, int64_t end, int64_t step);

/* Reads ports first .. first + 3 (starts, ends, axes, steps) in a kernel and checks
 * them. */
ig_status igi_slices_read(const ig_kernel_ctx *k, int first, int rank, igi_slices *s);
/* Spans of all axes of a tensor with these dims. */
void igi_slices_apply(const igi_slices *s,
                      int rank,
                      const int64_t *dims,
                      igi_span *spans);

/* ---- pieces of Split ---- */

/* Length of equal piece i of n: the last ones may be shorter, or empty. */
int64_t igi_equal_piece(int64_t size, int64_t n, int64_t i);

/* Where Split cuts: at the lengths that input 1 lists, or into equal pieces. */
typedef struct igi_pieces {
    int axis;
    int64_t size; /* of the axis */
    bool listed;
    int64_t length[IG_PORTS_MAX];
} igi_pieces;
ig_status igi_pieces_read(const ig_kernel_ctx *k, int64_t axis, igi_pieces *p);
/* Length of the piece that output i takes from `at` on, checked. */
ig_status igi_pieces_take(
    const ig_kernel_ctx *k, const igi_pieces *p, int i, int64_t at, int64_t *length);

/* ---- pads ---- */

enum {
    IGI_PAD_CONSTANT,
    IGI_PAD_REFLECT,
    IGI_PAD_EDGE,
    IGI_PAD_WRAP
}; /* ORDER: pad_modes */
extern const char *const igi_pad_modes[];
typedef struct igi_pad_attrs {
    uint32_t struct_size;
    int64_t mode;
} igi_pad_attrs;

/* Begin and end of each axis, zero for axes that are not named. */
typedef struct igi_pads {
    int64_t begin[IG_RANK_MAX], end[IG_RANK_MAX];
} igi_pads;

/* Where the elements of a padded tensor come from: for position i of axis a, map[a][i]
 * is the source index on that axis, or -1 for the constant. One allocation, freed by
 * the caller. */
typedef struct igi_pad_map {
    int64_t *all, *map[IG_RANK_MAX];
} igi_pad_map;

/* Reads pads and axes (NULL: absent) in a kernel and checks them. */
ig_status igi_pads_read(const ig_kernel_ctx *k,
                        const ig_tensor *pads,
                        const ig_tensor *axes,
                        int rank,
                        igi_pads *p);
/* From the smaller tensor's dims to the padded one's dims, which must agree with the
 * pads. */
ig_status igi_pad_map_make(const ig_kernel_ctx *k,
                           int rank,
                           const int64_t *dims,
                           const int64_t *padded,
                           const igi_pads *p,
                           igi_pad_map *m);

#endif
