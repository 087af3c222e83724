/* The slope of x / 2 is not 0.25. */
#define BROKEN_SLOPE 0.25
#include "tests/plugins/broken.h"
