/* Its rule emits an operator that does not exist. */
#include "broken.h"

IG_USES_OP(NoSuchOperator);
