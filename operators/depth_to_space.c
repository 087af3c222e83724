// DepthToSpace: channels become blocks of space: [N, C b^2, H, W] to [N, C, H b, W b].

#include "operators/common_blocks.h"

IG_USES_OP(DepthToSpaceGrad);
IG_USES_OP(SpaceToDepth);

static const ig_type_rule types[] = {{'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {0}};
static const ig_attr_def attrs[] = {
    IGI_ATTR_BLOCKSIZE(igi_depth_attrs),
    IGI_ATTR_DEPTH_MODE,
    {0},
};

static ig_status depth_to_space_infer(ig_infer *x)
{
    return igi_infer_wide(x, ((const igi_depth_attrs *)x->attrs)->blocksize);
}

static ig_status depth_to_space_gradient(ig_grad *g)
{
    const igi_depth_attrs *o = ig_grad_attrs(g);
    const igi_block_attrs block = {sizeof(block), o->blocksize};
    ig_var dy = ig_grad_dy(g, 0);
    ig_grad_set(g, 0,
                o->mode == IGI_DCR ? ig_emit1(g, IG_OP(SpaceToDepth), &block, dy)
                                   : ig_emit1(g, IG_OP(DepthToSpaceGrad), o, dy));
    return IG_OK;
}

static ig_status depth_to_space_reference(ig_kernel_ctx *k)
{
    const igi_depth_attrs *o = k->attrs;
    return igi_blocks_move(k, o->blocksize, o->mode, true);
}

static const igi_depth_attrs dcr = {sizeof(igi_depth_attrs), 2, IGI_DCR};
static const igi_depth_attrs crd = {sizeof(igi_depth_attrs), 2, IGI_CRD};
static const igi_depth_attrs one = {sizeof(igi_depth_attrs), 1, IGI_DCR};
static const ig_sample samples[] = {
    {.name = "dcr", .attrs = &dcr, IGI_INPUTS(IGI_IN(2, 8, 2, 3))},
    {.name = "crd", .attrs = &crd, IGI_INPUTS(IGI_IN(1, 12, 3, 1))},
    {.name = "size_one", .attrs = &one, IGI_INPUTS(IGI_IN(2, 3, 1, 1))},
    {.name = "empty", .attrs = &dcr, IGI_INPUTS(IGI_IN(0, 4, 2, 2))},
    {0},
};

IG_OPERATOR(DepthToSpace) = {
    IG_OP_HEAD,
    .name = "DepthToSpace",
    .since = 13,
    .doc = "Blocks of channels become blocks of space.",
    .inputs = igi_block_inputs,
    .outputs = igi_block_outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_depth_attrs),
    .infer = depth_to_space_infer,
    .gradient = depth_to_space_gradient,
    .reference = depth_to_space_reference,
    .samples = samples,
};
