#include "tests/graph/ir/support.h"

#include <stdio.h>
#include <string.h>

static const ig_type_rule types[] = {
    {'T', IG_FLOATS | IG_T(INT64) | IG_T(INT32)},
    {'I', IG_T(INT64)},
    {'U', IG_NUMERIC},
    {0},
};
static const ig_port one[] = {IG_PORT("x", 'T', "Input."), {0}};
static const ig_port two[] = {
    IG_PORT("a", 'T', "First."),
    IG_PORT("b", 'T', "Second."),
    {0},
};
static const ig_port out[] = {IG_PORT("y", 'T', "Result."), {0}};
static const ig_port with_shape[] = {
    IG_PORT("x", 'T', "Input."),
    IG_PORT("shape", 'I', "Integers.", .flags = IG_VALUE),
    {0},
};
static const ig_port with_axes[] = {
    IG_PORT("x", 'T', "Input."),
    IG_PORT("axes", 'I', "Axes.", .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port type_only[] = {
    IG_PORT("x", 'T', "Input.", .flags = IG_TYPE_ONLY),
    {0},
};
static const ig_port ints_out[] = {IG_PORT("y", 'I', "Integers."), {0}};
static const ig_port many_in[] = {
    IG_PORT("x", 'T', "Inputs.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port many_out[] = {
    IG_PORT("y", 'T', "Parts.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port pair_out[] = {
    IG_PORT("y", 'T', "First."),
    IG_PORT("mask", 'T', "Second.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port assign_in[] = {
    IG_PORT("w", 'T', "Overwritten.", .flags = IG_MUTATED),
    IG_PORT("x", 'T', "New contents."),
    {0},
};
static const ig_port assign_out[] = {
    IG_PORT("y", 'T', "w afterwards.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_port cast_out[] = {IG_PORT("y", 'U', "Result."), {0}};
static const ig_port sequence_out[] = {
    IG_PORT("y", 'T', "Sequence.", .flags = IG_SEQ),
    {0},
};
static const ig_port maybe_in[] = {
    IG_PORT("x", 'T', "Inputs.", .flags = IG_VARIADIC | IG_OPTIONAL | IG_HETERO),
    {0},
};

static ig_status reference(ig_kernel_ctx *k)
{
    (void)k;
    return IG_OK;
}

/* ---- infer ---- */

static ig_status to_ints_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int n = ig_infer_ints(x, 1, dims, IG_RANK_MAX);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if (n < 0)
        return ig_infer_fresh(x, 0, (int)ig_type_dims(x->in[1])[0]);
    return ig_infer_set(x, 0, n, dims);
}

static ig_status reduce_infer(ig_infer *x)
{
    int64_t axes[IG_RANK_MAX], dims[IG_RANK_MAX];
    int at[IG_RANK_MAX], rank = x->in[0]->rank, kept = 0;
    int n = ig_infer_ints(x, 1, axes, IG_RANK_MAX);
    uint64_t gone = n < 0 ? UINT64_MAX : 0;
    if (n > 0)
        IG_TRY(ig_infer_axes(x, axes, n, rank, at));
    for (int i = 0; i < n; i++)
        gone |= IG_BIT(at[i]);
    for (int i = 0; i < rank; i++) {
        if (!(gone >> i & 1))
            dims[kept++] = ig_type_dims(x->in[0])[i];
        else if (((const reduce_attrs *)x->attrs)->keepdims)
            dims[kept++] = 1;
    }
    return ig_infer_set(x, 0, kept, dims);
}

static ig_status shape_infer(ig_infer *x)
{
    return ig_infer_set(x, 0, 1, IR_DIMS(x->in[0]->rank));
}

static int shape_values(ig_infer *x, int64_t *v, int cap)
{
    int n = x->in[0]->rank;
    if (n < 0 || n > cap)
        return IG_INTS_UNKNOWN;
    for (int i = 0; i < n; i++)
        v[i] = ig_type_dims(x->in[0])[i];
    return n;
}

static ig_status concat_infer(ig_infer *x)
{
    int64_t sum = 0;
    for (int i = 0; i < x->n_in; i++)
        sum = ig_dim_add(x->syms, sum, x->in[i]->rank ? ig_type_dims(x->in[i])[0] : 1);
    return ig_infer_set(x, 0, 1, &sum);
}

static int concat_values(ig_infer *x, int64_t *v, int cap)
{
    int n = 0;
    for (int i = 0; i < x->n_in; i++) {
        int k = ig_infer_ints(x, i, v + n, cap - n);
        if (k < 0)
            return IG_INTS_UNKNOWN;
        n += k;
    }
    return n;
}

static ig_status cast_infer(ig_infer *x)
{
    IG_TRY(ig_infer_dtype(x, 0, ((const cast_attrs *)x->attrs)->to));
    return ig_infer_same(x);
}

static int add_values(ig_infer *x, int64_t *v, int cap)
{
    return ig_values_binary(x, v, cap, ig_dim_add);
}

static ig_status sequence_infer(ig_infer *x)
{
    (void)x;
    return IG_OK;
}

/* The outputs of the body. */
static ig_status call_infer(ig_infer *x)
{
    const ig_graph *body = ((const call_attrs *)x->attrs)->body;
    for (int i = 0; i < x->n_out; i++) {
        const ig_type *t = ig_graph_value_type(body, ig_graph_output_at(body, i));
        if (!t)
            return ig_infer_fail(x, "the body has no output %d", i);
        IG_TRY(ig_infer_dtype(x, i, t->dtype));
        IG_TRY(ig_infer_set(x, i, t->rank, ig_type_dims(t)));
    }
    return IG_OK;
}

/* ---- gradients ---- */

static ig_status add_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_grad_dy(g, 0));
    ig_grad_set(g, 1, ig_grad_dy(g, 0));
    return IG_OK;
}

static ig_status mul_gradient(ig_grad *g)
{
    ig_var dy = ig_grad_dy(g, 0);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, dy, ig_grad_in(g, 1)));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, ig_emit2(g, IG_OP(Mul), NULL, dy, ig_grad_in(g, 0)));
    return IG_OK;
}
static const ig_save mul_saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(0, IG_BIT(1)),
    {0},
};

