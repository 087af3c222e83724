// Covered: which of the values that a trace has seen a number has.
//
//   path = i with covered[i] = x, elementwise; any other x is an error
//
// A trace of several examples (ig_trace_opts.also) holds the paths that its examples
// took. Where C code read a value, this operator tells which path a run must take, and
// stops a run for which there is none: the graph gives no wrong answer. Values are
// compared as C code may tell them apart: bit by bit, but all NaNs are one.

#include <string.h>

#include "operators/common_move.h"

typedef struct covered_attrs {
    uint32_t struct_size;
    const char *place;
} covered_attrs;

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "The number that was read.", .flags = IG_NODIFF),
    IG_PORT("covered", 'D', "Rank 1: the values that were seen.", .flags = IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("path", 'I', "The place of x in covered; shape of x."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'D', IG_T(FLOAT64)},
    {'I', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_STRING(
        covered_attrs, place, "", "Where the value was read, for the error."),
    {0},
};

static ig_status covered_infer(ig_infer *x)
{
    int64_t n;
    IG_TRY(igi_infer_vector(x, 1, &n));
    IG_TRY(ig_infer_copy(x, 0, 0));
    return ig_infer_dtype(x, 0, IG_INT64);
}

static bool same(double a, double b)
{
    return (a != a && b != b) || memcmp(&a, &b, sizeof(a)) == 0;
}

static int64_t place_of(double x, const double *v, int64_t n)
{
    int64_t i = 0;
    while (i < n && !same(x, v[i]))
        i++;
    return i;
}

static ig_status covered_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *all = ig_in(k, 1);
    const char *place = ((const covered_attrs *)k->attrs)->place;
    int64_t *path = ig_data(ig_out(k, 0)), n = igi_tensor_count(all);
    for (int64_t i = 0; i < igi_tensor_count(x); i++) {
        double value = igi_get_f64((ig_dtype)x->v.type.dtype, ig_data(x), i);
        path[i] = place_of(value, ig_data(all), n);
        if (path[i] == n)
            return ig_kernel_fail(
                k, IG_UNSUPPORTED,
                "%s read the value %.17g, and no example of the trace "
                "took that path; trace with one more that does",
                place && *place ? place : "the traced function", value);
    }
    return IG_OK;
}

#define VALUES                                                                         \
    {                                                                                  \
        IG_SHAPE_IN(3), IGI_DATA(IG_FLOAT64, 0, 1, 2.5)                                \
    }
static const ig_sample samples[] = {
    {.name = "first",
     .types = IG_T(BOOL),
     IGI_INPUTS(IGI_IN_NUMBER(IG_BOOL, 0), VALUES)},
    {.name = "second",
     .types = IG_T(INT32),
     IGI_INPUTS({IG_SHAPE_IN(1, 1), IGI_DATA(IG_INT32, 1)}, VALUES)},
    {.name = "third",
     .types = IG_T(FLOAT32),
     IGI_INPUTS(IGI_IN_NUMBER(IG_FLOAT32, 2.5), VALUES)},
    {.name = "several",
     .types = IG_T(FLOAT64),
     IGI_INPUTS({IG_SHAPE_IN(2, 2), IGI_DATA(IG_FLOAT64, 1, 0, 2.5, 1)}, VALUES)},
    {.name = "empty", .types = IG_T(INT64), IGI_INPUTS(IGI_IN_NO_INTS, VALUES)},
    {0},
};

IG_OPERATOR(Covered) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "Covered",
    .since = 1,
    .doc = "The place of a number among values; an error when it is none of them.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(covered_attrs),
    .flags = IG_OP_EFFECTS,
    .infer = covered_infer,
    .gradient = ig_gradient_none,
    .reference = covered_reference,
    .samples = samples,
};
