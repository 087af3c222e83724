/* What NonMaxSuppression and its kernel share: what a call asks for, and boxes. */
#ifndef OPERATORS_COMMON_NMS_H
#define OPERATORS_COMMON_NMS_H

#include "operators/common_move.h"

typedef struct igi_nms_attrs {
    uint32_t struct_size;
    int64_t center_point_box;
} igi_nms_attrs;

typedef struct igi_nms {
    int64_t n, most; /* boxes of a batch; taken of each class */
    float overlap, score;
    bool center, scored;
} igi_nms;
static inline ig_status igi_nms_set(const ig_kernel_ctx *k, igi_nms *s)
{
    const ig_tensor *boxes = ig_in(k, 0), *scores = ig_in(k, 1);
    *s = (igi_nms){.n = ig_dims(boxes)[1],
                   .most = igi_scalar_i64(ig_in(k, 2), 0),
                   .overlap = (float)igi_scalar_f64(ig_in(k, 3), 0),
                   .score = (float)igi_scalar_f64(ig_in(k, 4), 0),
                   .center = ((const igi_nms_attrs *)k->attrs)->center_point_box,
                   .scored = ig_in(k, 4) != NULL};
    if (ig_dims(boxes)[0] != ig_dims(scores)[0] || s->n != ig_dims(scores)[2] ||
        ig_dims(boxes)[2] != 4)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "boxes [N, n, 4] and scores [N, classes, n] do not fit");
    for (int i = 2; i < 5; i++)
        if (ig_in(k, i) && ig_numel(ig_in(k, i)) != 1)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "%s must be one number",
                                  k->op->inputs[i].name);
    return IG_OK;
}

typedef struct igi_box {
    float low[2], high[2];
} igi_box;
static inline igi_box igi_box_of(const float *p, bool center)
{
    igi_box b;
    for (int a = 0; a < 2; a++) {
        float one = center ? p[a] - p[2 + a] / 2 : p[a];
        float two = center ? p[a] + p[2 + a] / 2 : p[2 + a];
        b.low[a] = one < two ? one : two;
        b.high[a] = one < two ? two : one;
    }
    return b;
}

#endif
