/* InstanceNormalization and GroupNormalization: y = scale n + bias per channel, where n
 * is x made standard within each instance and group of channels; an instance
 * normalisation has groups of one channel. Statistics are in double. */
#ifndef OPERATORS_COMMON_GROUP_H
#define OPERATORS_COMMON_GROUP_H

#include "operators/common_float.h"
#include "operators/common_grad.h"

/* X [N, C, ...]; scale and bias [C]; groups divide C (0: a group per channel). */
ig_status igi_group_infer(ig_infer *x, int64_t groups);
ig_status igi_group_normalize(ig_kernel_ctx *k, int64_t groups, double epsilon);
ig_status igi_group_gradient(ig_grad *g, int64_t groups, double epsilon);
extern const ig_save igi_group_saves[];
extern const ig_type_rule igi_group_types[];

#endif
