/* The frame of programs that try random cases: PROGRAM SEED COUNT runs the cases SEED
 * .. SEED + COUNT - 1. They run in processes of their own, so that one which crashes or
 * hangs is told by its number, and the others go on; it runs again alone as
 * PROGRAM NUMBER 1. */
#ifndef TESTS_FUZZ_RANDOM_MAIN_H
#define TESTS_FUZZ_RANDOM_MAIN_H

#include <stdbool.h>
#include <stdint.h>

/* One case: how many things are wrong with it. */
typedef int (*random_case_fn)(uint64_t seed, void *user);

/* The status of main. */
int random_main(int argc, char **argv, random_case_fn f, void *user);

#endif
