/* How quantized operators change from NCHW to NHWC: QLinearConv with constant numbers
 * becomes ingot::QConv, the others work on any layout. */
#include <math.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/passes/layout.h"
#include "graph/passes/qdq.h"

enum { X, X_SCALE, X_ZERO, W, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS };

/* What ingot::QConv needs beside its tensors. */
typedef struct numbers {
    igi_quantum x, y;
    int64_t w_zero, m;
    const ig_tensor *w_scale;
} numbers;

static bool is_rank4(const igi_layout *l, ig_value_id v)
{
    const ig_type *t = igi_type_of(l->g, v);
    return v.i && t->kind == IG_KIND_TENSOR && t->rank == 4;
}

/* The one zero point of weights that the kernels know: what makes them symmetric. */
static bool symmetric(const ig_tensor *zero, int64_t *out)
{
    *out = zero->v.type.dtype == IG_INT8 ? 0 : 128;
    for (int64_t i = 0; i < igi_tensor_count(zero); i++)
        if (igi_get_i64((ig_dtype)zero->v.type.dtype, zero->data, i) != *out)
            return false;
    return true;
}

static bool numbers_of(const ig_graph *g, const igi_node *n, numbers *out)
{
    const ig_tensor *zero = igi_const(g, n->in[W_ZERO]);
    out->w_scale = igi_const(g, n->in[W_SCALE]);
    out->m = ig_type_dims(igi_type_of(g, n->in[W]))[0];
    return out->w_scale && zero && igi_value_at(g, n->in[W])->constant &&
           symmetric(zero, &out->w_zero) &&
           igi_quantum_of(g, n->in[X_SCALE], n->in[X_ZERO],
                          igi_type_of(g, n->in[X])->dtype, &out->x) &&
           igi_quantum_of(g, n->in[Y_SCALE], n->in[Y_ZERO],
                          igi_type_of(g, n->out[0])->dtype, &out->y);
}

/* x_scale * w_scale / y_scale, in float32 as the operator has it. */
static ig_status
make_factor(ig_graph *g, ig_value_id like, const numbers *p, ig_value_id *out)
{
    ig_tensor *t = NULL;
    IG_TRY(ig_tensor_new(&t, IG_FLOAT32, 1, &p->m));
    const float *s = (const float *)(const void *)p->w_scale->data;
    const bool many = igi_tensor_count(p->w_scale) > 1;
    for (int64_t i = 0; i < p->m; i++)
        ((float *)(void *)t->data)[i] = p->x.scale * s[many ? i : 0] / p->y.scale;
    return igi_make_const(g, like, t, out);
}

static ig_status set_numbers(const ig_op_def *d, void *attrs, const numbers *p)
{
    int64_t low, high;
    igi_byte_range(p->y.type, &low, &high);
    const struct {
        const char *name;
        int64_t v;
    } ints[] = {{"x_zero", p->x.zero}, {"w_zero", p->w_zero}, {"y_zero", p->y.zero},
                {"to", p->y.type},     {"low", low},          {"high", high}};
    for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++)
        IG_TRY(igi_attrs_set_int(d, attrs, ints[i].name, ints[i].v));
    return IG_OK;
}

ig_status igi_layout_qlinear_conv(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    ig_graph *g = l->g;
    const igi_node *n = igi_node_at(g, id);
    igi_make m = {
        .op = igi_registry_find_full(g->reg, "ingot::QConv"), .n_in = 4, .like = id};
    ig_value_id in[4] = {n->in[X], n->in[W], {0}, igi_in(n, BIAS)};
    numbers p;
    if (!m.op || !is_rank4(l, in[0]) || !is_rank4(l, in[1]) || !numbers_of(g, n, &p))
        return IG_OK;
    void *attrs = igi_new_attrs(g, m.op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    igi_copy_attrs(m.op, attrs, n);
    IG_TRY(set_numbers(m.op->def, attrs, &p));
    m.attrs = attrs;
    IG_TRY(make_factor(g, n->in[W_SCALE], &p, &in[2]));
    IG_TRY(igi_layout_twin(l, in[0], id, &in[0]));
    return igi_try_make(g, &m, in, out);
}

/* QuantizeLinear and DequantizeLinear with one scale have no axis. */
ig_status igi_layout_scaled(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    const igi_node *n = igi_node_at(l->g, id);
    double scale;
    if (!is_rank4(l, n->in[0]) || igi_attr_int(n, "block_size", 0) ||
        !igi_const_scalar(l->g, n->in[1], &scale))
        return IG_OK;
    return igi_layout_first_input(l, id, out);
}
