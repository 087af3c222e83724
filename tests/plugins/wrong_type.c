/* float16 is claimed, but its bits are halved as a number. */
#define BROKEN_TYPES (IG_T(FLOAT32) | IG_T(FLOAT64) | IG_T(FLOAT16))
#include "tests/plugins/broken.h"
