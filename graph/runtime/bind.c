/* The edges of a run: inputs and outputs of the caller against the places of a plan. */
#include <string.h>

#include "graph/runtime/call.h"
#include "graph/runtime/instance.h"
#include "graph/runtime/remote.h"

/* ---- inputs ---- */

static bool share_bytes(const ig_tensor *a, const ig_tensor *b)
{
    if (!a->st || !b->st)
        return false;
    return a->st->data < b->st->data + b->st->bytes &&
           b->st->data < a->st->data + a->st->bytes;
}

/* Whether an output is read from input i, or may be, when results are delivered. */
static bool is_read_late(const igi_instance *x, int i)
{
    for (int j = 0; j < x->net->n_out; j++) {
        const igi_pvalue *root = igi_plan_root(x->plan, x->plan->output[j]);
        if (root->where == IGI_AT_HEAP ||
            (root->where == IGI_AT_INPUT && root->input == i))
            return true;
    }
    return false;
}

/* Whether delivering one result would change input i under another. */
static bool
is_overwritten(const igi_instance *x, int i, ig_value *const *out, int n_bound)
{
    const ig_tensor *in = ig_value_tensor(x->in[i]);
    for (int j = 0; j < n_bound; j++) {
        const ig_tensor *t = out[j] ? ig_value_tensor(out[j]) : NULL;
        if (t && share_bytes(t, in))
            return is_read_late(x, i);
    }
    return false;
}

/* The run reads a copy of input i from now on. */
static ig_status copy_input(igi_instance *x, int i, ig_value *given)
{
    ig_tensor *copy = NULL;
    IG_TRY(igi_call_copy(&x->invoker, NULL, (ig_tensor *)x->in[i], &copy));
    if (x->in[i] != given)
        ig_value_unref(x->in[i]);
    x->in[i] = &copy->v;
    return IG_OK;
}

static ig_status
bind_input(igi_instance *x, int i, ig_value *given, ig_value *const *out, int n_bound)
{
    igi_plan *p = x->plan;
    const igi_pvalue *pv = &p->value[x->net->graph->inputs.p[i].i];
    ig_tensor *t = ig_value_tensor(given);
    x->in[i] = given;
    if (!t && !igi_type_innermost(&given->type)->dtype) /* empty: gets a type here */
        return igi_value_empty(&x->in[i], &pv->type);
    if (!t)
        return IG_OK;
    if (t->v.flags & IGI_REMOTE && pv->space == IGI_HOST) {
        if (pv->mutated)
            return ig_fail(IG_DEVICE,
                           "input '%s' is updated in place, but lies on device '%s', "
                           "where the net does not run",
                           x->net->in_names[i], igi_queue_of(t)->def->name);
        IG_TRY(igi_remote_home(&x->invoker, given, &x->in[i]));
    }
    if (pv->mutated && x->nested) /* a body changes nothing outside of it */
        IG_TRY(copy_input(x, i, given));
    t = (ig_tensor *)x->in[i];
    if (pv->mutated &&
        (!(t->v.flags & IGI_CONTIGUOUS) || !t->st || t->st->flags & IGI_READONLY))
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "input '%s' is updated in place, so it must be contiguous and writable",
            x->net->in_names[i]);
    if (!(t->v.flags & IGI_CONTIGUOUS) ||
        (!pv->mutated && is_overwritten(x, i, out, n_bound)))
        IG_TRY(copy_input(x, i, given));
    t = (ig_tensor *)x->in[i];
    if (pv->mutated)
        t->st->version++;
    if (pv->header) {
        pv->header->data = t->data;
        pv->header->st = t->st;
    }
    return IG_OK;
}

/* ---- outputs ---- */

static ig_status
wrong_output(const igi_instance *x, int j, const ig_type *want, const ig_type *have)
{
    char a[256], b[256];
    return ig_fail(IG_INVALID_ARGUMENT,
                   "output '%s' is %s, but the tensor given for it is %s",
                   x->net->out_names[j], igi_type_print(want, NULL, a, sizeof(a)),
                   igi_type_print(have, NULL, b, sizeof(b)));
}