/* ---- attributes ---- */

static const ig_attr_def reduce_rows[] = {
    IG_ATTR_INT(reduce_attrs, keepdims, 1, "Keep reduced dims.", .max = 1),
    {0},
};
static const ig_attr_def cast_rows[] = {
    {.name = "to",
     .kind = IG_A_DTYPE,
     .flags = IG_REQUIRED,
     .offset = offsetof(cast_attrs, to),
     .doc = "Type."},
    {0},
};
static const ig_attr_def call_rows[] = {
    {.name = "body",
     .kind = IG_A_GRAPH,
     .flags = IG_REQUIRED,
     .offset = offsetof(call_attrs, body),
     .doc = "What is computed."},
    {0},
};
static const char *const modes[] = {"fast", "slow", NULL};
#define ROW(m_, kind_, ...)                                                            \
    {                                                                                  \
        .name = #m_, .kind = kind_, .offset = offsetof(opts_attrs, m_),                \
        .doc = "Some " #m_ ".", __VA_ARGS__                                            \
    }
static const ig_attr_def opts_rows[] = {
    ROW(f, IG_A_FLOAT, .def.f = 0.5),
    ROW(i, IG_A_INT, .def.i = 3, .min = 1),
    ROW(s, IG_A_STRING, .def.s = "none"),
    ROW(ints, IG_A_INTS, .min = -2, .max = 9),
    ROW(floats, IG_A_FLOATS, .flags = 0),
    ROW(strings, IG_A_STRINGS, .flags = 0),
    ROW(tensor, IG_A_TENSOR, .flags = 0),
    ROW(graph, IG_A_GRAPH, .flags = 0),
    ROW(mode, IG_A_ENUM, .names = modes),
    ROW(type, IG_A_DTYPE, .flags = 0),
    {0},
};

