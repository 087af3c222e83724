/* An allocator that fails on purpose and counts live blocks.
 *
 *     igi_failing_each(make_a_thing, NULL);
 *
 * runs the function with allocation 0, 1, 2, ... failing, once and from then on for
 * ever, until it needs no more allocations; each failed run must report OUT_OF_MEMORY
 * with a message and leave no block behind. The function must release what it made. */
#ifndef TESTS_SUPPORT_FAILING_ALLOC_H
#define TESTS_SUPPORT_FAILING_ALLOC_H

#include <ingot/base.h>

/* Installs the allocator, which fails only when told to. No Ingot object may be alive.
 */
void igi_failing_install(void);
void igi_failing_uninstall(void);
/* Allocation number n from now on fails (0: the next), and with `forever` all after it.
 * n < 0: none fails. */
void igi_failing_at(long n, bool forever);
/* Did an allocation fail since igi_failing_at? */
bool igi_failing_hit(void);
/* Blocks and bytes that are alive, and allocations since installation. */
long igi_failing_live(void);
size_t igi_failing_live_bytes(void);
long igi_failing_count(void);
/* The most bytes that were alive since igi_failing_peak_reset. */
void igi_failing_peak_reset(void);
size_t igi_failing_peak_bytes(void);

/* See above; installs and uninstalls by itself. Fails the running cmocka test. */
void igi_failing_each(ig_status (*fn)(void *arg), void *arg);

#endif