/* Whether a bound tensor fits output j (as far as that is known) and may be written. */
static ig_status check_bound(const igi_instance *x, int j, const ig_value *given)
{
    const igi_pvalue *pv = &x->plan->value[x->plan->output[j]];
    const ig_tensor *t = (const ig_tensor *)given;
    if (given->type.kind != IG_KIND_TENSOR ||
        (pv->known && !igi_type_equal(&pv->type, &given->type)))
        return wrong_output(x, j, &pv->type, &given->type);
    if (!t->st || t->st->flags & IGI_READONLY)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the tensor given for output '%s' cannot be written",
                       x->net->out_names[j]);
    const char *constant = igi_net_constant_of(x->net, t);
    if (constant)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the tensor given for output '%s' is the memory of the constant "
                       "'%s', which would be overwritten",
                       x->net->out_names[j], constant);
    return IG_OK;
}

/* Steps may write straight into a bound tensor that is dense and that no input or other
 * output shares memory with: those may still be read. */
static bool
may_write_direct(const igi_instance *x, int j, ig_value *const *out, int n_out)
{
    const ig_tensor *t = (const ig_tensor *)out[j];
    int space = igi_plan_space_of(x->plan, x->plan->output[j]);
    if (!(t->v.flags & IGI_CONTIGUOUS) ||
        ig_dtype_bits((ig_dtype)t->v.type.dtype) == 0 ||
        igi_plan_space(x->net, out[j]) != space || (t->v.flags & IGI_REMOTE && !space))
        return false;
    for (int i = 0; i < x->net->n_in; i++) {
        const ig_tensor *in = ig_value_tensor(x->in[i]);
        if (!in || share_bytes(t, in))
            return false;
    }
    for (int k = 0; k < n_out; k++)
        if (k != j && out[k] && share_bytes(t, (const ig_tensor *)out[k]))
            return false;
    return true;
}

/* Storage of one OWN root: the bound tensor's, or new. */
static ig_status bind_own(igi_instance *x, uint32_t v, ig_value *const *out, int n_out)
{
    igi_plan *p = x->plan;
    const igi_pvalue *pv = &p->value[v];
    const int64_t *dims = ig_type_dims(&pv->type);
    ig_tensor *t = NULL;
    int j = pv->output;
    ig_tensor *bound = j >= 0 && j < n_out ? (ig_tensor *)out[j] : NULL;
    if (bound && may_write_direct(x, j, out, n_out)) {
        x->direct[j] = true;
        bound->st->version++;
        IG_TRY(igi_tensor_view(&t, NULL, bound, pv->type.rank, dims,
                               igi_strides(pv->header), 0));
    } else if (pv->space == IGI_THERE) {
        IG_TRY(igi_queue_tensor(&t, p->queue, (ig_dtype)pv->type.dtype, pv->type.rank,
                                dims));
    } else {
        IG_TRY(
            igi_tensor_header(&t, NULL, (ig_dtype)pv->type.dtype, pv->type.rank, dims));
        ig_status rc = igi_tensor_alloc(t, NULL);
        if (rc != IG_OK) {
            ig_tensor_unref(t);
            return rc;
        }
    }
    x->real[v] = &t->v;
    pv->header->data = t->data;
    pv->header->st = t->st;
    return IG_OK;
}

ig_status igi_bind_run(igi_instance *x, ig_value *const *in, ig_value **out, int n_out)
{
    igi_plan *p = x->plan;
    int n_bound = 0; /* outputs up to the last that is bound */
    for (int j = 0; j < n_out; j++)
        n_bound = out[j] ? j + 1 : n_bound;
    for (int i = 0; i < x->net->n_in; i++)
        x->in[i] = in[i]; /* unbind compares with these also after a failure */
    for (int i = 0; i < x->net->n_in; i++)
        IG_TRY(bind_input(x, i, in[i], out, n_bound));
    if (p->queue)
        IG_TRY(igi_queue_enter(p->queue, x->in, x->net->n_in, NULL));
    for (int j = 0; j < n_out; j++) {
        x->direct[j] = false;
        if (out[j])
            IG_TRY(check_bound(x, j, out[j]));
    }
    if (p->queue)
        IG_TRY(igi_queue_enter(p->queue, out, n_out, NULL));
    for (size_t i = 0; i < p->own.n; i++)
        IG_TRY(bind_own(x, p->own.p[i], out, n_out));
    for (size_t i = 0; i < p->patches.n; i++) {
        const igi_patch *q = &p->patches.p[i];
        q->header->data = q->root->data + q->bytes;
        q->header->st = q->root->st;
    }
    return IG_OK;
}

