/* Built for a version that does not exist. */
#define IG_PLUGIN_NEEDS 1000
#include "tests/plugins/broken.h"
