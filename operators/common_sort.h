/* Order of elements of any type, and stable sorting of positions: TopK, Unique. */
#ifndef OPERATORS_COMMON_SORT_H
#define OPERATORS_COMMON_SORT_H

#include "operators/common_move.h"

/* Order of elements i and j of p: <0, 0, >0. It is total: NaNs are equal to each other
 * and above every number; complex numbers go by real, then by imaginary part; strings
 * by their bytes. */
int igi_order(ig_dtype type, const void *p, int64_t i, int64_t j);

/* Sorts n positions; equal ones keep their order. `spare` has room for n. */
ig_status igi_sort(igi_pace *pace,
                   int64_t *at,
                   int64_t *spare,
                   int64_t n,
                   int (*order)(const void *user, int64_t a, int64_t b),
                   const void *user);

#endif