/* ---- descriptors ---- */

#define HEAD(name_)                                                                    \
    IG_OP_HEAD, .name = name_, .since = 1, .doc = name_ ".", .types = types,           \
                .reference = reference

IG_OPERATOR(Add) = {
    HEAD("Add"),
    .inputs = two,
    .outputs = out,
    .flags = IG_OP_ELEMENTWISE | IG_OP_COMMUTATIVE,
    .infer = ig_infer_broadcast,
    .values = add_values,
    .gradient = add_gradient,
};
IG_OPERATOR(Mul) = {
    HEAD("Mul"),
    .inputs = two,
    .outputs = out,
    .infer = ig_infer_broadcast,
    .gradient = mul_gradient,
    .saves = mul_saves,
};
IG_OPERATOR(Shape) = {
    HEAD("Shape"),        .inputs = type_only,    .outputs = ints_out,
    .infer = shape_infer, .values = shape_values, .gradient = ig_gradient_none,
};
IG_OPERATOR(SumTo) = {
    HEAD("SumTo"),  .domain = "ingot",      .inputs = with_shape,
    .outputs = out, .infer = to_ints_infer, .gradient = ig_gradient_todo,
};
IG_OPERATOR(Expand) = {
    HEAD("Expand"),
    .inputs = with_shape,
    .outputs = out,
    .infer = to_ints_infer,
    .gradient = ig_gradient_forbidden,
};
IG_OPERATOR(ReduceSum) = {
    HEAD("ReduceSum"),
    .inputs = with_axes,
    .outputs = out,
    .attrs = reduce_rows,
    .attrs_size = sizeof(reduce_attrs),
    .infer = reduce_infer,
    .gradient = ig_gradient_todo,
};
IG_OPERATOR(Identity) = {
    HEAD("Identity"),         .inputs = one,
    .outputs = out,           .infer = ig_infer_same,
    .values = ig_values_same, .gradient = ig_gradient_none,
};
IG_OPERATOR(Concat) = {
    HEAD("Concat"),        .inputs = many_in,       .outputs = out,
    .infer = concat_infer, .values = concat_values, .gradient = ig_gradient_todo,
};
IG_OPERATOR(Split) = {
    HEAD("Split"),
    .inputs = one,
    .outputs = many_out,
    .infer = ig_infer_same,
    .gradient = ig_gradient_todo,
};
IG_OPERATOR(Pair) = {
    HEAD("Pair"),
    .inputs = one,
    .outputs = pair_out,
    .infer = ig_infer_same,
    .gradient = ig_gradient_todo,
};
IG_OPERATOR(Assign) = {
    HEAD("Assign"),
    .inputs = assign_in,
    .outputs = assign_out,
    .infer = ig_infer_same,
    .gradient = ig_gradient_forbidden,
};
IG_OPERATOR(Draw) = {
    HEAD("Draw"),          .inputs = one,          .outputs = out,
    .flags = IG_OP_RANDOM, .infer = ig_infer_same, .gradient = ig_gradient_none,
};
IG_OPERATOR(Print) = {
    HEAD("Print"),          .inputs = one,          .outputs = out,
    .flags = IG_OP_EFFECTS, .infer = ig_infer_same, .gradient = ig_gradient_none,
};
IG_OPERATOR(Cast) = {
    HEAD("Cast"),
    .inputs = one,
    .outputs = cast_out,
    .attrs = cast_rows,
    .attrs_size = sizeof(cast_attrs),
    .infer = cast_infer,
    .gradient = ig_gradient_none,
};
IG_OPERATOR(Pack) = {
    HEAD("Pack"),
    .inputs = many_in,
    .outputs = sequence_out,
    .infer = sequence_infer,
    .gradient = ig_gradient_none,
};
IG_OPERATOR(Call) = {
    HEAD("Call"),
    .inputs = maybe_in,
    .outputs = cast_out,
    .attrs = call_rows,
    .attrs_size = sizeof(call_attrs),
    .flags = IG_OP_SUBGRAPH | IG_OP_UNRANKED,
    .infer = call_infer,
    .gradient = ig_gradient_todo,
};
IG_OPERATOR(Opts) = {
    HEAD("Opts"),
    .inputs = one,
    .outputs = out,
    .attrs = opts_rows,
    .attrs_size = sizeof(opts_attrs),
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
};

