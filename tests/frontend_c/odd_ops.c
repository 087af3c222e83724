#include "tests/frontend_c/odd_ops.h"

#include <string.h>

#include <ingot/plugin.h>

#include "graph/ir/registry.h"

extern const ig_op_def *const igi_builtin_ops[];
IG_USES_OP(Concat);
IG_USES_OP(Cast);
IG_USES_OP(Mul);

void (*odd_watch)(void);

static const ig_port inputs[] = {IG_PORT("x", 'T', "Input."), {0}};
static const ig_port outputs[] = {IG_PORT("y", 'T', "Output."), {0}};
static const ig_type_rule types[] = {{'T', IG_T(FLOAT64)}, {0}};

static ig_status identity(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    if (ig_numel(x))
        memcpy(ig_data(ig_out(k, 0)), ig_data(x), (size_t)ig_numel(x) * sizeof(double));
    return IG_OK;
}

static ig_status wrong_shape(ig_grad *g)
{
    struct {
        uint32_t struct_size;
        int64_t axis;
    } o = {sizeof(o), 0};
    ig_var in[2] = {ig_grad_dy(g, 0), ig_grad_dy(g, 0)}, out;
    (void)ig_emit_n(g, IG_OP(Concat), &o, in, 2, &out, 1);
    ig_grad_set(g, 0, out);
    return IG_OK;
}

static ig_status wrong_type(ig_grad *g)
{
    struct {
        uint32_t struct_size;
        int64_t to, saturate, round_mode;
    } o = {sizeof(o), IG_FLOAT32, 1, 0};
    ig_grad_set(g, 0, ig_emit1(g, IG_OP(Cast), &o, ig_grad_dy(g, 0)));
    return IG_OK;
}

static ig_status undeclared(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), ig_grad_in(g, 0)));
    return IG_OK;
}

static ig_status watch(ig_grad *g)
{
    if (odd_watch)
        odd_watch();
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0),
                         ig_grad_scalar(g, IG_FLOAT64, 1)));
    return IG_OK;
}

/* dx is the saved x as it stands: the value itself goes on as a gradient. */
static ig_status gives_saved(ig_grad *g)
{
    ig_grad_set(g, 0, ig_grad_in(g, 0));
    return IG_OK;
}
static const ig_save saves_x[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};

#define ODD(name_, rule_, saves_)                                                      \
    {                                                                                  \
        IG_OP_HEAD, .domain = "test", .name = #name_, .since = 1, .doc = "A test.",    \
                    .inputs = inputs, .outputs = outputs, .types = types,              \
                    .infer = ig_infer_same, .gradient = rule_, .reference = identity,  \
                    .saves = saves_                                                    \
    }
static const ig_op_def odd[] = {
    ODD(WrongShape, wrong_shape, NULL),    ODD(WrongType, wrong_type, NULL),
    ODD(Todo, ig_gradient_todo, NULL),     ODD(Forbidden, ig_gradient_forbidden, NULL),
    ODD(Undeclared, undeclared, NULL),     ODD(Watch, watch, NULL),
    ODD(GivesSaved, gives_saved, saves_x),
};

ig_status odd_registry(ig_registry **out)
{
    IG_TRY(igi_registry_new(out));
    for (int i = 0; igi_builtin_ops[i]; i++)
        IG_TRY(igi_registry_add(*out, igi_builtin_ops[i]));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        IG_TRY(igi_registry_add(*out, &odd[i]));
    return IG_OK;
}

void odd_registry_free(ig_registry *r)
{
    igi_registry_free(r);
}
