/* Comparing values as the ONNX test suite does: equal kinds, exact element types and
 * shapes, strings equal, numbers with |got - want| <= atol + rtol * |want|, NaN equal
 * to NaN; into sequences and optionals. */
#ifndef TOOLS_COMPARE_H
#define TOOLS_COMPARE_H

#include <ingot/base.h>

typedef struct compare_opts {
    double rtol, atol;
    bool types_only; /* contents are random by design */
} compare_opts;

typedef struct compare_result {
    int64_t count, mismatches;
    double max_abs, max_rel; /* over numbers that are finite on both sides */
    double cosine;           /* of the last tensor; 1 without elements */
    char text[400];          /* the first difference, "" when there is none */
} compare_result;

/* False when they differ. Tensors may have any strides. Nothing is kept. */
bool compare_values(ig_value *got,
                    ig_value *want,
                    const compare_opts *o,
                    compare_result *r);

#endif
