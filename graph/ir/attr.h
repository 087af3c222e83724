/* Attribute structs driven by their tables: defaults, checks, deep copies, text.
 *
 * An attribute struct is plain memory laid out by the operator's author; only these
 * functions walk it. Deep copies live in an arena; tensors and graphs in it are counted
 * by the copy's owner through igi_attrs_release. */
#ifndef GRAPH_IR_ATTR_H
#define GRAPH_IR_ATTR_H

#include "graph/core/arena.h"
#include "graph/core/text.h"
#include "graph/ir/registry.h"

/* Zeroes and fills defaults. */
void igi_attrs_init(const ig_op_def *op, void *attrs);
/* struct_size, ranges, enum indices, dtypes, required ones. Names attribute, value and
 * range. */
ig_status igi_attrs_check(const ig_op_def *op, const void *attrs);
/* Deep copy into the arena; NULL src gives defaults; retains tensors and graphs. */
ig_status
igi_attrs_copy(igi_arena *a, const ig_op_def *op, const void *src, void **out);
/* Replaces string and lists of one field by copies in the arena; false with a record.
 */
bool igi_attrs_copy_field(igi_arena *a, const ig_attr_def *row, void *at);
/* Drops tensors and graphs of a copy. */
void igi_attrs_release(const ig_op_def *op, void *attrs);
bool igi_attrs_equal(const ig_op_def *op, const void *a, const void *b);
/* The same but for graphs, which may be any. */
bool igi_attrs_equal_but_graphs(const ig_op_def *op, const void *a, const void *b);
uint64_t igi_attrs_hash(const ig_op_def *op, const void *a, uint64_t seed);
const ig_attr_def *igi_attr_find(const ig_op_def *op,
                                 const char *name); /* NULL: unknown */
/* Whether a field says nothing: pointers and lists that are NULL, no element type. */
bool igi_attr_is_absent(const ig_attr_def *row, const void *at);
/* Field of a row inside a struct. */
static inline void *igi_attr_at(const ig_attr_def *row, const void *attrs)
{
    return (char *)(uintptr_t)attrs + row->offset;
}
/* Set by name, for importers; strings and lists are copied into the arena; a mismatch
 * of kind names both. Enum attributes take their string; DTYPE takes an int. Tensors
 * are retained. */
ig_status
igi_attrs_set_int(const ig_op_def *op, void *attrs, const char *name, int64_t v);
ig_status
igi_attrs_set_float(const ig_op_def *op, void *attrs, const char *name, float v);
ig_status igi_attrs_set_string(
    igi_arena *a, const ig_op_def *op, void *attrs, const char *name, const char *v);
ig_status igi_attrs_set_ints(igi_arena *a,
                             const ig_op_def *op,
                             void *attrs,
                             const char *name,
                             const int64_t *v,
                             int64_t n);
ig_status igi_attrs_set_floats(igi_arena *a,
                               const ig_op_def *op,
                               void *attrs,
                               const char *name,
                               const float *v,
                               int64_t n);
ig_status igi_attrs_set_strings(igi_arena *a,
                                const ig_op_def *op,
                                void *attrs,
                                const char *name,
                                const char *const *v,
                                int64_t n);
ig_status
igi_attrs_set_tensor(const ig_op_def *op, void *attrs, const char *name, ig_tensor *v);
ig_status
igi_attrs_set_graph(const ig_op_def *op, void *attrs, const char *name, ig_graph *v);
ig_status igi_attrs_set_type(
    igi_arena *a, const ig_op_def *op, void *attrs, const char *name, const ig_type *v);
/* "axis=1, keepdims=0" of attributes that differ from defaults. */
ig_status igi_attrs_print(const ig_op_def *op, const void *attrs, igi_text *out);

#endif
