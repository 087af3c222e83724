// DepthToSpaceGrad: the inverse of DepthToSpace in either mode; SpaceToDepth has DCR
// only.

#include "operators/common_blocks.h"

IG_USES_OP(DepthToSpace);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {
    IGI_ATTR_BLOCKSIZE(igi_depth_attrs),
    IGI_ATTR_DEPTH_MODE,
    {0},
};

static ig_status depth_to_space_grad_infer(ig_infer *x)
{
    return igi_infer_deep(x, ((const igi_depth_attrs *)x->attrs)->blocksize);
}

static ig_status depth_to_space_grad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit1(g, IG_OP(DepthToSpace), ig_grad_attrs(g), ig_grad_dy(g, 0)));
    return IG_OK;
}

static ig_status depth_to_space_grad_reference(ig_kernel_ctx *k)
{
    const igi_depth_attrs *o = k->attrs;
    return igi_blocks_move(k, o->blocksize, o->mode, false);
}

static const igi_depth_attrs dcr = {sizeof(igi_depth_attrs), 2, IGI_DCR};
static const igi_depth_attrs crd = {sizeof(igi_depth_attrs), 2, IGI_CRD};
static const igi_depth_attrs one = {sizeof(igi_depth_attrs), 1, IGI_DCR};
static const ig_sample samples[] = {
    {.name = "dcr", .attrs = &dcr, IGI_INPUTS(IGI_IN(2, 2, 4, 6))},
    {.name = "crd", .attrs = &crd, IGI_INPUTS(IGI_IN(1, 3, 6, 2))},
    {.name = "size_one", .attrs = &one, IGI_INPUTS(IGI_IN(2, 3, 1, 1))},
    {.name = "empty", .attrs = &dcr, IGI_INPUTS(IGI_IN(0, 4, 2, 2))},
    {0},
};

IG_OPERATOR(DepthToSpaceGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "DepthToSpaceGrad",
    .since = 1,
    .doc = "Blocks of space become channels: the inverse of DepthToSpace, and its "
           "gradient.",
    .inputs = igi_block_inputs,
    .outputs = igi_block_outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_depth_attrs),
    .infer = depth_to_space_grad_infer,
    .gradient = depth_to_space_grad_gradient,
    .reference = depth_to_space_grad_reference,
    .samples = samples,
};
