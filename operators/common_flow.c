#include "operators/common_flow.h"

#include <inttypes.h>

#include "graph/ir/body.h"

/* ---- infer ---- */

ig_status igi_infer_take(ig_infer *x, int o, ig_type *t)
{
    if (o >= x->n_out || !x->out[o]) {
        igi_type_fini(t);
        return IG_OK;
    }
    igi_type_fini(x->out[o]);
    *x->out[o] = *t;
    return IG_OK;
}

ig_status igi_infer_wrap(ig_infer *x, int o, ig_kind kind, const ig_type *elem)
{
    ig_type wrapped = {.kind = (uint8_t)kind, .rank = -1, .u.elem = elem}, copy;
    IG_TRY(igi_type_copy(&copy, &wrapped));
    return igi_infer_take(x, o, &copy);
}

/* Whether a tensor of type t may be given where `want` is declared, as a run will ask.
 */
static bool shape_fits(const ig_type *t, const ig_type *want)
{
    bool fits = true;
    if (t->kind != IG_KIND_TENSOR || t->rank < 0 || want->rank < 0)
        return true;
    for (int d = 0; d < t->rank && t->rank == want->rank; d++) {
        int64_t have = ig_type_dims(t)[d], need = ig_type_dims(want)[d];
        fits = fits && (have < 0 || need < 0 || have == need);
    }
    return fits && t->rank == want->rank;
}

static ig_status refuse(ig_infer *x, const ig_graph *body, int i, const ig_type *t)
{
    char want[160], have[160];
    const igi_gvalue *v = igi_value_at(body, body->inputs.p[i]);
    return ig_infer_fail(x, "input '%s' of the body is %s, but is given %s", v->name,
                         igi_type_print(&v->type, body->syms, want, sizeof(want)),
                         t ? igi_type_print(t, x->syms, have, sizeof(have))
                           : "nothing");
}

ig_status igi_body_takes(ig_infer *x, const ig_graph *body, int i, const ig_type *t)
{
    return t && igi_type_same_kind(t, &igi_value_at(body, body->inputs.p[i])->type)
               ? IG_OK
               : refuse(x, body, i, t);
}

ig_status igi_body_takes_slice(
    ig_infer *x, const ig_graph *body, int i, const ig_type *t, int axis)
{
    const ig_type *want = &igi_value_at(body, body->inputs.p[i])->type;
    bool fits = want->rank < 0 || t->rank - 1 == want->rank;
    for (int d = 0; fits && d < want->rank; d++) {
        int64_t have = ig_type_dims(t)[d < axis ? d : d + 1];
        int64_t need = ig_type_dims(want)[d];
        fits = have < 0 || need < 0 || have == need;
    }
    if (fits)
        return IG_OK;
    (void)refuse(x, body, i, t);
    return ig_fail_context("slices along axis %d", axis);
}

ig_status igi_body_ends(
    ig_infer *x, const ig_graph *body, const char *name, int n_formal, int n_out)
{
    if (!body)
        return ig_infer_fail(x, "attribute %s is required", name);
    if ((int)body->inputs.n != n_formal + x->n_captures)
        return ig_infer_fail(x, "%s has %zu inputs, expected %d and %d captures", name,
                             body->inputs.n, n_formal, x->n_captures);
    if ((int)body->outputs.n < n_out)
        return ig_infer_fail(x, "%s has %zu outputs, expected %d", name,
                             body->outputs.n, n_out);
    for (int c = 0; c < x->n_captures; c++) {
        const ig_type *t = x->in[x->n_in - x->n_captures + c];
        IG_TRY(igi_body_takes(x, body, n_formal + c, t));
        if (!shape_fits(t, &igi_value_at(body, body->inputs.p[n_formal + c])->type))
            return refuse(x, body, n_formal + c, t);
    }
    return IG_OK;
}

ig_status igi_body_gives(ig_infer *x, const ig_graph *body, int j, ig_type *out)
{
    IG_TRY(igi_type_copy(out, &igi_value_at(body, body->outputs.p[j])->type));
    ig_type *in = (ig_type *)(uintptr_t)igi_type_innermost(out);
    int64_t *d = in->rank > 8 ? in->u.dim_far : in->u.dim;
    for (int i = 0; in->kind == IG_KIND_TENSOR && i < in->rank; i++)
        if (ig_dim_is_symbol(d[i]) && x->syms != body->syms)
            d[i] = -1;
    return IG_OK;
}

