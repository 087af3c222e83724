/* Nothing is wrong with this one: the checks of the others would be worth little
 * otherwise. */
#include "broken.h"