ig_status ir_registry(ig_registry **reg)
{
    static const ig_op_def *const all[] = {
        IG_OP(Add),       IG_OP(Mul),      IG_OP(Shape),  IG_OP(SumTo), IG_OP(Expand),
        IG_OP(ReduceSum), IG_OP(Identity), IG_OP(Concat), IG_OP(Split), IG_OP(Pair),
        IG_OP(Assign),    IG_OP(Draw),     IG_OP(Print),  IG_OP(Cast),  IG_OP(Pack),
        IG_OP(Call),      IG_OP(Opts),
    };
    ig_status rc = igi_registry_new(reg);
    for (size_t i = 0; rc == IG_OK && i < sizeof(all) / sizeof(*all); i++)
        rc = igi_registry_add(*reg, all[i]);
    if (rc != IG_OK) {
        igi_registry_free(*reg);
        *reg = NULL;
    }
    return rc;
}

/* ---- state and builders ---- */

int ir_setup(void **state)
{
    static ir_state s;
    s = (ir_state){0};
    *state = &s;
    return ir_registry(&s.reg) || igi_graph_new(&s.g, "g", s.reg, NULL);
}

int ir_teardown(void **state)
{
    ir_state *s = *state;
    ig_graph_free(s->g);
    igi_registry_free(s->reg);
    return 0;
}

void ir_ok(ig_status rc, const char *where)
{
    if (rc != IG_OK)
        fail_msg("%s: %s", where, ig_error_message());
}

void ir_error(ig_status rc, ig_status want, int n, const char *const *texts)
{
    assert_int_equal(rc, want);
    assert_int_equal(ig_error_status(), want);
    for (int i = 0; i < n; i++)
        if (!strstr(ig_error_message(), texts[i]))
            fail_msg("'%s' is not in: %s", texts[i], ig_error_message());
}

ig_value_id ir_input(ig_graph *g, const char *name, int rank, const int64_t *dims)
{
    ig_value_id v;
    IR_OK(ig_graph_input(g, name, IG_FLOAT32, rank, dims, &v));
    return v;
}

ig_tensor *ir_tensor_ints(int n, const int64_t *v)
{
    ig_tensor *t = NULL;
    IR_OK(ig_tensor_new_copy(&t, IG_INT64, 1, IR_DIMS(n), v, (size_t)n * sizeof(*v)));
    return t;
}

ig_value_id ir_ints(ig_graph *g, const char *name, int n, const int64_t *v)
{
    ig_tensor *t = ir_tensor_ints(n, v);
    ig_value_id id = {0};
    ig_status rc = ig_graph_constant(g, name, t, &id);
    ig_tensor_unref(t);
    IR_OK(rc);
    return id;
}

ig_value_id ir_node(
    ig_graph *g, const ig_op_def *op, const char *name, ig_value_id a, ig_value_id b)
{
    ig_value_id in[2] = {a, b}, y = {0};
    ig_call call = {.op = op, .name = name, .n_in = b.i ? 2 : 1, .n_out = 1};
    IR_OK(ig_graph_make(g, &call, in, &y));
    return y;
}

void ir_printed(const ig_graph *g, const char *want)
{
    static char copy[8192]; /* a failed assert must not leak */
    char *text = NULL;
    IR_OK(ig_graph_print(g, &text));
    snprintf(copy, sizeof(copy), "%s", text);
    ig_string_free(text);
    assert_string_equal(copy, want);
}
