// CastLike: Cast to the element type of a second tensor, whose contents do not matter.

#include "operators/common_cast.h"

typedef struct {
    uint32_t struct_size;
    int64_t saturate, round_mode;
} cast_like_attrs;
static const ig_attr_def attrs[] = {
    {.name = "saturate",
     .kind = IG_A_INT,
     .offset = IG_FIELD(int64_t, cast_like_attrs, saturate),
     .doc = "float8: 1 clamps to the largest value, 0 gives NaN or infinity.",
     .def.i = 1,
     .max = 1},
    IG_ATTR_ENUM(cast_like_attrs, round_mode, 0, igi_round_modes, "Of float8e8m0."),
    {0},
};
#define CASTABLE_ (IG_ALL_TYPES & ~IG_COMPLEXES)
static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Any tensor."),
    IG_PORT("target_type", 'U', "Gives the type.", .flags = IG_TYPE_ONLY | IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'U', "Shape of the input, type of target_type."),
    {0},
};
static const ig_type_rule types[] = {{'T', CASTABLE_}, {'U', CASTABLE_}, {0}};
#define NUMBERS_ (CASTABLE_ & ~IG_T(STRING))
#define SAMPLE_(name_, to_)                                                            \
    {                                                                                  \
        .name = name_, .n_in = 2,                                                      \
        .in = (const ig_sample_in[]){{IG_SHAPE_IN(3, 5)},                              \
                                     {IG_SHAPE_IN(2), .dtype = to_}},                  \
        .types = NUMBERS_, .no_gradient = true                                         \
    }
static const ig_sample samples[] = {
    {.name = "float64",
     .n_in = 2,
     .in =
         (const ig_sample_in[]){{IG_SHAPE_IN(3, 5)}, {.rank = 0, .dtype = IG_FLOAT64}},
     .types = IG_FLOATS},
    SAMPLE_("int32", IG_INT32),
    SAMPLE_("bfloat16", IG_BFLOAT16),
    SAMPLE_("bool", IG_BOOL),
    {.name = "size_one",
     .n_in = 2,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(1, 1)},
                                  {IG_SHAPE_IN(1), .dtype = IG_INT8}},
     .types = NUMBERS_,
     .no_gradient = true},
    {.name = "empty",
     .n_in = 2,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(0, 3)}, {.rank = 0, .dtype = IG_UINT8}},
     .types = NUMBERS_},
    {0},
};
#undef SAMPLE_

static ig_status cast_like_infer(ig_infer *x)
{
    return ig_infer_copy(x, 0, 0); // U is bound by target_type
}

static ig_status cast_like_reference(ig_kernel_ctx *k)
{
    const cast_like_attrs *a = k->attrs;
    igi_cast_mode mode = {a->saturate != 0, (int)a->round_mode};
    return igi_cast_tensor(k, ig_out(k, 0), ig_in(k, 0), mode);
}

IG_OPERATOR(CastLike) = {
    IG_OP_HEAD,
    .name = "CastLike",
    .since = 25,
    .doc = "Cast to the element type of target_type.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(cast_like_attrs),
    .flags = IG_OP_STRIDED,
    .infer = cast_like_infer,
    .gradient = igi_cast_gradient,
    .reference = cast_like_reference,
    .samples = samples,
};
