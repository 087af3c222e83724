// BitShift: z = x << y or x >> y, with NumPy broadcasting. Bits that leave the type are
// lost, and a shift by its width or more gives 0. No gradient: integers have none.

#include "operators/common.h"

typedef struct bit_shift_attrs {
    uint32_t struct_size;
    int64_t direction;
} bit_shift_attrs;
enum { LEFT, RIGHT }; // ORDER: directions
static const char *const directions[] = {"LEFT", "RIGHT", NULL};

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Bits."),
    IG_PORT("Y", 'T', "How far each is shifted."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Z", 'T', "Shape of the broadcast.", .alias = IG_MAY_ALIAS(0, 1)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_INT_UNSIGNED}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(bit_shift_attrs,
                 direction,
                 LEFT,
                 directions,
                 "LEFT: toward higher bits; RIGHT: toward lower ones.",
                 .flags = IG_REQUIRED),
    {0},
};
static const bit_shift_attrs left = {sizeof(bit_shift_attrs), LEFT};
static const bit_shift_attrs right = {sizeof(bit_shift_attrs), RIGHT};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(&left, IG_FILL_NORMAL, IG_FILL_NORMAL, 0),
    IGI_SAMPLE_2("right",
                 &right,
                 IG_FILL_NORMAL,
                 IG_FILL_ZERO_ONE,
                 0,
                 (IG_SHAPE_IN(3, 5)),
                 (IG_SHAPE_IN(5))),
    {.name = "wide",
     .attrs = &right,
     IGI_INPUTS({IG_SHAPE_IN(4), .data = (const double[]){255, 255, 255, 255}},
                {IG_SHAPE_IN(4), .data = (const double[]){7, 8, 64, 200}})},
    {.name = "wide_left",
     .attrs = &left,
     IGI_INPUTS({IG_SHAPE_IN(4), .data = (const double[]){255, 255, 255, 255}},
                {IG_SHAPE_IN(4), .data = (const double[]){7, 8, 64, 200}})},
    {0},
};

static ig_status bit_shift_reference(ig_kernel_ctx *k)
{
    if (((const bit_shift_attrs *)k->attrs)->direction == LEFT)
        IGI_BINARY(k, IGI_CASES2_UNSIGNED(b < 64 ? a << b : 0));
    IGI_BINARY(k, IGI_CASES2_UNSIGNED(b < 64 ? a >> b : 0));
}

IG_OPERATOR(BitShift) = {
    IG_OP_HEAD,
    .name = "BitShift",
    .since = 11,
    .doc = "Bits of X moved by Y places in `direction`, elementwise with broadcasting; "
           "those that leave the type are lost. No gradient: integers have none.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(bit_shift_attrs),
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = ig_gradient_none,
    .reference = bit_shift_reference,
    .samples = samples,
};