ig_status igi_infer_state(ig_infer *x, const ig_graph *body, int port, int j, int o)
{
    char a[160], b[160];
    ig_type t;
    const ig_type *first = x->in[port];
    IG_TRY(igi_body_gives(x, body, j, &t));
    /* the body may take an optional and make its element */
    if (first->kind == IG_KIND_OPTIONAL && t.kind != IG_KIND_OPTIONAL)
        first = first->u.elem;
    if (igi_type_weaken(&t, first))
        return igi_infer_take(x, o, &t);
    ig_status rc =
        ig_infer_fail(x, "state %d begins as %s, but the body makes %s of it", o,
                      igi_type_print(x->in[port], x->syms, a, sizeof(a)),
                      igi_type_print(&t, x->syms, b, sizeof(b)));
    igi_type_fini(&t);
    return rc;
}

/* ---- rounds ---- */

ig_status igi_rounds_begin(
    igi_rounds *r, ig_kernel_ctx *k, const ig_graph *body, int n_formal, int n_out)
{
    *r = (igi_rounds){
        .k = k, .body = body, .n_in = n_formal + k->n_captures, .n_out = n_out};
    r->in = igi_calloc((size_t)(r->n_in + n_out) + 1, sizeof(*r->in));
    if (!r->in)
        return IG_OUT_OF_MEMORY;
    r->out = r->in + r->n_in;
    for (int c = 0; c < k->n_captures; c++)
        r->in[n_formal + c] = ig_value_ref(k->in[k->n_in - k->n_captures + c]);
    return IG_OK;
}

void igi_rounds_set(igi_rounds *r, int i, ig_value *v)
{
    ig_value_unref(r->in[i]);
    r->in[i] = v;
}

/* An element that goes round into an optional is wrapped again. */
static ig_status wrap(const ig_type *want, ig_value **v)
{
    ig_value *made = NULL;
    if (want->kind != IG_KIND_OPTIONAL || (*v)->type.kind == IG_KIND_OPTIONAL)
        return IG_OK;
    IG_TRY(igi_optional_new(&made, want, *v));
    ig_value_unref(*v);
    *v = made;
    return IG_OK;
}

ig_status igi_state_give(ig_kernel_ctx *k, int o, const igi_rounds *r, int i, int j)
{
    const ig_graph *body = r->body;
    const ig_type *made = &igi_value_at(body, body->outputs.p[j])->type;
    ig_value *v = r->in[i];
    if (made->kind != IG_KIND_OPTIONAL && v->type.kind == IG_KIND_OPTIONAL)
        v = ((igi_optional *)v)->item;
    if (!v)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "output %d is an empty optional, since no round was run",
                              o);
    return ig_out_give(k, o, ig_value_ref(v));
}

ig_status igi_rounds_pass(igi_rounds *r, int j, int i)
{
    const ig_graph *body = r->body;
    IG_TRY(wrap(&igi_value_at(body, body->inputs.p[i])->type, &r->out[j]));
    int64_t more =
        (int64_t)igi_value_bytes(r->out[j]) - (int64_t)igi_value_bytes(r->in[i]);
    igi_rounds_set(r, i, r->out[j]);
    r->out[j] = NULL;
    return ig_charge(r->k, more);
}

ig_status igi_rounds_run(igi_rounds *r)
{
    for (int j = 0; j < r->n_out; j++) {
        ig_value_unref(r->out[j]);
        r->out[j] = NULL;
    }
    return ig_run_graph(r->k, r->body, r->in, r->n_in, r->out, r->n_out);
}

void igi_rounds_end(igi_rounds *r)
{
    for (int i = 0; r->in && i < r->n_in + r->n_out; i++)
        ig_value_unref(r->in[i]);
    igi_free(r->in);
    r->in = NULL;
}

/* ---- stacks ---- */

