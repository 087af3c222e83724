/* Log records: a mask of channels, read from IG_LOG at first use, and one sink. */
#include "graph/core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_CHANNELS ((1 << IGI_LOG_COUNT) - 1)

static const char *const names[IGI_LOG_COUNT] = {"dispatch", "plan", "pass", "import"};
atomic_int igi_log_mask = -1;
static ig_log_fn sink; /* written only by ig_log_set, before threads start */
static void *sink_user;

/* Mask of the names in a list like "dispatch,plan"; "all" is every one. */
static int parse(const char *list)
{
    int mask = 0;
    while (list && *list) {
        size_t n = strcspn(list, ",");
        for (int i = 0; i < IGI_LOG_COUNT; i++) {
            if (strlen(names[i]) == n && strncmp(names[i], list, n) == 0)
                mask |= 1 << i;
        }
        if (n == 3 && strncmp(list, "all", n) == 0)
            mask = ALL_CHANNELS;
        list += n + (list[n] == ',');
    }
    return mask;
}

void ig_log_set(ig_log_fn fn, void *user)
{
    sink = fn;
    sink_user = user;
    atomic_store(&igi_log_mask, fn ? ALL_CHANNELS : parse(getenv("IG_LOG")));
}

int igi_log_mask_read(void)
{
    int mask = parse(getenv("IG_LOG"));
    atomic_store_explicit(&igi_log_mask, mask, memory_order_relaxed);
    return mask;
}

void igi_log(igi_channel c, const char *fmt, ...)
{
    char text[1024];
    if (!igi_log_on(c))
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?'; /* names in it may come from files (V6) */
    }
    if (sink)
        sink(names[c], text, sink_user);
    else
        fprintf(stderr, "ingot %s: %s\n", names[c], text);
}
