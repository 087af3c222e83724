/* Operators of Ingot's own domain, said in ONNX: what gradients and training steps are
 * made of. Each row is one function that writes a few nodes; operators without a row
 * are refused.
 *
 * The little language: put() writes one node and returns the name of its output; a
 * failure sticks and turns later calls into nothing, so expansions read like formulas.
 */
#include <string.h>

#include "graph/core/dtype.h"
#include "importers/onnx/export.h"

typedef struct own {
    igi_onnx_out *o;
    const igi_node *n;
    pb_node *last;      /* what attributes go to */
    const char *out[3]; /* names that the outputs must get */
    ig_dtype dtype;     /* of input 0 */
    ig_status rc;
} own;

static const char *in(const own *w, int i)
{
    bool given = i < w->n->n_in && w->n->in[i].i;
    return given ? w->o->names[w->n->in[i].i] : "";
}

static bool has(const own *w, int i)
{
    return *in(w, i) != 0;
}

static const ig_type *type_in(const own *w, int i)
{
    return &igi_value_at(w->o->g, w->n->in[i])->type;
}

static int rank_out(const own *w)
{
    return igi_value_at(w->o->g, w->n->out[0])->type.rank;
}

static const void *attr(const own *w, const char *name)
{
    return igi_attr_at(igi_attr_find(w->n->op->def, name), w->n->attrs);
}

/* One node; `out` NULL makes a name. Inputs end at the first NULL. */
static const char *put_as(own *w,
                          const char *out,
                          const char *op,
                          const char *a,
                          const char *b,
                          const char *c)
{
    const char *ins[] = {a, b, c};
    size_t n = 0;
    if (w->rc != IG_OK)
        return "";
    while (n < 3 && ins[n])
        n++;
    if (!out)
        out = igi_onnx_out_name(w->o, op);
    w->last = out ? igi_onnx_out_node(w->o, op, n, 1) : NULL;
    if (!w->last) {
        w->rc = IG_OUT_OF_MEMORY;
        return "";
    }
    for (size_t i = 0; i < n; i++)
        w->last->input[i] = (char *)(uintptr_t)ins[i];
    w->last->output[0] = (char *)(uintptr_t)out;
    return out;
}

static const char *put1(own *w, const char *op, const char *a)
{
    return put_as(w, NULL, op, a, NULL, NULL);
}

static const char *put2(own *w, const char *op, const char *a, const char *b)
{
    return put_as(w, NULL, op, a, b, NULL);
}

/* ---- attributes of the last node
 * ---------------------------------------------------------- */

static pb_attribute *add_attr(own *w, const char *name, int type)
{
    if (w->rc != IG_OK)
        return NULL;
    size_t n = w->last->n_attribute;
    pb_attribute **list = igi_arena_array(&w->o->arena, n + 1, sizeof(*list));
    pb_attribute *a = igi_arena_alloc(&w->o->arena, sizeof(*a));
    if (!list || !a) {
        w->rc = IG_OUT_OF_MEMORY;
        return NULL;
    }
    if (n)
        memcpy(list, w->last->attribute, n * sizeof(*list));
    igi_onnx__attribute__init(a);
    a->name = (char *)(uintptr_t)name;
    a->has_type = true;
    a->type = type;
    list[n] = a;
    w->last->attribute = list;
    w->last->n_attribute = n + 1;
    return a;
}

static void set_int(own *w, const char *name, int64_t v)
{
    pb_attribute *a = add_attr(w, name, PB_ATTR_INT);
    if (a) {
        a->has_i = true;
        a->i = v;
    }
}

static void set_ints(own *w, const char *name, const int64_t *v, int n)
{
    pb_attribute *a = add_attr(w, name, PB_ATTR_INTS);
    if (!a)
        return;
    a->ints = igi_arena_dup(&w->o->arena, v, (size_t)n * sizeof(*v));
    a->n_ints = a->ints ? (size_t)n : 0;
    if (!a->ints)
        w->rc = IG_OUT_OF_MEMORY;
}

static void set_string(own *w, const char *name, const char *v)
{
    pb_attribute *a = add_attr(w, name, PB_ATTR_STRING);
    if (a) {
        a->has_s = true;
        a->s = (ProtobufCBinaryData){strlen(v), (uint8_t *)(uintptr_t)v};
    }
}