static ig_status
stack_room(ig_kernel_ctx *k, igi_stack *s, const ig_type *item, int64_t room)
{
    int64_t dims[IG_RANK_MAX + 1];
    ig_tensor *more = NULL;
    if (item->rank >= IG_RANK_MAX)
        return ig_kernel_fail(k, IG_LIMIT, "results of rank %d cannot be stacked",
                              item->rank);
    memcpy(dims + 1, ig_type_dims(item), (size_t)item->rank * sizeof(*dims));
    dims[0] = room;
    size_t before = s->all ? s->all->st->bytes : 0, bytes;
    int64_t count;
    if (!igi_dims_count(item->rank + 1, dims, &count) ||
        !igi_dtype_bytes((ig_dtype)item->dtype, count, &bytes))
        return ig_kernel_fail(k, IG_LIMIT, "the stacked results overflow");
    IG_TRY(ig_charge(k, (int64_t)bytes));
    IG_TRY(igi_tensor_make(&more, NULL, (ig_dtype)item->dtype, item->rank + 1, dims));
    if (s->all) {
        dims[0] = s->n;
        igi_copy_nd((ig_dtype)item->dtype, item->rank + 1, dims, more->data, 0,
                    igi_strides(more), s->all->data, 0, igi_strides(s->all));
    }
    ig_tensor_unref(s->all);
    s->all = more;
    s->room = room;
    return ig_charge(k, -(int64_t)before);
}

/* Type of an item that has been stacked. */
static bool same_item(const igi_stack *s, const ig_type *item)
{
    const ig_type *all = &s->all->v.type;
    return all->dtype == item->dtype && all->rank == item->rank + 1 &&
           (item->rank == 0 || !memcmp(ig_type_dims(all) + 1, ig_type_dims(item),
                                       (size_t)item->rank * sizeof(int64_t)));
}

ig_status
igi_stack_add(ig_kernel_ctx *k, igi_stack *s, const ig_value *item, const char *what)
{
    const ig_type *type = &item->type;
    const ig_tensor *t = (const ig_tensor *)item;
    char a[160], b[160];
    if (type->kind != IG_KIND_TENSOR)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "%s is no tensor", what);
    if (s->all && !same_item(s, type))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "%s of round %" PRId64
                              " is %s, which cannot be stacked on %s",
                              what, s->n, igi_type_print(type, NULL, a, sizeof(a)),
                              igi_type_print(&s->all->v.type, NULL, b, sizeof(b)));
    if (!s->all || s->n == s->room)
        IG_TRY(stack_room(k, s, type, s->all ? 2 * s->room : s->room ? s->room : 4));
    if (!s->all)
        return IG_BUG("a stack has no room after it was made");
    igi_copy_nd((ig_dtype)type->dtype, type->rank, ig_type_dims(type), s->all->data,
                s->n * igi_tensor_count(t), igi_strides(s->all) + 1, t->data, 0,
                igi_strides(t));
    s->n++;
    return IG_OK;
}

/* All items so far as one tensor; spare room stays behind its end. */
static ig_status stack_tensor(const igi_stack *s, const ig_type *none, ig_tensor **out)
{
    int64_t dims[IG_RANK_MAX + 1] = {0};
    if (s->all) {
        int rank = s->all->v.type.rank;
        memcpy(dims, ig_type_dims(&s->all->v.type), (size_t)rank * sizeof(*dims));
        dims[0] = s->n;
        return igi_tensor_view(out, NULL, s->all, rank, dims, igi_strides(s->all), 0);
    }
    int rank = none->rank < 0 || none->rank >= IG_RANK_MAX ? 0 : none->rank;
    for (int i = 0; i < rank; i++)
        dims[i + 1] = ig_type_dims(none)[i] > 0 ? ig_type_dims(none)[i] : 0;
    return igi_tensor_make(out, NULL, (ig_dtype)none->dtype, rank + 1, dims);
}

