/* The language of compose.h. */
#include "importers/onnx/compose.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/ir/build.h"

enum { TEXT_MAX = 512 };
#define DIM_MAX (INT64_C(1) << 40)

/* ---- operators ---- */

static void make(igi_make *m,
                 const ig_value_id *in,
                 int n_in,
                 ig_value_id *out,
                 int n_out,
                 const char *fmt,
                 va_list args)
{
    char text[TEXT_MAX];
    int n = vsnprintf(text, sizeof(text), fmt, args);
    for (int i = 0; i < n_out; i++)
        out[i] = (ig_value_id){0};
    if (m->rc != IG_OK)
        return;
    while (n_in > 0 && in[n_in - 1].i == 0)
        n_in--;
    m->rc = n < 0 || n >= TEXT_MAX
                ? ig_fail(IG_LIMIT, "attributes of more than %d bytes", TEXT_MAX)
                : igi_graph_make_call(m->n->b->g, text, in, n_in, out, n_out);
}

ig_value_id igi_mk(igi_make *m, const ig_value_id *in, int n_in, const char *fmt, ...)
{
    ig_value_id out;
    va_list args;
    va_start(args, fmt);
    make(m, in, n_in, &out, 1, fmt, args);
    va_end(args);
    return out;
}

void igi_mk_many(igi_make *m,
                 const ig_value_id *in,
                 int n_in,
                 ig_value_id *out,
                 int n_out,
                 const char *fmt,
                 ...)
{
    va_list args;
    va_start(args, fmt);
    make(m, in, n_in, out, n_out, fmt, args);
    va_end(args);
}

/* ---- inputs and outputs ---- */

ig_value_id igi_mk_in(igi_make *m, int i)
{
    if (i < 64)
        m->read |= IG_BIT(i);
    return i < m->n->n_in ? m->n->in[i] : (ig_value_id){0};
}

bool igi_mk_has(igi_make *m, int i)
{
    return igi_mk_in(m, i).i != 0;
}

bool igi_mk_wants(const igi_make *m, int i)
{
    return i < m->n->n_out && m->n->wanted >> i & 1;
}

/* Outputs take the names of the file, so an input that is handed on needs another
 * value.
 */
void igi_mk_out(igi_make *m, int i, ig_value_id v)
{
    if (i >= m->n->n_out)
        return;
    for (int k = 0; v.i && k < m->n->n_in; k++)
        if (m->n->in[k].i == v.i) {
            v = igi_mk(m, IGI_IN(v), "Identity");
            break;
        }
    m->n->out[i] = v;
}

static void refuse_unread(igi_make *m)
{
    for (size_t i = 0; i < m->n->pb->n_input && i < 64; i++)
        if (*m->n->pb->input[i] && !(m->read >> i & 1))
            igi_mk_refuse(m, "input %zu is not supported", i);
}

ig_status igi_mk_give(igi_make *m, ig_value_id v)
{
    for (size_t i = 0; m->rc == IG_OK && i < m->n->n_attrs; i++)
        if (!m->n->attrs[i].used)
            igi_mk_refuse(m, "attribute %s is not supported", m->n->attrs[i].name);
    refuse_unread(m);
    igi_mk_out(m, 0, v);
    m->n->done = m->rc == IG_OK;
    return m->rc;
}

/* ---- the node as an operator of ONNX's ---- */

/* n->in and n->op for what is left of the node. */
static void become(igi_make *m, const char *op, const ig_value_id *in, int n_in)
{
    igi_onnx_node *n = m->n;
    if (m->rc != IG_OK)
        return;
    n->op = igi_registry_find(n->b->reg, NULL, op);
    if (!n->op) {
        igi_mk_refuse(m, "it needs operator '%s'", op);
        return;
    }
    memcpy(n->in, in, (size_t)n_in * sizeof(*in));
    n->n_in = n_in;
}

ig_value_id igi_mk_as(igi_make *m, const char *op, const ig_value_id *in, int n_in)
{
    igi_onnx_node *n = m->n;
    const uint64_t wanted = n->wanted;
    const int n_out = n->n_out;
    become(m, op, in, n_in);
    if (m->rc != IG_OK)
        return (ig_value_id){0};
    n->n_out = 1;
    n->wanted = 1;
    m->rc = igi_up_finish(n);
    for (size_t i = 0; i < n->n_attrs; i++)
        n->attrs[i].used = true;
    n->n_out = n_out;
    n->wanted = wanted;
    return n->out[0];
}

ig_status igi_mk_give_as(igi_make *m, const char *op, const ig_value_id *in, int n_in)
{
    refuse_unread(m);
    become(m, op, in, n_in);
    return m->rc != IG_OK ? m->rc : igi_up_finish(m->n);
}

/* ---- attributes ---- */

int64_t igi_mk_int(igi_make *m, const char *name, int64_t fallback)
{
    int64_t v = fallback;
    if (m->rc == IG_OK)
        m->rc = igi_up_int(m->n, name, fallback, &v);
    return v;
}

double igi_mk_float(igi_make *m, const char *name, double fallback)
{
    float v = (float)fallback;
    if (m->rc == IG_OK)
        m->rc = igi_up_float(m->n, name, v, &v);
    return (double)v;
}

const char *igi_mk_string(igi_make *m, const char *name, const char *fallback)
{
    const char *v = fallback;
    if (m->rc == IG_OK)
        m->rc = igi_up_string(m->n, name, fallback, &v);
    return v;
}

