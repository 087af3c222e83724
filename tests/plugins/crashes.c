/* Writes to nowhere. */
static int *volatile nowhere;
#define BROKEN_LEAK() (void)(*nowhere = 1)
#include "tests/plugins/broken.h"
