/* The function that a fuzz target defines: libFuzzer calls it, or fuzz_replay.c does.
 * It returns 0 and keeps nothing. */
#ifndef TESTS_SUPPORT_FUZZ_H
#define TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
