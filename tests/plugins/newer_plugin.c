/* Uses a member that this version does not know. */
#define NEW_MEMBER 1
#include "tests/plugins/new_plugin.c"
