/* How single operators change from NCHW to NHWC. Each function makes the NHWC node, or
 * makes nothing when this call of the operator cannot be changed or is not worth it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/passes/layout.h"

#include "graph/core/dtype.h"
#include "graph/passes/simplify.h"

static bool is_rank4(const igi_layout *l, ig_value_id v)
{
    const ig_type *t = igi_type_of(l->g, v);
    return v.i && t->kind == IG_KIND_TENSOR && t->rank == 4;
}

/* The node again over `in`, with attributes `attrs`; all its outputs. */
static ig_status again(igi_layout *l,
                       ig_node_id id,
                       const void *attrs,
                       const ig_value_id *in,
                       ig_value_id *out)
{
    const igi_node *n = igi_node_at(l->g, id);
    igi_make m = {
        .op = n->op, .attrs = attrs, .n_in = n->n_in, .n_out = n->n_out, .like = id};
    for (int i = 0; i < n->n_out && i < 64; i++)
        m.wanted |= n->out[i].i ? IG_BIT(i) : 0;
    return igi_make_node(l->g, &m, in, out);
}

/* ---- with kernels for NHWC ---- */

/* Node `id` becomes operator `full` over `in`, with the attributes that both know. */
static ig_status as_internal(igi_layout *l,
                             ig_node_id id,
                             const char *full,
                             const ig_value_id *in,
                             int n_in,
                             ig_value_id *out)
{
    igi_make m = {
        .op = igi_registry_find_full(l->g->reg, full), .n_in = n_in, .like = id};
    if (!m.op)
        return IG_OK;
    void *attrs = igi_new_attrs(l->g, m.op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    igi_copy_attrs(m.op, attrs, igi_node_at(l->g, id));
    m.attrs = m.op->def->attrs_size ? attrs : NULL;
    return igi_try_make(l->g, &m, in, out);
}

static ig_status conv(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    const igi_node *n = igi_node_at(l->g, id);
    ig_value_id in[4] = {n->in[0], n->in[1], igi_in(n, 2)};
    if (!is_rank4(l, in[0]) || !is_rank4(l, in[1]) || !igi_is_f32(l->g, in[0]) ||
        !igi_value_at(l->g, in[1])->constant ||
        !igi_registry_find_full(l->g->reg, "ingot::Conv"))
        return IG_OK;
    IG_TRY(igi_layout_twin(l, in[0], id, &in[0]));
    return as_internal(l, id, "ingot::Conv", in, 4, out);
}

static ig_status pool(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    char full[64];
    const igi_node *n = igi_node_at(l->g, id);
    ig_value_id x = n->in[0];
    const int64_t type = igi_type_of(l->g, x)->dtype;
    const bool bytes =
        igi_node_is(n, "MaxPool") && (type == IG_UINT8 || type == IG_INT8);
    if (!is_rank4(l, x) || !(igi_is_f32(l->g, x) || bytes) ||
        igi_node_side_used(l->g, n))
        return IG_OK;
    snprintf(full, sizeof(full), "ingot::%.40s", n->op->def->name);
    IG_TRY(igi_layout_twin(l, x, id, &x));
    return as_internal(l, id, full, &x, 1, out);
}

/* ---- the same operator on axes that moved ---- */

/* Elementwise with broadcasting: all operands are laid out anew. */
ig_status igi_layout_elementwise(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    ig_value_id in[IG_PORTS_MAX];
    int n_in = igi_node_at(l->g, id)->n_in;
    if (igi_node_at(l->g, id)->n_out != 1 ||
        !is_rank4(l, igi_node_at(l->g, id)->out[0]))
        return IG_OK;
    for (int i = 0; i < n_in; i++) {
        ig_value_id v = igi_node_at(l->g, id)->in[i];
        in[i] = v;
        if (v.i)
            IG_TRY(igi_layout_operand(l, v, id, &in[i]));
        if (v.i && !in[i].i)
            return IG_OK;
    }
    return again(l, id, igi_node_at(l->g, id)->attrs, in, out);
}

ig_status igi_layout_first_input(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    ig_value_id in[IG_PORTS_MAX];
    const igi_node *n = igi_node_at(l->g, id);
    if (n->n_out != 1 || !is_rank4(l, n->in[0]) || !is_rank4(l, n->out[0]))
        return IG_OK;
    memcpy(in, n->in, (size_t)n->n_in * sizeof(*in));
    IG_TRY(igi_layout_twin(l, in[0], id, &in[0]));
    return again(l, id, igi_node_at(l->g, id)->attrs, in, out);
}

/* Attributes of node `id` with attribute `axis` moved. */
static ig_status axis_moved(igi_layout *l, ig_node_id id, void **attrs)
{
    const igi_node *n = igi_node_at(l->g, id);
    *attrs = igi_new_attrs(l->g, n->op);
    if (!*attrs)
        return IG_OUT_OF_MEMORY;
    igi_copy_attrs(n->op, *attrs, n);
    return igi_attrs_set_int(n->op->def, *attrs, "axis",
                             igi_nhwc_axis(igi_attr_int(n, "axis", 0)));
}

static ig_status along_axis(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    ig_value_id in[IG_PORTS_MAX];
    void *attrs;
    const igi_node *n = igi_node_at(l->g, id);
    int n_in = n->n_in, moved = igi_node_is(n, "Concat") ? n_in : 1;
    int64_t axis = igi_attr_int(n, "axis", 0);
    memcpy(in, n->in, (size_t)n_in * sizeof(*in));
    for (int i = 0; i < moved; i++)
        if (!is_rank4(l, in[i]))
            return IG_OK;
    if (axis < -4 || axis > 3)
        return IG_OK;
    for (int i = 0; i < moved; i++)
        IG_TRY(igi_layout_twin(l, in[i], id, &in[i]));
    IG_TRY(axis_moved(l, id, &attrs));
    return again(l, id, attrs, in, out);
}

/* Input `port` of a node, a list of axes, as a new constant; {0} when it is not known.
 */
static ig_status
moved_axes(igi_layout *l, ig_node_id id, int port, bool *spatial, ig_value_id *out)
{
    int64_t axes[4];
    uint64_t mask = 0;
    ig_value_id v = igi_in(igi_node_at(l->g, id), port);
    int count = igi_known_ints(l->g, v, axes, 4);
    *out = (ig_value_id){0};
    for (int i = 0; i < count; i++) {
        if (axes[i] < -4 || axes[i] > 3)
            return IG_OK;
        mask |= IG_BIT(axes[i] < 0 ? axes[i] + 4 : axes[i]);
        axes[i] = igi_nhwc_axis(axes[i]);
    }
    *spatial = mask == (IG_BIT(2) | IG_BIT(3));
    return count > 0 ? igi_make_ints(l->g, v, axes, count, out) : IG_OK;
}

/* Reductions: with kept dims a node of the region; over H and W without them its result
 * is [N, C] in both layouts, and the old one is replaced at once. */
static ig_status reduce(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    const igi_node *n = igi_node_at(l->g, id);
    ig_value_id in[2] = {n->in[0]}, y;
    bool keep = igi_attr_int(n, "keepdims", 1) != 0, spatial, done;
    if (n->n_out != 1 || !is_rank4(l, in[0]))
        return IG_OK;
    IG_TRY(moved_axes(l, id, 1, &spatial, &in[1]));
    if (!in[1].i || (!keep && !spatial))
        return IG_OK;
    IG_TRY(igi_layout_twin(l, in[0], id, &in[0]));
    IG_TRY(again(l, id, igi_node_at(l->g, id)->attrs, in, &y));
    if (!keep)
        return igi_forward(l->g, id, 0, y, &done);
    *out = y;
    return IG_OK;
}

static ig_status slice(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    const igi_node *n = igi_node_at(l->g, id);
    ig_value_id in[5] = {n->in[0], igi_in(n, 1), igi_in(n, 2), {0}, igi_in(n, 4)};
    bool spatial;
    if (n->n_in < 4 || n->n_in > 5 || !is_rank4(l, in[0]))
        return IG_OK;
    IG_TRY(moved_axes(l, id, 3, &spatial, &in[3]));
    if (!in[3].i)
        return IG_OK;
    IG_TRY(igi_layout_twin(l, in[0], id, &in[0]));
    return again(l, id, igi_node_at(l->g, id)->attrs, in, out);
}

static ig_status pad(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    int64_t pads[8], moved[8];
    const igi_node *n = igi_node_at(l->g, id);
    ig_value_id in[4] = {n->in[0], igi_in(n, 1), igi_in(n, 2)};
    if (n->n_in > 4 || igi_in(n, 3).i || !is_rank4(l, in[0]) ||
        igi_known_ints(l->g, in[1], pads, 8) != 8)
        return IG_OK;
    for (int i = 0; i < 4; i++) {
        moved[igi_nhwc_axis(i)] = pads[i];
        moved[4 + igi_nhwc_axis(i)] = pads[4 + i];
    }
    IG_TRY(igi_make_ints(l->g, in[1], moved, 8, &in[1]));
    IG_TRY(igi_layout_twin(l, in[0], id, &in[0]));
    return again(l, id, igi_node_at(l->g, id)->attrs, in, out);
}

/* A list of four numbers, one an axis, in the order of NHWC; {0}: not known. */
static ig_status relisted(igi_layout *l, ig_value_id v, ig_value_id *out)
{
    double list[4];
    const ig_tensor *t = igi_const(l->g, v);
    *out = (ig_value_id){0};
    if (!t || igi_tensor_count(t) != 4)
        return IG_OK;
    for (int i = 0; i < 4; i++)
        list[igi_nhwc_axis(i)] = igi_get_f64((ig_dtype)t->v.type.dtype, t->data, i);
    return igi_make_numbers(l->g, v, (ig_dtype)t->v.type.dtype, 4, list, out);
}

/* With attribute axes the lists stay as they are. */
static ig_status resize(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    const igi_node *n = igi_node_at(l->g, id);
    const ig_ints axes = igi_attr_ints(n, "axes");
    const bool crop = igi_attr_int(n, "coordinate_transformation_mode", 0) == 5;
    int64_t moved[4];
    ig_value_id in[4] = {n->in[0], {0}, igi_in(n, 2), igi_in(n, 3)};
    const bool listed = in[2].i && !(igi_type_of(l->g, in[2])->rank == 1 &&
                                     ig_type_dims(igi_type_of(l->g, in[2]))[0] == 0);
    const int port = listed ? 2 : 3;
    if (crop || axes.n > 4 || !is_rank4(l, in[0]) || !in[port].i)
        return IG_OK;
    in[5 - port] = (ig_value_id){0};
    for (int64_t i = 0; i < axes.n; i++)
        moved[i] = igi_nhwc_axis(axes.v[i]);
    if (!axes.n)
        IG_TRY(relisted(l, in[port], &in[port]));
    if (!in[port].i)
        return IG_OK;
    n = igi_node_at(l->g, id);
    void *attrs = igi_new_attrs(l->g, n->op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    igi_copy_attrs(n->op, attrs, n);
    if (axes.n)
        IG_TRY(
            igi_attrs_set_ints(&l->g->arena, n->op->def, attrs, "axes", moved, axes.n));
    igi_make m = {.op = n->op, .attrs = attrs, .n_in = 4, .like = id};
    IG_TRY(igi_layout_twin(l, in[0], id, &in[0]));
    return igi_try_make(l->g, &m, in, out);
}

/* ---- BatchNormalization that no convolution could take ---- */

/* y = s x + t per channel as constants w[C,1,1,1] and b[C]; {0} when they are not
 * finite. */
static ig_status scale_and_shift(igi_layout *l,
                                 ig_node_id id,
                                 int64_t c,
                                 const ig_tensor *const *p,
                                 ig_value_id *scale,
                                 ig_value_id *shift)
{
    const igi_node *n = igi_node_at(l->g, id);
    double eps = (double)igi_attr_float(n, "epsilon", 1e-5f), v[4];
    ig_value_id like = n->in[1];
    const int64_t dims[4] = {c, 1, 1, 1};
    double *s = igi_alloc_array((size_t)c, sizeof(double[2]));
    if (!s)
        return IG_OUT_OF_MEMORY;
    bool finite = true;
    for (int64_t m = 0; m < c; m++) {
        for (int i = 0; i < 4; i++)
            v[i] = igi_get_f64((ig_dtype)p[i]->v.type.dtype, p[i]->data, m);
        s[m] = v[0] / sqrt(v[3] + eps);
        s[c + m] = v[1] - v[2] * s[m];
        finite = finite && isfinite(s[m]) && isfinite(s[c + m]);
    }
    ig_status rc = IG_OK;
    *scale = *shift = (ig_value_id){0};
    if (finite)
        rc = igi_make_numbers(l->g, like, IG_FLOAT32, c, s, scale);
    if (finite && rc == IG_OK)
        rc = igi_make_reshaped(l->g, *scale, 4, dims, scale);
    if (finite && rc == IG_OK)
        rc = igi_make_numbers(l->g, like, IG_FLOAT32, c, s + c, shift);
    igi_free(s);
    return rc;
}

/* A convolution of each channel by itself with one tap: it has room for an activation.
 */
static ig_status batch_norm(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    const igi_node *n = igi_node_at(l->g, id);
    igi_make m = {
        .op = igi_registry_find_full(l->g->reg, "ingot::Conv"), .n_in = 4, .like = id};
    const ig_tensor *p[4];
    ig_value_id in[4] = {n->in[0]};
    if (!m.op || !is_rank4(l, in[0]) || !igi_is_f32(l->g, in[0]) ||
        igi_attr_int(n, "training_mode", 0) || igi_node_side_used(l->g, n))
        return IG_OK;
    int64_t c = 0;
    for (int i = 0; i < 4; i++) {
        p[i] = igi_const(l->g, n->in[1 + i]);
        if (!p[i] || (i && igi_tensor_count(p[i]) != c))
            return IG_OK;
        c = igi_tensor_count(p[i]);
    }
    if (c < 1)
        return IG_OK;
    IG_TRY(scale_and_shift(l, id, c, p, &in[1], &in[2]));
    if (!in[1].i)
        return IG_OK;
    void *attrs = igi_new_attrs(l->g, m.op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_attrs_set_int(m.op->def, attrs, "group", c));
    m.attrs = attrs;
    IG_TRY(igi_layout_twin(l, in[0], id, &in[0]));
    return igi_try_make(l->g, &m, in, out);
}

/* ---- channel shuffle ---- */

/* Reshape [N,g,c,H,W], Transpose 0 2 1 3 4, Reshape [N,C,H,W]: x, g and c, or x {0}. */
static ig_value_id shuffled(const igi_layout *l, const igi_node *end, int64_t *groups)
{
    const ig_value_id none = {0};
    static const int64_t swap[5] = {0, 2, 1, 3, 4};
    int rank;
    int64_t perm[IG_RANK_MAX];
    const igi_node *t = igi_producer(l->g, end->in[0]);
    if (!t || !igi_node_is(t, "Transpose") || !igi_perm_of(l->g, t, &rank, perm) ||
        rank != 5 || memcmp(perm, swap, sizeof(swap)) != 0)
        return none;
    const igi_node *first = igi_producer(l->g, t->in[0]);
    if (!first || !igi_node_is(first, "Reshape") || !is_rank4(l, first->in[0]) ||
        !igi_same_type(l->g, first->in[0], end->out[0]))
        return none;
    const int64_t *wide = ig_type_dims(igi_type_of(l->g, t->in[0]));
    const int64_t *dims = ig_type_dims(igi_type_of(l->g, first->in[0]));
    groups[0] = wide[1];
    groups[1] = wide[2];
    if (wide[1] < 1 || wide[2] < 1 || wide[0] != dims[0] || wide[3] != dims[2] ||
        wide[4] != dims[3])
        return none;
    return first->in[0];
}

static ig_status shuffle(igi_layout *l, ig_node_id id, ig_value_id *out)
{
    static const int64_t perm[5] = {0, 1, 2, 4, 3};
    int64_t groups[2];
    ig_graph *g = l->g;
    const igi_op *reshape = igi_node_at(g, id)->op;
    ig_value_id x = shuffled(l, igi_node_at(g, id), groups), in[2], wide;
    if (!x.i || x.i >= l->n_values || !l->native[x.i])
        return IG_OK;
    in[0] = l->twin[x.i];
    IG_TRY(igi_make_ints(g, x, (int64_t[]){0, 0, 0, groups[0], groups[1]}, 5, &in[1]));
    igi_make m = {.op = reshape, .n_in = 2, .like = id};
    IG_TRY(igi_make_node(g, &m, in, &wide));
    void *attrs = igi_new_attrs(g, l->transpose);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_attrs_set_ints(&g->arena, l->transpose->def, attrs, "perm", perm, 5));
    igi_make t = {.op = l->transpose, .attrs = attrs, .n_in = 1, .like = id};
    IG_TRY(igi_make_node(g, &t, &wide, &in[0]));
    IG_TRY(igi_make_ints(g, x, (int64_t[]){0, 0, 0, groups[0] * groups[1]}, 4, &in[1]));
    return igi_make_node(g, &m, in, out);
}

const igi_layout_row igi_layout_rows[] = {
    {"Conv", conv, true},
    {"QLinearConv", igi_layout_qlinear_conv, true},
    {"QuantizeLinear", igi_layout_scaled, false},
    {"DequantizeLinear", igi_layout_scaled, false},
    {"ingot::QAdd", igi_layout_elementwise, false},
    {"MaxPool", pool, false},
    {"AveragePool", pool, false},
    {"GlobalAveragePool", pool, false},
    {"BatchNormalization", batch_norm, false},
    {"Concat", along_axis, false},
    {"Split", along_axis, false},
    {"Softmax", along_axis, false},
    {"LogSoftmax", along_axis, false},
    {"ReduceMean", reduce, false},
    {"ReduceSum", reduce, false},
    {"ReduceMax", reduce, false},
    {"ReduceMin", reduce, false},
    {"Slice", slice, false},
    {"Resize", resize, false},
    {"Pad", pad, false},
    {"Reshape", shuffle, true}, /* its input leaves the region for a moment */
    {"Clip", igi_layout_first_input, false},
    {"Cast", igi_layout_first_input, false},
    {"Identity", igi_layout_first_input, false},
    {"Elu", igi_layout_first_input, false},
    {"Softplus", igi_layout_first_input, false},
    {"HardSigmoid", igi_layout_first_input, false},
    {"HardSwish", igi_layout_first_input, false},
    {"Where", igi_layout_elementwise, false},
    {"Pow", igi_layout_elementwise, false},
    {"Mod", igi_layout_elementwise, false},
    {"Equal", igi_layout_elementwise, false},
    {"Less", igi_layout_elementwise, false},
    {"Greater", igi_layout_elementwise, false},
    {0},
};
