/* For clang-tidy only: tells its analyser that ig_fail returns the code it is given,
 * which it cannot see across files. Else every "IG_TRY(find(&row)); use(row);" looks
 * like a mistake. */
#include "graph/core/status.h"
#include <ingot/plugin.h>

#define ig_fail(code_, ...)  (ig_fail((code_), __VA_ARGS__), (code_))
#define ig_fail_context(...) (ig_fail_context(__VA_ARGS__), IG_INTERNAL)
