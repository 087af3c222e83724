/* An allocator with guard bytes around every block and a chosen fill for fresh memory.
 *
 * A write beyond a block shows in igi_canary_check; memory that is read or returned
 * without having been written shows as different results under two fills. */
#ifndef TOOLS_SUITE_CANARY_ALLOC_H
#define TOOLS_SUITE_CANARY_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* For the whole program: call it before any Ingot object exists. */
void igi_canary_install(void);
/* Byte that fresh memory is filled with from now on. */
void igi_canary_fill(unsigned char byte);
/* Whether the guards of all live blocks, and of those freed since, are whole. */
bool igi_canary_check(void);
/* Blocks that are alive. */
size_t igi_canary_live(void);

#endif
