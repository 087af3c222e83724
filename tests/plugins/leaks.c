/* A tensor a call. */
#include <ingot/base.h>

static void leak(void);
#define BROKEN_LEAK() leak()
#include "tests/plugins/broken.h"

static void leak(void)
{
    ig_tensor *t = NULL;
    (void)ig_tensor_new(&t, IG_FLOAT32, 0, NULL);
}
