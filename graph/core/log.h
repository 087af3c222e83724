/* Log records for people: off unless IG_LOG names channels ("dispatch,plan") or a
 * service has installed a sink. The library itself never prints without one of the two.
 * IG_LOG=dispatch writes one line a decision to stderr; ig_log_set (<ingot/base.h>)
 * sends them elsewhere. */
#ifndef GRAPH_CORE_LOG_H
#define GRAPH_CORE_LOG_H

#include <ingot/base.h>
#include <stdatomic.h>

typedef enum igi_channel {
    IGI_LOG_DISPATCH,
    IGI_LOG_PLAN,
    IGI_LOG_PASS,
    IGI_LOG_IMPORT,
    IGI_LOG_COUNT
} igi_channel;
extern atomic_int igi_log_mask; /* of channels; -1: IG_LOG not read yet */
int igi_log_mask_read(void);
static inline bool igi_log_on(igi_channel c)
{
    int mask = atomic_load_explicit(&igi_log_mask, memory_order_relaxed);
    return (mask < 0 ? igi_log_mask_read() : mask) >> c & 1;
}
void igi_log(igi_channel c, const char *fmt, ...) IG_PRINTF(2, 3);

#endif
