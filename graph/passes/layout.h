/* NHWC regions: the walk (layout.c) and how single operators change layout
 * (layout_ops.c). */
#ifndef GRAPH_PASSES_LAYOUT_H
#define GRAPH_PASSES_LAYOUT_H

#include "graph/passes/rewrite.h"

/* Twins: the NHWC form of values of the graph as it was before the pass. */
typedef struct igi_layout {
    ig_graph *g;
    const igi_op *transpose;
    ig_value_id *twin; /* per value: {0}: none yet */
    bool *native;      /* per value: its twin is what a node of the region yields */
    bool *converted;   /* per node: its results have twins */
    size_t n_values, n_nodes;
} igi_layout;

/* Makes the NHWC form of node `id`: sets twins of its outputs, or leaves them {0} when
 * the node is better left alone. */
typedef ig_status (*igi_layout_fn)(igi_layout *l, ig_node_id id, ig_value_id *out);
typedef struct igi_layout_row {
    const char *op;
    igi_layout_fn convert;
    bool anchor; /* starts a region; others only join one */
} igi_layout_row;
extern const igi_layout_row igi_layout_rows[];
/* Operators that the table need not name: one output, all axes alike. */
ig_status igi_layout_elementwise(igi_layout *l, ig_node_id id, ig_value_id *out);

/* Only input 0 has the layout; the others are scalars. */
ig_status igi_layout_first_input(igi_layout *l, ig_node_id id, ig_value_id *out);
/* Quantized operators (layout_quant.c). */
ig_status igi_layout_qlinear_conv(igi_layout *l, ig_node_id id, ig_value_id *out);
ig_status igi_layout_scaled(igi_layout *l, ig_node_id id, ig_value_id *out);

/* NHWC form of a rank-4 value, by a Transpose where there is none. */
ig_status
igi_layout_twin(igi_layout *l, ig_value_id v, ig_node_id reader, ig_value_id *out);
/* The same for an operand that broadcasts against rank 4; {0}: cannot be said. */
ig_status
igi_layout_operand(igi_layout *l, ig_value_id v, ig_node_id reader, ig_value_id *out);

/* Axis of NCHW -> axis of NHWC. */
static inline int64_t igi_nhwc_axis(int64_t axis)
{
    static const int64_t to[4] = {0, 3, 1, 2};
    return to[axis < 0 ? axis + 4 : axis];
}

#endif
