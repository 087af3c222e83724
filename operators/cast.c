// Cast: the same values in another element type; the rules stand in common_cast.c.
//
// Beyond the text of ONNX: floats saturate where an integer cannot hold them, NaN gives
// 0; numbers become strings as NumPy prints them; strings may also say "true" and
// "false", and one that is no number is an error. Gradient: dy cast back, between float
// types only.

#include "operators/common_cast.h"

static const ig_attr_def attrs[] = {
    {.name = "to",
     .kind = IG_A_DTYPE,
     .flags = IG_REQUIRED,
     .offset = IG_FIELD(int64_t, igi_cast_attrs, to),
     .doc = "Element type of the output."},
    {.name = "saturate",
     .kind = IG_A_INT,
     .offset = IG_FIELD(int64_t, igi_cast_attrs, saturate),
     .doc = "float8: 1 clamps to the largest value, 0 gives NaN or infinity.",
     .def.i = 1,
     .max = 1},
    IG_ATTR_ENUM(igi_cast_attrs, round_mode, 0, igi_round_modes, "Of float8e8m0."),
    {0},
};
#define CASTABLE_ (IG_ALL_TYPES & ~IG_COMPLEXES)
static const ig_port inputs[] = {IG_PORT("input", 'T', "Any tensor."), {0}};
static const ig_port outputs[] = {IG_PORT("output", 'U', "Same shape, type `to`."),
                                  {0}};
static const ig_type_rule types[] = {{'T', CASTABLE_}, {'U', CASTABLE_}, {0}};

#define TO_(name_, ...)                                                                \
    static const igi_cast_attrs name_ = {sizeof(igi_cast_attrs), __VA_ARGS__}
TO_(to_f64, IG_FLOAT64, 1, 0);
TO_(to_f32, IG_FLOAT32, 1, 0);
TO_(to_f16, IG_FLOAT16, 1, 0);
TO_(to_i64, IG_INT64, 1, 0);
TO_(to_u8, IG_UINT8, 1, 0);
TO_(to_bool, IG_BOOL, 1, 0);
TO_(to_i4, IG_INT4, 1, 0);
TO_(to_f8, IG_FLOAT8E4M3FN, 0, 0);
TO_(to_e8m0, IG_FLOAT8E8M0, 1, 2);
TO_(to_string, IG_STRING, 1, 0);
// Strings in tests are no numbers: they are left out where numbers are made of them.
#define NUMBERS_ (CASTABLE_ & ~IG_T(STRING))
#define SAMPLE_(to_, types_)                                                           \
    {                                                                                  \
        .name = #to_, .attrs = &(to_), .n_in = 1,                                      \
        .in = (const ig_sample_in[]){{IG_SHAPE_IN(3, 5)}}, .types = types_,            \
        .no_gradient = true                                                            \
    }
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(&to_f64, IG_FILL_NORMAL, NUMBERS_ & ~(IG_FLOAT8S | IG_PACKED)),
    SAMPLE_(to_f32, NUMBERS_),
    SAMPLE_(to_f16, NUMBERS_),
    SAMPLE_(to_i64, NUMBERS_),
    SAMPLE_(to_u8, NUMBERS_),
    SAMPLE_(to_bool, NUMBERS_),
    SAMPLE_(to_i4, NUMBERS_),
    SAMPLE_(to_f8, NUMBERS_),
    SAMPLE_(to_e8m0, NUMBERS_),
    SAMPLE_(to_string, CASTABLE_),
    {0},
};
#undef SAMPLE_
#undef TO_

static ig_status cast_infer(ig_infer *x)
{
    IG_TRY(ig_infer_dtype(x, 0, ((const igi_cast_attrs *)x->attrs)->to));
    return ig_infer_copy(x, 0, 0);
}

// Sizes fit any wide integer type; through a narrow one, a float or a string they are
// lost.
static int cast_values(ig_infer *x, int64_t *out, int cap)
{
    const uint64_t numbers = IG_INTEGERS | IG_T(BOOL), wide = IG_T(INT64) | IG_T(INT32);
    int64_t to = ((const igi_cast_attrs *)x->attrs)->to;
    if (!(numbers >> x->in[0]->dtype & 1))
        return IG_INTS_UNKNOWN;
    int n = ig_infer_ints(x, 0, out, cap);
    for (int i = 0; i < n; i++) {
        if (to == IG_BOOL)
            out[i] = ig_dim_is_symbol(out[i]) ? ig_int_fresh(x->syms) : out[i] != 0;
        else if (to == IG_INT32 && !ig_dim_is_symbol(out[i]))
            out[i] = (int32_t)out[i];
    }
    bool keeps = (wide >> to & 1) || to == IG_BOOL;
    return n < 0 || !keeps ? IG_INTS_UNKNOWN : n;
}

static ig_status cast_reference(ig_kernel_ctx *k)
{
    const igi_cast_attrs *a = k->attrs;
    igi_cast_mode mode = {a->saturate != 0, (int)a->round_mode};
    return igi_cast_tensor(k, ig_out(k, 0), ig_in(k, 0), mode);
}

IG_OPERATOR(Cast) = {
    IG_OP_HEAD,
    .name = "Cast",
    .since = 25,
    .doc =
        "The same values in another element type. Integers keep their low bits; floats "
        "become integers toward zero and saturate, NaN gives 0.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_cast_attrs),
    .flags = IG_OP_STRIDED,
    .infer = cast_infer,
    .values = cast_values,
    .gradient = igi_cast_gradient,
    .reference = cast_reference,
    .samples = samples,
};
