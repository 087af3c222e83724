/* Masks of com.microsoft's attention operators (contrib_mask.c). */
#ifndef IMPORTERS_ONNX_CONTRIB_ATTENTION_H
#define IMPORTERS_ONNX_CONTRIB_ATTENTION_H

#include "importers/onnx/compose.h"

/* Sizes of one call, int64 [1] each. */
typedef struct igi_ms_sizes {
    ig_value_id batch, queries, keys, past; /* keys with those of the past */
} igi_ms_sizes;

/* What a mask_index or key_padding_mask adds to the scores, in `dtype`: `filter` where
 * nothing may be seen. Shapes [B] (lengths), [2 B] (ends, then starts), [B, T] and
 * [B, S, T] (seen where above 0). */
ig_value_id igi_ms_padding(igi_make *m,
                           ig_value_id mask,
                           ig_value_id x, /* whose dim 0 is the batch */
                           const igi_ms_sizes *s,
                           ig_dtype dtype,
                           double filter);
/* bool [S, T]: key j is not after query i, which stands behind the past. */
ig_value_id igi_ms_causal(igi_make *m, const igi_ms_sizes *s);
/* mask (additive or {0}) where `seen` holds, else minus infinity. */
ig_value_id
igi_ms_where(igi_make *m, ig_value_id seen, ig_value_id mask, ig_dtype dtype);

#endif
