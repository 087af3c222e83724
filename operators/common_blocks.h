/* DepthToSpace, SpaceToDepth and the gradient between them: channels in, space out.
 *
 * The wide form is [N, C, H b, W b], the deep one [N, C b^2, H, W]. Channel of (c, i,
 * j): DCR has (i b + j) C + c, CRD has c b^2 + i b + j. */
#ifndef OPERATORS_COMMON_BLOCKS_H
#define OPERATORS_COMMON_BLOCKS_H

#include "operators/common_move.h"

enum { IGI_DCR, IGI_CRD }; /* ORDER: igi_depth_modes */
extern const char *const igi_depth_modes[];
typedef struct igi_depth_attrs {
    uint32_t struct_size;
    int64_t blocksize, mode;
} igi_depth_attrs;
typedef struct igi_block_attrs {
    uint32_t struct_size;
    int64_t blocksize;
} igi_block_attrs;
#define IGI_ATTR_BLOCKSIZE(S_)                                                         \
    IG_ATTR_INT(S_, blocksize, 0, "Side of a block.", .flags = IG_REQUIRED, .min = 1,  \
                .max = INT32_MAX)
#define IGI_ATTR_DEPTH_MODE                                                            \
    IG_ATTR_ENUM(igi_depth_attrs, mode, IGI_DCR, igi_depth_modes,                      \
                 "DCR: places in a block are the outer part of a channel's number; "   \
                 "CRD: the inner part.")

extern const ig_port igi_block_inputs[], igi_block_outputs[];

/* Dims of the wide form from the deep one, and back. */
ig_status igi_infer_wide(ig_infer *x, int64_t block);
ig_status igi_infer_deep(ig_infer *x, int64_t block);
/* Output 0 := input 0 in the other form. */
ig_status igi_blocks_move(ig_kernel_ctx *k, int64_t block, int64_t mode, bool widen);

#endif
