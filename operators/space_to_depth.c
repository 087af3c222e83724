// SpaceToDepth: blocks of space become channels: [N, C, H b, W b] to [N, C b^2, H, W].

#include "operators/common_blocks.h"

IG_USES_OP(DepthToSpace);

static const ig_type_rule types[] = {{'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {0}};
static const ig_attr_def attrs[] = {
    IGI_ATTR_BLOCKSIZE(igi_block_attrs),
    {0},
};

static ig_status space_to_depth_infer(ig_infer *x)
{
    return igi_infer_deep(x, ((const igi_block_attrs *)x->attrs)->blocksize);
}

static ig_status space_to_depth_gradient(ig_grad *g)
{
    const igi_block_attrs *o = ig_grad_attrs(g);
    const igi_depth_attrs dcr = {sizeof(dcr), o->blocksize, IGI_DCR};
    ig_grad_set(g, 0, ig_emit1(g, IG_OP(DepthToSpace), &dcr, ig_grad_dy(g, 0)));
    return IG_OK;
}

static ig_status space_to_depth_reference(ig_kernel_ctx *k)
{
    const igi_block_attrs *o = k->attrs;
    return igi_blocks_move(k, o->blocksize, IGI_DCR, false);
}

static const igi_block_attrs two = {sizeof(igi_block_attrs), 2};
static const igi_block_attrs one = {sizeof(igi_block_attrs), 1};
static const ig_sample samples[] = {
    {.name = "two", .attrs = &two, IGI_INPUTS(IGI_IN(2, 2, 4, 6))},
    {.name = "size_one", .attrs = &one, IGI_INPUTS(IGI_IN(2, 3, 1, 1))},
    {.name = "empty", .attrs = &two, IGI_INPUTS(IGI_IN(0, 4, 2, 2))},
    {0},
};

IG_OPERATOR(SpaceToDepth) = {
    IG_OP_HEAD,
    .name = "SpaceToDepth",
    .since = 13,
    .doc = "Blocks of space become channels.",
    .inputs = igi_block_inputs,
    .outputs = igi_block_outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_block_attrs),
    .infer = space_to_depth_infer,
    .gradient = space_to_depth_gradient,
    .reference = space_to_depth_reference,
    .samples = samples,
};