/* The tensor is taken. */
static void set_tensor(own *w, const char *name, ig_tensor *t)
{
    pb_attribute *a = add_attr(w, name, PB_ATTR_TENSOR);
    bool kept = IGI_PUSH(&w->o->copies, t);
    if (!kept) {
        ig_tensor_unref(t);
        w->rc = IG_OUT_OF_MEMORY;
    } else if (a) {
        w->rc = igi_onnx_out_tensor(w->o, t, NULL, &a->t);
    }
}

/* ---- constants
 * ------------------------------------------------------------------------------ */

static const char *number(own *w, ig_dtype dtype, int rank, double v)
{
    static const int64_t one[] = {1};
    ig_tensor *t;
    const char *name = put_as(w, NULL, "Constant", NULL, NULL, NULL);
    if (w->rc == IG_OK)
        w->rc = ig_tensor_new(&t, dtype, rank, one);
    if (w->rc != IG_OK)
        return "";
    igi_put_f64(dtype, t->data, 0, v);
    set_tensor(w, "value", t);
    return name;
}

static const char *real(own *w, double v) /* of the operator's type */
{
    return number(w, w->dtype, 0, v);
}

static const char *list(own *w, const int64_t *v, int64_t n)
{
    ig_tensor *t;
    const char *name = put_as(w, NULL, "Constant", NULL, NULL, NULL);
    if (w->rc == IG_OK)
        w->rc = ig_tensor_new_copy(&t, IG_INT64, 1, &n, v, (size_t)n * sizeof(*v));
    if (w->rc != IG_OK)
        return "";
    set_tensor(w, "value", t);
    return name;
}

/* Input i, a number of some type, in the operator's type; `fallback` when absent. */
static const char *scalar(own *w, int i, double fallback)
{
    if (!has(w, i))
        return real(w, fallback);
    const char *name = put1(w, "Cast", in(w, i));
    set_int(w, "to", (int64_t)w->dtype);
    return name;
}

static void finish(own *w, const char *op, const char *a, const char *b)
{
    (void)put_as(w, w->out[0], op, a, b, NULL);
}

/* ---- the operators
 * ---------------------------------------------------------------------------- */

static void relu_grad(own *w)
{
    double alpha = (double)*(const float *)attr(w, "alpha");
    const char *zero = real(w, 0), *below = put2(w, "LessOrEqual", in(w, 1), zero);
    const char *slope = alpha == 0 ? zero : put2(w, "Mul", in(w, 0), real(w, alpha));
    (void)put_as(w, w->out[0], "Where", below, slope, in(w, 0));
}

/* d/dx of x F(x): F + x f. */
static const char *gelu_slope(own *w, const char *x)
{
    const char *erf =
        put1(w, "Erf", put2(w, "Mul", x, real(w, 0.70710678118654752440)));
    const char *f = put2(w, "Mul", put2(w, "Mul", x, x), real(w, -0.5));
    const char *normal =
        put2(w, "Mul", put1(w, "Exp", f), real(w, 0.39894228040143267794));
    const char *whole = put2(w, "Mul", put2(w, "Add", erf, real(w, 1)), real(w, 0.5));
    return put2(w, "Add", whole, put2(w, "Mul", x, normal));
}

/* By tanh: (1 + t) / 2 + x / 2 (1 - t^2) u', u = c (x + d x^3). */
static const char *gelu_tanh_slope(own *w, const char *x)
{
    const char *c = real(w, 0.79788456080286535588), *one = real(w, 1),
               *half = real(w, 0.5);
    const char *square = put2(w, "Mul", x, x), *d = real(w, 0.044715);
    const char *poly = put2(w, "Add", one, put2(w, "Mul", square, d));
    const char *t = put1(w, "Tanh", put2(w, "Mul", put2(w, "Mul", x, poly), c));
    const char *du = put2(w, "Mul", put2(w, "Mul", square, d), real(w, 3));
    du = put2(w, "Mul", put2(w, "Add", du, one), c);
    const char *rest = put2(w, "Sub", one, put2(w, "Mul", t, t));
    rest = put2(w, "Mul", put2(w, "Mul", rest, du), put2(w, "Mul", x, half));
    return put2(w, "Add", put2(w, "Mul", put2(w, "Add", one, t), half), rest);
}

static void gelu_grad(own *w)
{
    bool tanh = *(const int64_t *)attr(w, "approximate") == 1;
    const char *slope = tanh ? gelu_tanh_slope(w, in(w, 1)) : gelu_slope(w, in(w, 1));
    finish(w, "Mul", in(w, 0), slope);
}

