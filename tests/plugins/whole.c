/* Nothing is wrong with this one: the checks of the others would be worth little
 * otherwise. */
#include "tests/plugins/broken.h"
