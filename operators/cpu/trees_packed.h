/* Ensembles whose nodes all compare a float with a bound and whose leaves have at most
 * one vote each, which is nearly all that converters write: nodes of 12 bytes, the two
 * children of one side by side, so that a step is a load, a comparison and an addition.
 *
 * A leaf is a node that leads to itself: lanes that have arrived wait for the others
 * without a branch. Bounds become the largest float that the comparison still holds
 * for, so comparing floats decides as comparing doubles does. Votes are added in the
 * order of the trees, in double, as the reference adds them: results are its own. */
#ifndef OPERATORS_CPU_TREES_PACKED_H
#define OPERATORS_CPU_TREES_PACKED_H

#include "operators/common_trees.h"

typedef struct igi_packed_trees igi_packed_trees;

/* *out stays NULL when the ensemble is of another kind. */
ig_status igi_packed_trees_new(igi_packed_trees **out, const igi_trees *t);
void igi_packed_trees_free(igi_packed_trees *p);
/* igi_trees_block on n rows of `columns` floats; false: some feature is NaN, nothing is
 * done. */
bool igi_packed_trees_block(const igi_packed_trees *p,
                            const igi_trees *t,
                            const float *x,
                            int64_t columns,
                            int64_t n,
                            double *scores);

#endif
