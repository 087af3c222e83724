/* What the list of operators (`ingot ops`) and their page (docs/operators.md) both say.
 */
#ifndef TOOLS_OP_FACTS_H
#define TOOLS_OP_FACTS_H

#include "graph/ir/registry.h"

/* "yes", "none" (it is zero), "forbidden" or "not yet". */
const char *op_gradient(const ig_op_def *op);
/* Types of the first type variable; 0 when there is none. */
uint64_t op_types(const ig_op_def *op);
/* "floats, integers": sets that have a name first. `all` has room for the longest. */
#define OP_TYPES_SIZE 320
const char *op_type_list(uint64_t mask, char *buf, size_t size);
/* Opsets in which ONNX defined it anew and that are all read; how many. 0: not ONNX's.
 */
#define OP_VERSIONS_MAX 12
int op_versions(const ig_op_def *op, int *versions);

#endif
