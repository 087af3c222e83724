/* Error records: one fixed record per thread, so that reporting never allocates.
 *
 * Messages are formatted beside the record first, because their arguments may point
 * into it
 * ("%s" of ig_error_message). Control characters become '?', since names in messages
 * may come from files (V6). */
#include "graph/core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local igi_error record;

const char *ig_status_string(ig_status status)
{
    static const char *const names[] = {
        [IG_OK] = "ok",
        [IG_INVALID_ARGUMENT] = "invalid argument",
        [IG_INVALID_GRAPH] = "invalid graph",
        [IG_UNSUPPORTED] = "unsupported",
        [IG_NOT_FOUND] = "not found",
        [IG_OUT_OF_MEMORY] = "out of memory",
        [IG_IO] = "input or output error",
        [IG_DEVICE] = "device error",
        [IG_INTERNAL] = "internal error",
        [IG_LIMIT] = "limit exceeded",
        [IG_CANCELLED] = "cancelled",
        [IG_DEADLINE] = "deadline passed",
    };
    size_t i = (size_t)status;
    return i < sizeof(names) / sizeof(names[0]) ? names[i] : "unknown status";
}

const char *ig_error_message(void)
{
    return record.text;
}

ig_status ig_error_status(void)
{
    return record.status;
}

void igi_error_clear(void)
{
    record.status = IG_OK;
    record.text[0] = 0;
}

void igi_error_get(igi_error *out)
{
    out->status = record.status;
    memcpy(out->text, record.text, sizeof(out->text));
}

/* Copies src to dst[size] without control characters, cut before a split UTF-8
 * sequence. */
static void copy_text(char *dst, size_t size, const char *src)
{
    size_t n = 0;
    for (; src[n] && n + 1 < size; n++) {
        unsigned char c = (unsigned char)src[n];
        dst[n] = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : (char)c;
    }
    while (src[n] && n > 0 && ((unsigned char)src[n] & 0xc0) == 0x80)
        n--;
    dst[n] = 0;
}

ig_status igi_error_set(const igi_error *e)
{
    record.status = e->status;
    memmove(record.text, e->text, sizeof(record.text));
    record.text[sizeof(record.text) - 1] = 0;
    return record.status;
}

ig_status ig_fail(ig_status code, const char *fmt, ...)
{
    char text[IG_ERROR_TEXT_MAX +
              4]; /* a little longer, so that copy_text sees where it cuts */
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    copy_text(record.text, sizeof(record.text), n < 0 ? fmt : text);
    record.status = code == IG_OK ? IG_INTERNAL : code;
    return record.status;
}

ig_status ig_fail_context(const char *fmt, ...)
{
    char text[2 * IG_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, IG_ERROR_TEXT_MAX / 2, fmt, args);
    va_end(args);
    if (n < 0)
        n = snprintf(text, IG_ERROR_TEXT_MAX / 2, "%s", fmt);
    size_t at = n < IG_ERROR_TEXT_MAX / 2 ? (size_t)n : IG_ERROR_TEXT_MAX / 2 - 1;
    snprintf(text + at, sizeof(text) - at, ": %s", record.text);
    copy_text(record.text, sizeof(record.text), text);
    if (record.status == IG_OK)
        record.status = IG_INTERNAL;
    return record.status;
}

ig_status igi_bug(const char *where, const char *what)
{
    ig_fail(IG_INTERNAL,
            "%s: broken invariant: %s (an error in Ingot, please report it)", where,
            what);
#ifndef NDEBUG
    abort();
#endif
    return IG_INTERNAL;
}

const char *ig_version(void)
{
    return IG_STRINGIZE(IG_VERSION_MAJOR) "." IG_STRINGIZE(
        IG_VERSION_MINOR) "." IG_STRINGIZE(IG_VERSION_PATCH);
}

int ig_version_num(void)
{
    return IG_VERSION_NUM;
}
