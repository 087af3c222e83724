/* As an older version built it: descriptors end before members that came later. Built
 * with the present headers, whose last member the older ones did not have. */
#define IG_OP_HEAD_SHORT .struct_size = (uint32_t)offsetof(struct ig_op_def, samples)
#include <ingot/plugin.h>

#undef IG_OP_HEAD
#define IG_OP_HEAD IG_OP_HEAD_SHORT
#include "tests/plugins/broken.h"
