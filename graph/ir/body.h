/* Graphs as attributes of nodes: bodies of If, Loop, Scan, SequenceMap.
 *
 * A body reads nothing but its inputs. Outer values that it needs are captures: the
 * last n_captures inputs of the node and of each of its bodies, in one order. Bodies
 * share the symbols of their parent. They are counted and may be shared by nodes; who
 * edits one takes a copy of its own first (igi_body_own). Nesting is bounded when nodes
 * are made, so walks over bodies may recurse. */
#ifndef GRAPH_IR_BODY_H
#define GRAPH_IR_BODY_H

#include "graph/ir/graph.h"

#define IGI_BODY_DEPTH 64 /* levels of bodies in bodies */

/* Where attribute number k that is a graph stands, NULL behind the last. */
ig_graph **igi_body_slot(const ig_op_def *op, const void *attrs, int k);
/* Body k of a node, NULL behind the last; graph attributes that are absent (those of
 * FlexAttention may be) are not counted. */
ig_graph *igi_body_of(const igi_node *n, int k);
static inline bool igi_has_bodies(const igi_node *n)
{
    return n->op->def->flags & IG_OP_SUBGRAPH;
}

/* An independent copy over the symbols `syms`, translated by name. */
ig_status igi_graph_clone_over(ig_graph **out, const ig_graph *g, ig_symtab *syms);
/* Bodies in `attrs` (a copy of the node's own) that have other symbols than g become
 * copies over those of g; too many levels are an error. */
ig_status igi_bodies_adopt(ig_graph *g, const ig_op_def *op, void *attrs);
/* Body k of node n for editing: a copy when somebody else holds it too. */
ig_status igi_body_own(ig_graph *g, ig_node_id n, int k, ig_graph **out);
/* Captures agree in number and type between node and bodies; bodies are valid. */
ig_status igi_bodies_verify(const ig_graph *g, ig_node_id n);
/* Whether g or a body below it draws random numbers. */
bool igi_graph_is_random(const ig_graph *g);
/* Nodes of g and of all bodies below it, dead ones included. */
size_t igi_graph_count(const ig_graph *g);

/* One more input behind the others: a capture of the value that `like` describes. */
ig_status igi_body_add_input(ig_graph *body,
                             const ig_graph *outer,
                             ig_value_id like,
                             ig_value_id *out);
/* The value of input i becomes the constant t (counted); the input is then dropped. */
ig_status igi_body_fix_input(ig_graph *body, int i, ig_tensor *t);
/* Removes input i, which nobody reads, or whose value has become a constant. */
void igi_body_drop_input(ig_graph *body, int i);
/* Whether some body reads capture number c. */
bool igi_capture_is_read(const igi_node *n, int c);
/* Capture number c of node n goes, in node and bodies; no body may read it. */
ig_status igi_node_drop_capture(ig_graph *g, ig_node_id n, int c);

#endif