/* The axes to sum over are those where the target has size 1, found at run time. */
static void sum_to(own *w)
{
    static const int64_t flat[] = {-1};
    int64_t ones[IG_RANK_MAX];
    int more = type_in(w, 0)->rank - rank_out(w);
    if (type_in(w, 0)->rank < 0 || rank_out(w) < 0) {
        w->rc = ig_fail(IG_UNSUPPORTED, "its ranks are not known");
        return;
    }
    const char *shape = in(w, 1);
    for (int i = 0; i < more; i++)
        ones[i] = 1;
    if (more > 0) {
        shape = put2(w, "Concat", list(w, ones, more), shape);
        set_int(w, "axis", 0);
    }
    const char *axes =
        put1(w, "NonZero", put2(w, "Equal", shape, number(w, IG_INT64, 0, 1)));
    axes = put2(w, "Reshape", axes, list(w, flat, 1));
    const char *sum = put2(w, "ReduceSum", in(w, 0), axes);
    set_int(w, "keepdims", 1);
    set_int(w, "noop_with_empty_axes", 1);
    finish(w, "Reshape", sum, in(w, 1));
    set_int(w, "allowzero", 1);
}

static void div_by_dims(own *w)
{
    bool noop = *(const int64_t *)attr(w, "noop_with_empty_axes") != 0;
    int64_t axes = !has(w, 2)                 ? 0
                   : type_in(w, 2)->rank == 1 ? ig_type_dims(type_in(w, 2))[0]
                                              : -1;
    if (axes < 0) {
        w->rc = ig_fail(IG_UNSUPPORTED, "the number of its axes is not known");
        return;
    }
    if (axes == 0 && noop) {
        finish(w, "Identity", in(w, 0), NULL);
        return;
    }
    const char *dims = axes ? put2(w, "Gather", in(w, 1), in(w, 2)) : in(w, 1);
    const char *count = put1(w, "ReduceProd", dims);
    set_int(w, "keepdims", 0);
    count = put1(w, "Cast", count);
    set_int(w, "to", (int64_t)w->dtype);
    finish(w, "Div", in(w, 0), count);
}

static const char *zeros(own *w, const char *shape)
{
    static const int64_t one[] = {1};
    ig_tensor *t;
    const char *name = put1(w, "ConstantOfShape", shape);
    if (w->rc == IG_OK)
        w->rc = ig_tensor_new(&t, w->dtype, 1, one);
    if (w->rc == IG_OK)
        set_tensor(w, "value", t);
    return name;
}

/* perm brings axes [at, at + n) to the front. */
static void to_front(int rank, int at, int n, int64_t *perm)
{
    for (int i = 0; i < rank; i++)
        perm[i] = i < n ? at + i : i < at + n ? i - n : i;
}

static const char *transposed(own *w, const char *x, const int64_t *perm, int rank)
{
    const char *name = put1(w, "Transpose", x);
    set_ints(w, "perm", perm, rank);
    return name;
}

/* Rows of dy are added into zeros by ScatterND, the gathered axis in front. */
static void gather_grad(own *w)
{
    static const int64_t last[] = {-1};
    int64_t perm[IG_RANK_MAX], back[IG_RANK_MAX],
        axis = *(const int64_t *)attr(w, "axis");
    int rank = rank_out(w), n = type_in(w, 1)->rank;
    if (rank < 1 || n < 0 || rank - 1 + n > IG_RANK_MAX) {
        w->rc = ig_fail(IG_UNSUPPORTED, "its ranks are not known");
        return;
    }
    int at = (int)(axis < 0 ? axis + rank : axis);
    const char *into = zeros(w, in(w, 2)), *dy = in(w, 0);
    to_front(rank, at, 1, perm);
    for (int i = 0; i < rank; i++)
        back[perm[i]] = i;
    into = transposed(w, into, perm, rank);
    to_front(rank - 1 + n, at, n, perm);
    dy = transposed(w, dy, perm, rank - 1 + n);
    const char *index = put1(w, "Cast", in(w, 1));
    set_int(w, "to", IG_INT64);
    index = put2(w, "Unsqueeze", index, list(w, last, 1));
    const char *sum = put_as(w, NULL, "ScatterND", into, index, dy);
    set_string(w, "reduction", "add");
    finish(w, "Transpose", sum, NULL);
    set_ints(w, "perm", back, rank);
}

