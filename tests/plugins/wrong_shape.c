/* The kernel makes as many rows as the input has, infer says one more. */
#define BROKEN_ROWS(n_) ((n_) < 0 ? (n_) : (n_) + 1)
#include "tests/plugins/broken.h"
