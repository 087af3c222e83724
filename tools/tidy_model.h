/* For clang-tidy only: tells its analyser that ig_fail returns the code it is given,
 * and ig_reject of a plugin UNSUPPORTED, which it cannot see across files. Else every
 * "IG_TRY(find(&row)); use(row);" looks like a mistake. */
#include "graph/core/status.h"
#include <ingot/plugin.h>

#define ig_fail(code_, ...)  (ig_fail((code_), __VA_ARGS__), (code_))
#define ig_fail_context(...) (ig_fail_context(__VA_ARGS__), IG_INTERNAL)
#ifdef ig_reject /* a member of the plugin's table */
#undef ig_reject
#define ig_reject(reason_) (ig_api->reject(reason_), IG_UNSUPPORTED)
#endif