/* A place of -1 (an empty window) adds nothing. */
static void max_pool_grad(own *w)
{
    static const int64_t flat[] = {-1};
    const char *shape = list(w, flat, 1), *zero = real(w, 0);
    const char *none = put2(w, "Less", in(w, 1), number(w, IG_INT64, 0, 0));
    const char *dy = put_as(w, NULL, "Where", none, zero, in(w, 0));
    const char *into = put2(w, "Reshape", zeros(w, in(w, 2)), shape);
    const char *sum =
        put_as(w, NULL, "ScatterElements", into, put2(w, "Reshape", in(w, 1), shape),
               put2(w, "Reshape", dy, shape));
    set_int(w, "axis", 0);
    set_string(w, "reduction", "add");
    finish(w, "Reshape", sum, in(w, 2));
    set_int(w, "allowzero", 1);
}

static void sgd_step(own *w)
{
    bool nesterov = *(const int64_t *)attr(w, "nesterov") != 0;
    const char *param = in(w, 0), *g = in(w, 1), *step;
    if (has(w, 5))
        g = put2(w, "Add", g, put2(w, "Mul", param, scalar(w, 5, 0)));
    step = g;
    if (has(w, 2)) {
        const char *momentum = scalar(w, 4, 0);
        step = put_as(w, w->out[1], "Add", put2(w, "Mul", momentum, in(w, 2)), g, NULL);
        if (nesterov)
            step = put2(w, "Add", g, put2(w, "Mul", momentum, step));
    }
    finish(w, "Sub", param, put2(w, "Mul", scalar(w, 3, 0), step));
}

/* beta s + (1 - beta) x, as output `out`. */
static const char *
moment(own *w, int out, const char *beta, const char *s, const char *x)
{
    const char *rest = put2(w, "Mul", put2(w, "Sub", real(w, 1), beta), x);
    return put_as(w, w->out[out], "Add", put2(w, "Mul", beta, s), rest, NULL);
}

/* s / (1 - beta^step) */
static const char *corrected(own *w, const char *s, const char *beta, const char *step)
{
    return put2(w, "Div", s, put2(w, "Sub", real(w, 1), put2(w, "Pow", beta, step)));
}

static void adam_step(own *w)
{
    bool decoupled = *(const int64_t *)attr(w, "decoupled") != 0;
    const char *param = in(w, 0), *g = in(w, 1), *lr = scalar(w, 5, 0);
    const char *beta1 = scalar(w, 6, 0.9), *beta2 = scalar(w, 7, 0.999);
    const char *step = scalar(w, 4, 1), *eps = scalar(w, 8, 1e-8);
    if (has(w, 9) && decoupled) {
        const char *decay = put2(w, "Mul", lr, scalar(w, 9, 0));
        param = put2(w, "Mul", param, put2(w, "Sub", real(w, 1), decay));
    } else if (has(w, 9)) {
        g = put2(w, "Add", g, put2(w, "Mul", param, scalar(w, 9, 0)));
    }
    const char *m = moment(w, 1, beta1, in(w, 2), g);
    const char *v = moment(w, 2, beta2, in(w, 3), put2(w, "Mul", g, g));
    const char *root = put1(w, "Sqrt", corrected(w, v, beta2, step));
    const char *up = put2(w, "Mul", lr, corrected(w, m, beta1, step));
    finish(w, "Sub", param, put2(w, "Div", up, put2(w, "Add", root, eps)));
}

/* ---- the table
 * --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int64_t opset; /* the oldest that has all it needs */
    void (*run)(own *w);
} table[] = {
    {"AdamStep", 15, adam_step},        {"DivByDims", 14, div_by_dims},
    {"GatherGrad", 16, gather_grad},    {"GeluGrad", 14, gelu_grad},
    {"MaxPoolGrad", 16, max_pool_grad}, {"ReluGrad", 16, relu_grad},
    {"SgdStep", 14, sgd_step},          {"SumTo", 14, sum_to},
};

static size_t row_of(const ig_op_def *op)
{
    size_t i = 0, n = sizeof(table) / sizeof(*table);
    bool own_domain = op->domain && strcmp(op->domain, "ingot") == 0;
    while (i < n && !(own_domain && strcmp(op->name, table[i].name) == 0))
        i++;
    return i;
}

int64_t igi_onnx_own_opset(const ig_op_def *op)
{
    size_t i = row_of(op);
    return i < sizeof(table) / sizeof(*table) ? table[i].opset : 0;
}

ig_status igi_onnx_out_own(igi_onnx_out *o, const igi_node *n)
{
    own w = {.o = o, .n = n};
    w.dtype = (ig_dtype)type_in(&w, 0)->dtype;
    for (int i = 0; i < 3 && i < n->n_out; i++)
        if (n->out[i].i)
            w.out[i] = o->names[n->out[i].i];
    table[row_of(n->op->def)].run(&w);
    return w.rc;
}
