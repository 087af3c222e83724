/* Anomaly mode: gradients are looked at as they are made (AUTOGRAD rule 16). */
#include <math.h>

#include "frontend_c/tape.h"
#include "graph/core/dtype.h"

ig_status igi_check_finite(const igi_tape_node *n, int i, const ig_tensor *g)
{
    ig_tensor *flat = NULL;
    if (!igi_dtype_is_float((ig_dtype)g->v.type.dtype))
        return IG_OK;
    IG_TRY(igi_tensor_readable(&flat, g));
    int64_t count = igi_tensor_count(flat), bad = -1;
    for (int64_t k = 0; k < count && bad < 0; k++)
        if (isnan(igi_get_f64((ig_dtype)flat->v.type.dtype, flat->data, k)))
            bad = k;
    ig_tensor_unref(flat);
    if (bad < 0)
        return IG_OK;
    return ig_fail(
        IG_INVALID_ARGUMENT,
        "anomaly: the gradient of input %d of %s, called at %s, has a NaN at "
        "element %lld",
        i, n->op->def->name, n->where ? n->where : "?", (long long)bad);
}
