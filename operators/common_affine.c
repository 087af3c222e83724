// Positions of an image between -1 and 1.

#include "operators/common_affine.h"

const ig_attr_def igi_affine_options[] = {
    IG_ATTR_INT(
        igi_affine_attrs,
        align_corners,
        0,
        "1: -1 and 1 are the centers of the corner elements; 0: their outer edges.",
        .min = 0,
        .max = 1),
    {0},
};

void igi_affine_place(const ig_tensor *grid, bool corners, int64_t j, double at[4])
{
    int n = ig_rank(grid) - 2;
    for (int i = 0; i < n; i++) {
        int64_t size = ig_dims(grid)[n - i], here = j % size;
        j /= size;
        if (corners)
            at[i] = size > 1 ? 2.0 * (double)here / (double)(size - 1) - 1 : -1;
        else
            at[i] = (2.0 * (double)here + 1) / (double)size - 1;
    }
    at[n] = 1;
}