/* ---- values outside the arena ---- */

ig_status igi_real_value(igi_instance *x, uint32_t v, ig_value **out)
{
    igi_plan *p = x->plan;
    const igi_pvalue *pv = &p->value[v], *root = igi_plan_root(p, v);
    ig_value *base = x->real[v];
    if (!base && root->where == IGI_AT_INPUT)
        base = x->in[root->input];
    else if (!base && root->where == IGI_AT_CONST) {
        IG_TRY(igi_tensor_settle(root->constant));
        base = &root->constant->v;
    } else if (!base)
        base = x->real[pv->root];
    if (!base)
        return IG_BUG("a late node reads a value that nobody has made");
    *out = base;
    if (pv->root == v || x->real[v])
        return IG_OK;
    ig_tensor *h = igi_plan_header(p, v), *t = NULL;
    if (!h)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_tensor_view(&t, NULL, (ig_tensor *)base, pv->type.rank,
                           ig_type_dims(&pv->type), igi_strides(h), pv->offset));
    *out = x->real[v] = &t->v;
    return IG_OK;
}

/* ---- delivery ---- */

static bool is_input(const igi_instance *x, const igi_storage *st)
{
    for (int i = 0; i < x->net->n_in; i++) {
        const ig_tensor *t = x->in[i] ? ig_value_tensor(x->in[i]) : NULL;
        if (t && t->st == st)
            return true;
    }
    return false;
}

/* Can the caller take the items as they lie, and change his inputs afterwards? */
static bool is_settled(const igi_instance *x, const ig_value *v)
{
    if (v->type.kind == IG_KIND_TENSOR) {
        const igi_storage *st = ((const ig_tensor *)v)->st;
        return v->flags & IGI_CONTIGUOUS && !(st->flags & IGI_READONLY) &&
               !is_input(x, st);
    }
    int64_t n;
    ig_value **items = igi_value_items(v, &n);
    for (int64_t i = 0; i < n; i++)
        if (!is_settled(x, items[i]))
            return false;
    return true;
}

/* Results are the host's, unless the net's options say otherwise. */
static bool goes_home(const igi_instance *x, const ig_value *v)
{
    return !x->net->keep_on_device && !x->nested && igi_value_flags(v) & IGI_REMOTE;
}

/* A result of a late node: the caller's alone. What shares memory with anything is
 * copied. */
static ig_status deliver_heap(igi_instance *x, int j, ig_value **out)
{
    ig_value *v = x->real[x->plan->output[j]];
    ig_tensor *t = v ? ig_value_tensor(v) : NULL;
    if (!v)
        return IG_BUG("an output was not made");
    if (*out) {
        if (!t || !igi_type_equal(&v->type, &(*out)->type))
            return wrong_output(x, j, &v->type, &(*out)->type);
        ((ig_tensor *)*out)->st->version++;
        return igi_tensor_copy_into((ig_tensor *)*out, t);
    }
    if (goes_home(x, v))
        return igi_remote_home(&x->invoker, v, out);
    if (t && !x->nested &&
        (v->refs > 1 || t->st->refs > 1 || !(v->flags & IGI_CONTIGUOUS) ||
         t->st->flags & IGI_READONLY)) {
        ig_tensor *copy = NULL;
        IG_TRY(igi_call_copy(&x->invoker, NULL, t, &copy));
        *out = &copy->v;
        return IG_OK;
    }
    if (!t && !x->nested && !is_settled(x, v))
        return igi_value_copy(out, v);
    *out = ig_value_ref(v);
    return IG_OK;
}

