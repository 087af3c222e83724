/* Error records.
 *
 * One thread-local record of fixed size holds the code and the text of the last
 * failure, so that reporting an error never allocates. Rules: every non-OK return has
 * called ig_fail once at the place that knows most; callers add context with
 * ig_fail_context, which prepends; nobody overwrites a lower message; public entry
 * points call igi_error_clear first. */
#ifndef GRAPH_CORE_STATUS_H
#define GRAPH_CORE_STATUS_H

#include <ingot/base.h>

#define IG_ERROR_TEXT_MAX 1024

/* Records code and message (cut at IG_ERROR_TEXT_MAX) and returns the code. */
#ifndef ig_fail /* a plugin of ours: an entry of its table (<ingot/plugin_api.h>) */
IG_API ig_status ig_fail(ig_status code, const char *fmt, ...) IG_PRINTF(2, 3);
#endif
/* Prepends "context: " to the recorded message and returns the recorded code. */
IG_API ig_status ig_fail_context(const char *fmt, ...) IG_PRINTF(1, 2);

void igi_error_clear(void);
/* In functions that users call: refuses a NULL that the function would follow. */
#define IGI_NEEDS(x_)                                                                  \
    do {                                                                               \
        if (!(x_))                                                                     \
            return ig_fail(IG_INVALID_ARGUMENT, "%s: `%s` is NULL", __func__, #x_);    \
    } while (0)
/* Copies the record out and in: to keep the first of several errors, or hand one to
 * another thread. */
typedef struct igi_error {
    ig_status status;
    char text[IG_ERROR_TEXT_MAX];
} igi_error;
void igi_error_get(igi_error *out);
ig_status igi_error_set(const igi_error *e);

#ifndef IG_TRY /* as in <ingot/plugin.h> */
#define IG_TRY(expr_)                                                                  \
    do {                                                                               \
        ig_status ig_try_ = (expr_);                                                   \
        if (ig_try_ != IG_OK)                                                          \
            return ig_try_;                                                            \
    } while (0)
#endif

/* For functions with one cleanup label: needs `ig_status rc` and a label `out`. */
#define IG_GO(expr_)                                                                   \
    do {                                                                               \
        rc = (expr_);                                                                  \
        if (rc != IG_OK)                                                               \
            goto out;                                                                  \
    } while (0)

/* A broken invariant of ours: stops in debug builds, an error in release builds. */
ig_status igi_bug(const char *where, const char *what);
#define IG_BUG(what_) igi_bug(IG_HERE, what_)

#endif
