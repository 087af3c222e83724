/* What the own kernels of ingot::Conv read from a call over images. */
#ifndef OPERATORS_CPU_CONV_PROBLEM_H
#define OPERATORS_CPU_CONV_PROBLEM_H

#include "operators/common_fused.h"
#include "operators/cpu/kernel.h"

/* Geometry, windows (p->c: channels of a group) and epilogue, without pointers; false
 * when x is no batch of images. */
bool igi_conv_problem(const ig_kernel_ctx *k,
                      igi_conv *c,
                      igi_patches *p,
                      igi_epilogue *e);

#endif
