/* The little language in which operators of our own are said in ONNX; see export_own.h.
 */
#include "importers/onnx/export_own.h"

#include <string.h>

#include "graph/core/dtype.h"

const char *igi_own_in(const igi_own *w, int i)
{
    bool given = i < w->n->n_in && w->n->in[i].i;
    return given ? w->o->names[w->n->in[i].i] : "";
}

bool igi_own_has(const igi_own *w, int i)
{
    return *igi_own_in(w, i) != 0;
}

const ig_type *igi_own_type_in(const igi_own *w, int i)
{
    return &igi_value_at(w->o->g, w->n->in[i])->type;
}

int igi_own_rank_out(const igi_own *w)
{
    return igi_value_at(w->o->g, w->n->out[0])->type.rank;
}

const void *igi_own_attr(const igi_own *w, const char *name)
{
    return igi_attr_at(igi_attr_find(w->n->op->def, name), w->n->attrs);
}

int64_t igi_own_int(const igi_own *w, const char *name)
{
    return *(const int64_t *)igi_own_attr(w, name);
}

const char *igi_own_choice(const igi_own *w, const char *name)
{
    return igi_attr_find(w->n->op->def, name)->names[igi_own_int(w, name)];
}

/* One node; `out` NULL makes a name. */
const char *igi_own_put_n(
    igi_own *w, const char *out, const char *op, const char *const *ins, size_t n)
{
    if (w->rc != IG_OK)
        return "";
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

const char *igi_own_put_as(igi_own *w,
                           const char *out,
                           const char *op,
                           const char *a,
                           const char *b,
                           const char *c)
{
    const char *ins[] = {a, b, c};
    size_t n = 0;
    while (n < 3 && ins[n])
        n++;
    return igi_own_put_n(w, out, op, ins, n);
}

void igi_own_put_many(igi_own *w,
                      const char *op,
                      const char *const *ins,
                      size_t n_in,
                      const char *const *outs,
                      size_t n_out)
{
    if (w->rc != IG_OK)
        return;
    w->last = igi_onnx_out_node(w->o, op, n_in, n_out);
    if (!w->last) {
        w->rc = IG_OUT_OF_MEMORY;
        return;
    }
    for (size_t i = 0; i < n_in; i++)
        w->last->input[i] = (char *)(uintptr_t)ins[i];
    for (size_t i = 0; i < n_out; i++)
        w->last->output[i] = (char *)(uintptr_t)outs[i];
}

const char *igi_own_put1(igi_own *w, const char *op, const char *a)
{
    return igi_own_put_as(w, NULL, op, a, NULL, NULL);
}

const char *igi_own_put2(igi_own *w, const char *op, const char *a, const char *b)
{
    return igi_own_put_as(w, NULL, op, a, b, NULL);
}

/* ---- attributes of the last node
 * ---------------------------------------------------------- */

static pb_attribute *add_attr(igi_own *w, const char *name, int type)
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

void igi_own_set_int(igi_own *w, const char *name, int64_t v)
{
    pb_attribute *a = add_attr(w, name, PB_ATTR_INT);
    if (a) {
        a->has_i = true;
        a->i = v;
    }
}

void igi_own_set_ints(igi_own *w, const char *name, const int64_t *v, int n)
{
    pb_attribute *a = add_attr(w, name, PB_ATTR_INTS);
    if (!a)
        return;
    a->ints = igi_arena_dup(&w->o->arena, v, (size_t)n * sizeof(*v));
    a->n_ints = a->ints ? (size_t)n : 0;
    if (!a->ints)
        w->rc = IG_OUT_OF_MEMORY;
}

void igi_own_set_float(igi_own *w, const char *name, double v)
{
    pb_attribute *a = add_attr(w, name, PB_ATTR_FLOAT);
    if (a) {
        a->has_f = true;
        a->f = (float)v;
    }
}

void igi_own_copy_attr(igi_own *w, const char *name)
{
    const ig_attr_def *row = igi_attr_find(w->n->op->def, name);
    const void *at = igi_attr_at(row, w->n->attrs);
    if (igi_onnx_attr_is_default(row, at))
        return;
    pb_attribute *a = add_attr(w, name, PB_ATTR_INT);
    if (a)
        w->rc = igi_onnx_out_attr(w->o, row, at, a);
}

void igi_own_set_string(igi_own *w, const char *name, const char *v)
{
    pb_attribute *a = add_attr(w, name, PB_ATTR_STRING);
    if (a) {
        a->has_s = true;
        a->s = (ProtobufCBinaryData){strlen(v), (uint8_t *)(uintptr_t)v};
    }
}

void igi_own_set_body(igi_own *w, const char *name, ig_graph *body)
{
    const igi_node none = {0}; /* a node without captures */
    const igi_node *node = w->o->node;
    pb_attribute *a = add_attr(w, name, PB_ATTR_GRAPH);
    if (!IGI_PUSH(&w->o->bodies, body)) {
        ig_graph_free(body);
        w->rc = w->rc == IG_OK ? IG_OUT_OF_MEMORY : w->rc;
    } else if (a) {
        w->o->node = &none;
        w->rc = igi_onnx_out_body(w->o, body, &a->g);
        w->o->node = node;
    }
}

/* The tensor is taken. */
static void set_tensor(igi_own *w, const char *name, ig_tensor *t)
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

const char *igi_own_number(igi_own *w, ig_dtype dtype, int rank, double v)
{
    static const int64_t one[] = {1};
    ig_tensor *t;
    const char *name = igi_own_put_as(w, NULL, "Constant", NULL, NULL, NULL);
    if (w->rc == IG_OK)
        w->rc = ig_tensor_new(&t, dtype, rank, one);
    if (w->rc != IG_OK)
        return "";
    igi_put_f64(dtype, t->data, 0, v);
    set_tensor(w, "value", t);
    return name;
}

const char *igi_own_real(igi_own *w, double v) /* of the operator's type */
{
    return igi_own_number(w, w->dtype, 0, v);
}

const char *igi_own_list(igi_own *w, const int64_t *v, int64_t n)
{
    ig_tensor *t;
    const char *name = igi_own_put_as(w, NULL, "Constant", NULL, NULL, NULL);
    if (w->rc == IG_OK)
        w->rc = ig_tensor_new_copy(&t, IG_INT64, 1, &n, v, (size_t)n * sizeof(*v));
    if (w->rc != IG_OK)
        return "";
    set_tensor(w, "value", t);
    return name;
}

const char *igi_own_scalar(igi_own *w, int i, double fallback)
{
    if (!igi_own_has(w, i))
        return igi_own_real(w, fallback);
    return igi_own_cast(w, igi_own_in(w, i), w->dtype);
}

void igi_own_finish(igi_own *w, const char *op, const char *a, const char *b)
{
    (void)igi_own_put_as(w, w->out[0], op, a, b, NULL);
}

const char *igi_own_filled(igi_own *w, const char *shape, double v)
{
    static const int64_t one[] = {1};
    ig_tensor *t;
    const char *name = igi_own_put1(w, "ConstantOfShape", shape);
    if (w->rc == IG_OK)
        w->rc = ig_tensor_new(&t, w->dtype, 1, one);
    if (w->rc != IG_OK)
        return "";
    igi_put_f64(w->dtype, t->data, 0, v);
    set_tensor(w, "value", t);
    return name;
}

const char *igi_own_cast(igi_own *w, const char *x, ig_dtype to)
{
    const char *name = igi_own_put1(w, "Cast", x);
    igi_own_set_int(w, "to", (int64_t)to);
    return name;
}

const char *igi_own_flat(igi_own *w, const char *x)
{
    static const int64_t all[] = {-1};
    return igi_own_put2(w, "Reshape", x, igi_own_list(w, all, 1));
}

void igi_own_reshape_to(igi_own *w, const char *out, const char *x, const char *shape)
{
    (void)igi_own_put_as(w, out, "Reshape", x, shape, NULL);
    igi_own_set_int(w, "allowzero", 1);
}

const char *igi_own_joined(igi_own *w, const char *const *parts, size_t n)
{
    const char *name = igi_own_put_n(w, NULL, "Concat", parts, n);
    igi_own_set_int(w, "axis", 0);
    return name;
}

void igi_own_refuse(igi_own *w, const char *why)
{
    if (w->rc == IG_OK)
        w->rc = ig_fail(IG_UNSUPPORTED, "%s", why);
}

const char *igi_own_transposed(igi_own *w, const char *x, const int64_t *perm, int rank)
{
    const char *name = igi_own_put1(w, "Transpose", x);
    igi_own_set_ints(w, "perm", perm, rank);
    return name;
}