/* Output j is (all of) a root with storage of its own, or over an input that the net
 * updates: a header over that memory. */
static ig_status pass_on(igi_instance *x, int j, ig_tensor *base, ig_value **out)
{
    const igi_pvalue *pv = &x->plan->value[x->plan->output[j]];
    if (x->plan->value[x->plan->output[j]].root == x->plan->output[j]) {
        *out = ig_value_ref(&base->v);
        return IG_OK;
    }
    ig_tensor *t = NULL;
    IG_TRY(igi_tensor_view(&t, NULL, base, pv->type.rank, ig_type_dims(&pv->type),
                           igi_strides(pv->header), pv->offset));
    *out = &t->v;
    return IG_OK;
}

/* Results of a body may be its inputs or constants: whoever takes them does not write.
 */
static bool pass_through(igi_instance *x, uint32_t v, ig_value **out)
{
    const igi_pvalue *pv = &x->plan->value[v];
    if (*out || pv->root != v || pv->mutated)
        return false;
    if (pv->where == IGI_AT_INPUT)
        *out = ig_value_ref(x->in[pv->input]);
    else if (pv->where == IGI_AT_CONST)
        *out = ig_value_ref(&pv->constant->v);
    return *out != NULL;
}

static ig_status deliver_one(igi_instance *x, int j, ig_value **out)
{
    igi_plan *p = x->plan;
    uint32_t v = p->output[j];
    const igi_pvalue *pv = &p->value[v], *root = igi_plan_root(p, v);
    if (x->direct[j])
        return IG_OK;
    if (root->where == IGI_AT_HEAP)
        return deliver_heap(x, j, out);
    if (x->nested && pass_through(x, v, out))
        return IG_OK;
    if (!pv->known) { /* a sequence or the like that goes through */
        ig_value *through = NULL;
        IG_TRY(igi_real_value(x, v, &through));
        *out = ig_value_ref(through);
        return IG_OK;
    }
    if (*out) {
        ((ig_tensor *)*out)->st->version++;
        return igi_tensor_copy_into((ig_tensor *)*out, pv->header);
    }
    if (root->where == IGI_AT_OWN && root->output == j)
        return pass_on(x, j, (ig_tensor *)x->real[pv->root], out);
    if (root->where == IGI_AT_INPUT && root->mutated && pv->contiguous && pv->root != v)
        return pass_on(x, j, (ig_tensor *)x->in[root->input], out);
    if (goes_home(x, &pv->header->v))
        return igi_remote_home(&x->invoker, &pv->header->v, out);
    ig_tensor *copy = NULL;
    IG_TRY(igi_call_copy(&x->invoker, NULL, pv->header, &copy));
    *out = &copy->v;
    return IG_OK;
}

ig_status igi_deliver(igi_instance *x, ig_value **out, int n_out)
{
    ig_status rc = IG_OK;
    int j = 0;
    for (; j < n_out && rc == IG_OK; j++) {
        x->made[j] = !out[j];
        rc = deliver_one(x, j, &out[j]);
    }
    if (rc != IG_OK)
        igi_take_back(x, out, j - 1); /* all before the one that failed */
    return rc;
}

void igi_take_back(const igi_instance *x, ig_value **out, int n)
{
    for (int j = 0; j < n; j++) {
        if (!x->made[j])
            continue;
        ig_value_unref(out[j]);
        out[j] = NULL;
    }
}

void igi_unbind_run(igi_instance *x, ig_value *const *in)
{
    igi_plan *p = x->plan;
    for (int i = 0; i < x->net->n_in; i++) {
        if (x->in[i] != in[i])
            ig_value_unref(x->in[i]);
        x->in[i] = NULL;
    }
    if (p->has_late) {
        for (uint32_t v = 0; v < p->n_values; v++) {
            ig_value_unref(x->real[v]);
            x->real[v] = NULL;
        }
        return;
    }
    for (size_t i = 0; i < p->own.n; i++) {
        ig_value_unref(x->real[p->own.p[i]]);
        x->real[p->own.p[i]] = NULL;
    }
}
