/* Its rule emits an operator that does not exist. */
#include "tests/plugins/broken.h"

IG_USES_OP(NoSuchOperator);
