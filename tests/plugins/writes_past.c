/* One element too many. */
#define BROKEN_EXTRA 1
#include "tests/plugins/broken.h"
