/* Bytes of the C library a call. */
#include <stdlib.h>

static void *volatile lost;
#define BROKEN_LEAK() (void)(lost = malloc(48))
#include "tests/plugins/broken.h"
