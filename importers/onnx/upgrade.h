/* Upgrades: old versions of operators become the newest at import.
 *
 * upgrade_table.c has one row per operator: the opsets in which its definition changed,
 * and a function that rewrites a node of an older version. Such a function moves
 * attributes to inputs, drops what has no meaning any more, or makes several operators
 * itself and sets `done`; otherwise the node is emitted afterwards with whatever
 * attributes are left. */
#ifndef IMPORTERS_ONNX_UPGRADE_H
#define IMPORTERS_ONNX_UPGRADE_H

#include "importers/onnx/build.h"

typedef struct igi_onnx_upgrade {
    const char *op;
    uint8_t versions[12];               /* ascending, ended by 0 */
    ig_status (*run)(igi_onnx_node *n); /* NULL: all versions read alike */
} igi_onnx_upgrade;

/* NULL: an operator without history; its descriptor's `since` decides. */
const igi_onnx_upgrade *igi_onnx_upgrade_find(const char *domain, const char *op);
/* Row i of the table, NULL behind the last. */
const igi_onnx_upgrade *igi_onnx_upgrade_at(size_t i);
/* The operator that took the place of a deprecated one; other names as they are. */
const char *igi_onnx_successor(const char *op);
/* Version that an opset selects, 0 when the operator did not exist yet. */
int64_t igi_onnx_version(const igi_onnx_upgrade *u, int64_t opset);

/* Attributes: reading one marks it as used, so that it is not set on the new operator.
 */
bool igi_up_has(const igi_onnx_node *n, const char *name);
void igi_up_drop(igi_onnx_node *n, const char *name);
ig_status
igi_up_int(igi_onnx_node *n, const char *name, int64_t fallback, int64_t *out);
ig_status igi_up_float(igi_onnx_node *n, const char *name, float fallback, float *out);
ig_status igi_up_string(igi_onnx_node *n,
                        const char *name,
                        const char *fallback,
                        const char **out);
ig_status
igi_up_ints(igi_onnx_node *n, const char *name, ig_ints *out); /* v NULL: absent */
ig_status igi_up_floats(igi_onnx_node *n, const char *name, ig_floats *out);
ig_status igi_up_set_int(igi_onnx_node *n, const char *name, int64_t v);
ig_status igi_up_set_float(igi_onnx_node *n, const char *name, float v);
ig_status igi_up_set_string(igi_onnx_node *n, const char *name, const char *v);

/* Constants: int64 [n], and a rank 0 number of any type. */
ig_status
igi_up_const_ints(igi_onnx_node *n, const int64_t *v, int64_t count, ig_value_id *out);
ig_status igi_up_const(igi_onnx_node *n, ig_dtype dtype, double v, ig_value_id *out);
ig_status
igi_up_const_floats(igi_onnx_node *n, const float *v, int64_t count, ig_value_id *out);
/* Sets input i, making those between absent. An error when it is there already. */
ig_status igi_up_input(igi_onnx_node *n, int i, ig_value_id v);
/* The list attribute `name` becomes input i; nothing happens when absent or empty. */
ig_status igi_up_ints_to_input(igi_onnx_node *n, const char *name, int i);
ig_status igi_up_floats_to_input(igi_onnx_node *n, const char *name, int i);

/* Facts of an input; rank -1 when unknown. */
int igi_up_rank(const igi_onnx_node *n, ig_value_id v);
ig_dtype igi_up_dtype(const igi_onnx_node *n, ig_value_id v);

/* Makes one operator with one output; `attr` NULL or one int attribute. */
ig_status igi_up_make(igi_onnx_node *n,
                      const char *op,
                      const char *attr,
                      int64_t attr_value,
                      const ig_value_id *in,
                      int n_in,
                      ig_value_id *out);
/* Makes the node's operator from what is left of it. */
ig_status igi_up_finish(igi_onnx_node *n);

/* A list of integers; and another name for an attribute that is there. */
ig_status igi_up_set_ints(igi_onnx_node *n, const char *name, ig_ints v);
void igi_up_rename(igi_onnx_node *n, const char *from, const char *to);

/* Families. */
ig_status igi_up_consumed(igi_onnx_node *n);  /* drops consumed_inputs */
ig_status igi_up_broadcast(igi_onnx_node *n); /* Add-1 ... Pow-1, Equal-1, And-1 */
ig_status igi_up_clip(igi_onnx_node *n);
ig_status igi_up_cast(igi_onnx_node *n);
ig_status igi_up_selu(igi_onnx_node *n);
ig_status igi_up_group_norm(igi_onnx_node *n);
ig_status igi_up_lp(igi_onnx_node *n);
ig_status igi_up_roi_align(igi_onnx_node *n);
ig_status igi_up_tile(igi_onnx_node *n);
ig_status igi_up_top_k(igi_onnx_node *n);
ig_status igi_up_prelu(igi_onnx_node *n);
ig_status igi_up_softmax(igi_onnx_node *n);
ig_status igi_up_reduce(igi_onnx_node *n); /* axes attribute to input */
ig_status igi_up_reshape(igi_onnx_node *n);
ig_status igi_up_concat(igi_onnx_node *n);
ig_status igi_up_split(igi_onnx_node *n);
ig_status igi_up_slice(igi_onnx_node *n);
ig_status igi_up_squeeze(igi_onnx_node *n);
ig_status igi_up_pad(igi_onnx_node *n);
ig_status igi_up_scan(igi_onnx_node *n); /* Scan-8: a Scan over the batch */
ig_status igi_up_gemm(igi_onnx_node *n);
ig_status igi_up_batch_norm(igi_onnx_node *n);
ig_status igi_up_dropout(igi_onnx_node *n);
ig_status igi_up_recurrent(igi_onnx_node *n); /* RNN, LSTM, GRU */
ig_status igi_up_resize(igi_onnx_node *n);
ig_status igi_up_upsample(igi_onnx_node *n);
ig_status igi_up_grid_sample(igi_onnx_node *n);
ig_status igi_up_dft(igi_onnx_node *n);
ig_status igi_up_label_encoder(igi_onnx_node *n);

#endif
