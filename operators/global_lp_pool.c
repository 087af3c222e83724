// GlobalLpPool: the norm of order p of each channel.

#include "operators/common_global.h"
#include "operators/common_lp.h"

typedef struct global_lp_attrs {
    uint32_t struct_size;
    int64_t p;
} global_lp_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        global_lp_attrs, p, 2, "Order of the norm.", .min = 1, .max = INT32_MAX),
    {0},
};

static ig_status global_lp_pool_gradient(ig_grad *g)
{
    int64_t p = ((const global_lp_attrs *)ig_grad_attrs(g))->p;
    ig_var d = igi_emit_lp_root_gradient(g, ig_grad_out(g, 0), ig_grad_dy(g, 0), p);
    ig_grad_set(g, 0, igi_emit_lp_power_gradient(g, d, p));
    return IG_OK;
}

static ig_status global_lp_pool_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t order = ((const global_lp_attrs *)k->attrs)->p;
    igi_reduce space, *r = &space;
    igi_global_space(k, r);
#define CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                                       \
    case dtype_:                                                                       \
        IGI_REDUCE_EACH(k, r, T_, ig_data(x), double sum = 0,                          \
                        sum += igi_lp_power((double)LOAD_(p, i), order),               \
                        STORE_(T_, (T_ *)ig_data(y), o, igi_lp_root(sum, order)))      \
        return IG_OK;
    switch (ig_dtype_of(x)) {
        IGI_FLOAT_ROWS(CASE, )
    default:
        return igi_bad_dtype(k, ig_dtype_of(x));
    }
#undef CASE
}

static const global_lp_attrs one = {sizeof(global_lp_attrs), 1};
static const global_lp_attrs three = {sizeof(global_lp_attrs), 3};
#define NONZERO(...)                                                                   \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_NONZERO                              \
    }
static const ig_sample samples[] = {
    {.name = "image", IGI_INPUTS(NONZERO(2, 3, 2, 3))},
    {.name = "one", .attrs = &one, IGI_INPUTS(NONZERO(2, 2, 5))},
    {.name = "three", .attrs = &three, IGI_INPUTS(NONZERO(1, 2, 2, 1, 2))},
    {.name = "zeros",
     .no_gradient = true,
     IGI_INPUTS({IG_SHAPE_IN(1, 1, 3), .data = (const double[]){0, 0, 0}})},
    {.name = "empty", IGI_INPUTS(NONZERO(0, 3, 2, 2))},
    {0},
};

IG_OPERATOR(GlobalLpPool) = {
    IG_OP_HEAD,
    .name = "GlobalLpPool",
    .since = 22,
    .doc = "The norm of order p of each channel; its gradient at 0 is 0.",
    .inputs = igi_unary_x,
    .outputs = (const ig_port[]){IG_PORT("Y", 'T', "[N, C, 1, ...]."), {0}},
    .types = igi_float_types,
    .attrs = attrs,
    .attrs_size = sizeof(global_lp_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_global_infer,
    .gradient = global_lp_pool_gradient,
    .saves = igi_save_x_y,
    .reference = global_lp_pool_reference,
    .samples = samples,
};