ig_status igi_stack_give(
    ig_kernel_ctx *k, int o, igi_stack *s, const ig_type *none, int axis, bool reversed)
{
    ig_tensor *t = NULL;
    int64_t dims[IG_RANK_MAX], from[IG_RANK_MAX];
    if (o >= k->n_out || !k->out[o])
        return IG_OK;
    IG_TRY(stack_tensor(s, none, &t));
    igi_stack_fini(s);
    int rank = t->v.type.rank;
    if (axis == 0 && !reversed)
        return ig_out_give(k, o, &t->v);
    const int64_t *d = ig_type_dims(&t->v.type), *st = igi_strides(t);
    for (int i = 0; i < rank; i++) {
        int src = i == axis ? 0 : i < axis ? i + 1 : i;
        dims[i] = d[src];
        from[i] = src == 0 && reversed ? -st[src] : st[src];
    }
    int64_t first = reversed && d[0] > 0 ? (d[0] - 1) * st[0] : 0;
    ig_status rc = ig_out_alloc(k, o, rank, dims);
    if (rc == IG_OK)
        igi_copy_nd((ig_dtype)t->v.type.dtype, rank, dims, ig_out(k, o)->data, 0,
                    igi_strides(ig_out(k, o)), t->data, first, from);
    ig_tensor_unref(t);
    return rc;
}

void igi_stack_fini(igi_stack *s)
{
    ig_tensor_unref(s->all);
    *s = (igi_stack){0};
}

ig_status
igi_body_typed(const ig_graph *body, const ig_type *const *in, int n, ig_graph **out)
{
    IG_TRY(ig_graph_clone(out, body));
    for (int i = 0; i < n && i < (int)(*out)->inputs.n; i++) {
        ig_type *t = &igi_value_at(*out, (*out)->inputs.p[i])->type, copy;
        if (!in[i] || !igi_type_same_kind(t, in[i]))
            continue;
        IG_TRY(igi_type_copy(&copy, in[i]));
        igi_type_fini(t);
        *t = copy;
    }
    if (igi_graph_infer(*out) != IG_OK)
        igi_error_clear(); /* then no round could run; but none has to */
    return IG_OK;
}

/* ---- items ---- */

ig_status
igi_slice_of(const ig_tensor *t, int axis, int64_t i, int64_t n, ig_tensor **out)
{
    int64_t dims[IG_RANK_MAX], strides[IG_RANK_MAX];
    const ig_type *type = &t->v.type;
    ig_dtype dtype = (ig_dtype)type->dtype;
    int rank = 0;
    for (int d = 0; d < type->rank; d++) {
        if (d == axis && n < 0)
            continue;
        dims[rank] = d == axis ? n : ig_type_dims(type)[d];
        strides[rank++] = igi_strides(t)[d];
    }
    int64_t offset = i * igi_strides(t)[axis];
    if (ig_dtype_bits(dtype) >= 8 && igi_strides_are_contiguous(rank, dims, strides))
        return igi_tensor_view(out, NULL, (ig_tensor *)(uintptr_t)t, rank, dims,
                               strides, offset);
    IG_TRY(igi_tensor_make(out, NULL, dtype, rank, dims));
    igi_copy_nd(dtype, rank, dims, (*out)->data, 0, igi_strides(*out), t->data, offset,
                strides);
    return IG_OK;
}

ig_status igi_give_sequence(
    ig_kernel_ctx *k, int o, const ig_type *elem, ig_value *const *items, int64_t n)
{
    ig_type type;
    ig_value *made = NULL;
    if (o >= k->n_out || !k->out[o])
        return IG_OK;
    IG_TRY(ig_charge(k, n * (int64_t)sizeof(void *)));
    IG_TRY(igi_wrapped_type(&type, IG_KIND_SEQUENCE, elem));
    ig_status rc = igi_sequence_new(&made, &type, items, n);
    igi_type_fini(&type);
    return rc == IG_OK ? ig_out_give(k, o, made) : rc;
}

ig_status igi_position(
    const ig_kernel_ctx *k, int port, int64_t n, bool end, int64_t none, int64_t *out)
{
    const ig_tensor *t = ig_in(k, port);
    int64_t most = end ? n : n - 1, at = t ? 0 : none;
    if (t && igi_tensor_count(t) != 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "position must be one number, not %" PRId64,
                              igi_tensor_count(t));
    if (t)
        at = igi_scalar_i64(t, 0);
    if (at < -n || at > most)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "position %" PRId64 " is outside [%" PRId64 ", %" PRId64
                              "] of a sequence with %" PRId64 " items",
                              at, -n, most, n);
    *out = at < 0 ? at + n : at;
    return IG_OK;
}