ig_ints igi_mk_list(igi_make *m, const char *name)
{
    ig_ints v = {0};
    if (m->rc == IG_OK)
        m->rc = igi_up_ints(m->n, name, &v);
    return v;
}

ig_floats igi_mk_floats(igi_make *m, const char *name)
{
    ig_floats v = {0};
    if (m->rc == IG_OK)
        m->rc = igi_up_floats(m->n, name, &v);
    return v;
}

void igi_mk_ignore(igi_make *m, const char *name)
{
    igi_up_drop(m->n, name);
}

/* ---- facts ---- */

ig_dtype igi_mk_dtype(const igi_make *m, ig_value_id v)
{
    return igi_up_dtype(m->n, v);
}

int igi_mk_rank(igi_make *m, ig_value_id v)
{
    int rank = m->rc == IG_OK ? igi_up_rank(m->n, v) : 0;
    if (rank < 0) {
        igi_mk_refuse(m, "it needs an input of known rank");
        rank = 0;
    }
    return rank;
}

int64_t igi_mk_dim(igi_make *m, ig_value_id v, int axis)
{
    int rank = igi_mk_rank(m, v), at = axis < 0 ? axis + rank : axis;
    if (m->rc != IG_OK)
        return 1;
    const ig_type *t = ig_graph_value_type(m->n->b->g, v);
    int64_t dim = at >= 0 && at < rank ? ig_type_dims(t)[at] : -1;
    if (dim < 0) {
        igi_mk_refuse(m, "it needs to know dim %d of an input of rank %d", axis, rank);
        dim = 1;
    }
    if (dim > DIM_MAX) { /* so that sums and products of a few dims cannot overflow */
        igi_mk_refuse(m, "dim %d is %" PRId64 ", at most %" PRId64 " are supported",
                      axis, dim, (int64_t)DIM_MAX);
        dim = 1;
    }
    return dim;
}

ig_tensor *igi_mk_constant(igi_make *m, ig_value_id v, const char *what)
{
    ig_tensor *t = m->rc == IG_OK ? ig_graph_value_constant(m->n->b->g, v) : NULL;
    if (!t)
        igi_mk_refuse(m, "%s must be a constant", what);
    return t;
}

void igi_mk_refuse(igi_make *m, const char *fmt, ...)
{
    char text[256];
    va_list args;
    if (m->rc != IG_OK)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    m->rc = ig_fail(IG_UNSUPPORTED, "%s", text);
}

/* ---- constants ---- */

ig_value_id igi_mk_number(igi_make *m, ig_dtype dtype, double v)
{
    ig_value_id out = {0};
    if (m->rc == IG_OK)
        m->rc = igi_up_const(m->n, dtype, v, &out);
    return out;
}

ig_value_id igi_mk_ints(igi_make *m, const int64_t *v, int n)
{
    ig_value_id out = {0};
    if (m->rc == IG_OK)
        m->rc = igi_up_const_ints(m->n, v, n, &out);
    return out;
}

ig_value_id igi_mk_tensor(igi_make *m, ig_tensor *t)
{
    ig_value_id out = {0};
    if (m->rc == IG_OK)
        m->rc = ig_graph_constant(m->n->b->g, NULL, t, &out);
    ig_tensor_unref(t);
    return out;
}

/* ---- often used ---- */

ig_value_id igi_mk_cast(igi_make *m, ig_value_id v, ig_dtype to)
{
    if (m->rc != IG_OK || igi_mk_dtype(m, v) == to)
        return v;
    return igi_mk(m, IGI_IN(v), "Cast to=%d", (int)to);
}

ig_value_id igi_mk_reshape(igi_make *m, ig_value_id v, const int64_t *dims, int n)
{
    return igi_mk(m, IGI_IN(v, igi_mk_ints(m, dims, n)), "Reshape");
}

ig_value_id igi_mk_unsqueeze(igi_make *m, ig_value_id v, const int64_t *axes, int n)
{
    return igi_mk(m, IGI_IN(v, igi_mk_ints(m, axes, n)), "Unsqueeze");
}

static ig_value_id move_channels(igi_make *m, ig_value_id v, bool to_front)
{
    char perm[4 * IG_RANK_MAX] = "0";
    int rank = igi_mk_rank(m, v), at = 1;
    if (rank < 3)
        return v;
    for (int i = 1; i < rank; i++) {
        int from = to_front ? (i == 1 ? rank - 1 : i - 1) : i == rank - 1 ? 1 : i + 1;
        at += snprintf(perm + at, sizeof(perm) - (size_t)at, ",%d", from);
    }
    return igi_mk(m, IGI_IN(v), "Transpose perm=%s", perm);
}

ig_value_id igi_mk_channels_first(igi_make *m, ig_value_id v, bool last)
{
    return last ? move_channels(m, v, true) : v;
}

ig_value_id igi_mk_channels_last(igi_make *m, ig_value_id v, bool last)
{
    return last ? move_channels(m, v, false) : v;
}

ig_value_id igi_mk_size(igi_make *m, ig_value_id v, int axis)
{
    int64_t at = axis < 0 ? axis + igi_mk_rank(m, v) : axis;
    return igi_mk(m, IGI_IN(v), "Shape start=%d end=%d", (int)at, (int)at + 1);
}

ig_value_id igi_mk_range(igi_make *m, ig_value_id size)
{
    ig_value_id end = igi_mk(m, IGI_IN(size, igi_mk_ints(m, IGI_LIST(0))), "Squeeze");
    return igi_mk(
        m, IGI_IN(igi_mk_number(m, IG_INT64, 0), end, igi_mk_number(m, IG_INT64, 1)),
        "Range");
}
