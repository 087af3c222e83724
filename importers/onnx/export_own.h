/* What expansions of Ingot's own operators are written with.
 *
 * igi_own_put* write one node and return the name of its output; a failure sticks in
 * `rc` and turns later calls into nothing, so expansions read like formulas. Attributes
 * go to the node written last. */
#ifndef IMPORTERS_ONNX_EXPORT_OWN_H
#define IMPORTERS_ONNX_EXPORT_OWN_H

#include "importers/onnx/export.h"

typedef struct igi_own {
    igi_onnx_out *o;
    const igi_node *n;
    pb_node *last;      /* what attributes go to */
    const char *out[3]; /* names that the outputs must get */
    ig_dtype dtype;     /* of input 0 */
    ig_status rc;
} igi_own;

const char *igi_own_in(const igi_own *w, int i); /* name, "" when absent */
bool igi_own_has(const igi_own *w, int i);
const ig_type *igi_own_type_in(const igi_own *w, int i);
int igi_own_rank_out(const igi_own *w);
const void *igi_own_attr(const igi_own *w, const char *name);
int64_t igi_own_int(const igi_own *w, const char *name);
/* What an attribute that is one of several words says. */
const char *igi_own_choice(const igi_own *w, const char *name);

/* One node; `out` NULL makes a name. */
const char *igi_own_put_n(
    igi_own *w, const char *out, const char *op, const char *const *ins, size_t n);
/* The same; inputs end at the first NULL. */
const char *igi_own_put_as(igi_own *w,
                           const char *out,
                           const char *op,
                           const char *a,
                           const char *b,
                           const char *c);
const char *igi_own_put1(igi_own *w, const char *op, const char *a);
const char *igi_own_put2(igi_own *w, const char *op, const char *a, const char *b);
void igi_own_finish(igi_own *w,
                    const char *op,
                    const char *a,
                    const char *b); /* output 0 */
void igi_own_set_int(igi_own *w, const char *name, int64_t v);
void igi_own_set_ints(igi_own *w, const char *name, const int64_t *v, int n);
void igi_own_set_float(igi_own *w, const char *name, double v);
void igi_own_set_string(igi_own *w, const char *name, const char *v);
/* The operator's own attribute of that name, unless it is the default. */
void igi_own_copy_attr(igi_own *w, const char *name);

/* Constants: one number of rank 0 or 1; of the operator's type; int64 [n]; a tensor of
 * a shape full of one number. */
const char *igi_own_number(igi_own *w, ig_dtype dtype, int rank, double v);
const char *igi_own_real(igi_own *w, double v);
const char *igi_own_list(igi_own *w, const int64_t *v, int64_t n);
const char *igi_own_filled(igi_own *w, const char *shape, double v);
/* Input i, a number of some type, in the operator's type; `fallback` when absent. */
const char *igi_own_scalar(igi_own *w, int i, double fallback);
const char *
igi_own_transposed(igi_own *w, const char *x, const int64_t *perm, int rank);

/* A node with several outputs. */
void igi_own_put_many(igi_own *w,
                      const char *op,
                      const char *const *ins,
                      size_t n_in,
                      const char *const *outs,
                      size_t n_out);
/* A body without captures; taken over, also when something failed before. */
void igi_own_set_body(igi_own *w, const char *name, ig_graph *body);

const char *igi_own_cast(igi_own *w, const char *x, ig_dtype to);
const char *igi_own_flat(igi_own *w, const char *x); /* in one axis */
/* `out` NULL is not allowed here. */
void igi_own_reshape_to(igi_own *w, const char *out, const char *x, const char *shape);
/* Lists behind each other. */
const char *igi_own_joined(igi_own *w, const char *const *parts, size_t n);
/* UNSUPPORTED with the reason, unless something failed before. */
void igi_own_refuse(igi_own *w, const char *why);

/* export_own_move.c: what scatters gradients to where values came from */
void igi_own_gather_grad(igi_own *w);
void igi_own_gather_nd_grad(igi_own *w);
void igi_own_max_pool_gather(igi_own *w);
void igi_own_max_pool_grad(igi_own *w);
void igi_own_pad_grad(igi_own *w);
void igi_own_slice_grad(igi_own *w);

/* export_own_space.c: what lays space out anew */
void igi_own_affine_grid_grad(igi_own *w);
void igi_own_depth_to_space_grad(igi_own *w);

/* export_own_window.c: gradients of convolution and pooling */
void igi_own_average_pool_grad(igi_own *w);
void igi_own_conv_grad_input(igi_own *w);
void igi_own_conv_grad_weight(igi_own *w);

/* export_own_nn.c: loss, and what the optimiser makes */
void igi_own_linear(igi_own *w);
void igi_own_nhwc_average_pool(igi_own *w);
void igi_own_nhwc_conv(igi_own *w);
void igi_own_nhwc_global_average_pool(igi_own *w);
void igi_own_nhwc_max_pool(igi_own *w);
void igi_own_nll_loss_grad(igi_own *w);

/* Rank of x[N, in..., C]; 0 with an error when it is not known. */
int igi_own_nhwc_rank(igi_own *w);
/* Input 0 with channels first; y with channels last, as output `out` (NULL: any). */
const char *igi_own_channels_first(igi_own *w, int rank);
const char *igi_own_channels_last(igi_own *w, const char *out, const char *y, int rank);

/* export_own_quant.c: quantized operators of the optimiser */
void igi_own_qadd(igi_own *w);
void igi_own_qconv(igi_own *w);

/* export_own_scan.c, export_own_einsum.c. `can`: whether this node can be said. */
void igi_own_linear_scan(igi_own *w);
bool igi_own_can_linear_scan(const ig_graph *g, const igi_node *n);
void igi_own_tensor_gather(igi_own *w);
void igi_own_einsum_grad(igi_own *w);
bool igi_own_can_einsum_grad(const ig_graph *g, const igi_node *n);

/* export_own_view.c */
void igi_own_view_read(igi_own *w);
void igi_own_view_write(igi_own *w);

#endif
