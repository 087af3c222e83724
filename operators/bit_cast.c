// BitCast: the same bits as another type of the same width; of bool any bit means true.
// No gradient: it is no function of numbers.

#include <inttypes.h>

#include "operators/common_move.h"

typedef struct bit_cast_attrs {
    uint32_t struct_size;
    int64_t to;
} bit_cast_attrs;

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Any tensor but strings.", .flags = IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'U', "Same shape.", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_ALL_TYPES & ~IG_T(STRING)},
    {'U', IG_ALL_TYPES & ~IG_T(STRING)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_DTYPE(
        bit_cast_attrs, to, 0, "Element type of the result.", .flags = IG_REQUIRED),
    {0},
};

static ig_status bit_cast_infer(ig_infer *x)
{
    int64_t to = ((const bit_cast_attrs *)x->attrs)->to;
    ig_dtype from = (ig_dtype)x->in[0]->dtype;
    IG_TRY(ig_infer_dtype(x, 0, to));
    if (to <= 0 || to >= IG_DTYPE_COUNT || to == IG_STRING ||
        ig_dtype_bits((ig_dtype)to) != ig_dtype_bits(from))
        return ig_infer_fail(
            x, "%s cannot be read as type %" PRId64 ", which is not as wide",
            ig_dtype_name(from), to);
    return x->in[0]->rank < 0 ? ig_infer_unknown(x, 0) : ig_infer_copy(x, 0, 0);
}

static ig_status bit_cast_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    size_t n = ig_tensor_nbytes(y);
    if (n > 0)
        memcpy(ig_data(y), ig_data(x), n);
    if (ig_dtype_of(y) == IG_BOOL && ig_dtype_of(x) != IG_BOOL)
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)ig_data(y))[i] = ((uint8_t *)ig_data(y))[i] != 0;
    return IG_OK;
}

#define TO(name_, type_)                                                               \
    static const bit_cast_attrs name_ = {sizeof(bit_cast_attrs), type_}
TO(to_u8, IG_UINT8);
TO(to_bool, IG_BOOL);
TO(to_i16, IG_INT16);
TO(to_u32, IG_UINT32);
TO(to_f64, IG_FLOAT64);
TO(to_c128, IG_COMPLEX128);
TO(to_u4, IG_UINT4);
TO(to_i2, IG_INT2);
#define BITS_8 (IG_T(INT8) | IG_T(UINT8) | IG_T(BOOL) | IG_FLOAT8S | IG_T(FLOAT8E8M0))
static const ig_sample samples[] = {
    {.name = "bits_8", .attrs = &to_u8, .types = BITS_8, IGI_INPUTS(IGI_IN(3, 5))},
    {.name = "to_bool", .attrs = &to_bool, .types = BITS_8, IGI_INPUTS(IGI_IN(7))},
    {.name = "bits_16",
     .attrs = &to_i16,
     .types = IG_F16S | IG_T(INT16) | IG_T(UINT16),
     IGI_INPUTS(IGI_IN(2, 3))},
    {.name = "bits_32",
     .attrs = &to_u32,
     .types = IG_T(FLOAT32) | IG_T(INT32) | IG_T(UINT32),
     IGI_INPUTS(IGI_IN(2, 3))},
    {.name = "bits_64",
     .attrs = &to_f64,
     .types = IG_T(COMPLEX64) | IG_T(INT64) | IG_T(UINT64) | IG_T(FLOAT64),
     IGI_INPUTS(IGI_IN(1, 4))},
    {.name = "bits_128",
     .attrs = &to_c128,
     .types = IG_T(COMPLEX128),
     IGI_INPUTS(IGI_IN(2))},
    {.name = "bits_4",
     .attrs = &to_u4,
     .types = IG_T(UINT4) | IG_T(INT4) | IG_T(FLOAT4E2M1),
     IGI_INPUTS(IGI_IN(5))},
    {.name = "bits_2",
     .attrs = &to_i2,
     .types = IG_T(UINT2) | IG_T(INT2),
     IGI_INPUTS(IGI_IN(5))},
    {.name = "scalar",
     .attrs = &to_u32,
     .types = IG_T(FLOAT32),
     IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "empty",
     .attrs = &to_u32,
     .types = IG_T(FLOAT32),
     IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(BitCast) = {
    IG_OP_HEAD,
    .name = "BitCast",
    .since = 26,
    .doc = "The same bits read as another type of the same width.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(bit_cast_attrs),
    .infer = bit_cast_infer,
    .gradient = ig_gradient_none,
    .reference = bit_cast_reference,
    .samples = samples,
};
