#include "operators/common_train.h"

IG_USES_OP(Greater);
IG_USES_OP(ReduceSum);
IG_USES_OP(Reshape);
IG_USES_OP(Where);

const ig_port igi_train_inputs[] = {
    IG_PORT("R", 'R', "Learning rate, a scalar."),
    IG_PORT("T", 'I', "Number of updates so far, a scalar."),
    IG_PORT("inputs",
            'X',
            "All tensors to be updated, then the gradient of each, then the state of "
            "each (of every kind of state).",
            .flags = IG_VARIADIC | IG_HETERO),
    {0},
};
const ig_port igi_train_outputs[] = {
    IG_PORT("outputs",
            'X',
            "The updated tensors, then their new states.",
            .flags = IG_VARIADIC | IG_HETERO),
    {0},
};
#define FLOATS (IG_T(FLOAT32) | IG_T(FLOAT64))
const ig_type_rule igi_train_types[] = {
    {'X', FLOATS}, {'R', FLOATS}, {'I', IG_T(INT64)}, {0}};
const ig_save igi_train_saves[] = {IG_SAVE_IN(0, IG_SAVE_ANY),
                                   IG_SAVE_IN(1, IG_SAVE_ANY),
                                   IG_SAVE_IN(2, IG_SAVE_ANY),
                                   {0}};

enum { FIRST = 2 }; /* input that is the first tensor */

/* ---- infer ---- */

static ig_status check_like(ig_infer *x, int i, int like)
{
    const ig_type *a = x->in[like], *b = x->in[i];
    if (!a || !b)
        return ig_infer_fail(x, "input %d is missing", a ? i : like);
    bool ranked = a->rank >= 0 && b->rank >= 0;
    if (a->dtype != b->dtype || (ranked && a->rank != b->rank))
        return ig_infer_fail(x, "inputs %d and %d, of one tensor, differ in type", like,
                             i);
    for (int d = 0; ranked && d < a->rank; d++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(a)[d], ig_type_dims(b)[d],
                              "dims of a tensor, its gradient and its states", NULL));
    return IG_OK;
}

ig_status igi_train_infer(ig_infer *x, int n_states)
{
    const int each = n_states + 2, all = x->n_in - FIRST, n = all / each;
    if (n * each != all || x->n_out != n * (n_states + 1))
        return ig_infer_fail(x,
                             "%d tensors and %d outputs: %d of each tensor and %d of "
                             "each output are expected",
                             all, x->n_out, each, n_states + 1);
    for (int i = 0; i < FIRST; i++) {
        int64_t count = ig_infer_count(x, i, 0, x->in[i]->rank);
        if (count >= 0 && count != 1)
            return ig_infer_fail(x, "%s must be a scalar", x->op->inputs[i].name);
    }
    for (int i = 0; i < n; i++) {
        for (int j = 1; j < each; j++)
            IG_TRY(check_like(x, FIRST + j * n + i, FIRST + i));
        for (int j = 0; j <= n_states; j++) {
            IG_TRY(ig_infer_dtype(x, j * n + i, x->in[FIRST + i]->dtype));
            IG_TRY(ig_infer_copy(x, j * n + i, FIRST + i));
        }
    }
    return IG_OK;
}

/* ---- reference ---- */

ig_status igi_train_run(const ig_kernel_ctx *k,
                        int n_states,
                        const void *rates,
                        igi_train_step step)
{
    const int each = n_states + 2, n = (k->n_in - FIRST) / each;
    for (int i = 0; i < n; i++) {
        const ig_tensor *x = ig_in(k, FIRST + i);
        const ig_dtype dtype = ig_dtype_of(x);
        for (int64_t e = 0; e < ig_numel(x); e++) {
            double v[IGI_TRAIN_STATES_MAX + 2];
            for (int j = 0; j < each; j++)
                v[j] = igi_load(dtype, ig_data(ig_in(k, FIRST + j * n + i)), e);
            step(rates, v);
            for (int j = 0; j <= n_states; j++) {
                ig_tensor *y = ig_out(k, j * n + i);
                if (y)
                    igi_store(dtype, ig_data(y), e, v[j ? j + 1 : 0]);
            }
        }
    }
    return IG_OK;
}

/* ---- gradient ---- */

static void read_tuple(ig_grad *g, igi_train_tuple *t, int n_states, int n, int i)
{
    *t = (igi_train_tuple){.count = ig_grad_in(g, 1),
                           .x = ig_grad_in(g, FIRST + i),
                           .g = ig_grad_in(g, FIRST + n + i),
                           .dx_new = ig_grad_dy_full(g, i)};
    t->dtype = (ig_dtype)ig_grad_in_type(g, FIRST + i)->dtype;
    t->rate = igi_emit_cast(g, ig_grad_in(g, 0), t->dtype);
    const int64_t zero = 0;
    t->later = ig_emit2(g, IG_OP(Greater), NULL, t->count, ig_grad_ints(g, &zero, 1));
    t->count = igi_emit_cast(g, t->count, t->dtype);
    for (int j = 0; j < n_states; j++) {
        t->state[j] = ig_grad_in(g, FIRST + (2 + j) * n + i);
        t->dstate_new[j] = ig_grad_dy_full(g, (1 + j) * n + i);
    }
}

/* A sum over everything, in the type and shape of R. */
static ig_var rate_gradient(ig_grad *g, ig_var v)
{
    const igi_reduce_attrs all = {.struct_size = sizeof(all)};
    v = ig_emit1(g, IG_OP(ReduceSum), &all, v);
    v = igi_emit_cast(g, v, (ig_dtype)ig_grad_in_type(g, 0)->dtype);
    return ig_emit2(g, IG_OP(Reshape), NULL, v, ig_grad_in_shape(g, 0));
}

ig_status igi_train_gradient(ig_grad *g,
                             int n_states,
                             void (*rule)(ig_grad *g, igi_train_tuple *t))
{
    const int n = (ig_grad_n_in(g) - FIRST) / (n_states + 2);
    ig_var drate = {0};
    for (int i = 0; i < n; i++) {
        igi_train_tuple t;
        read_tuple(g, &t, n_states, n, i);
        rule(g, &t);
        if (ig_grad_wants(g, 0))
            drate = igi_emit_add(g, drate, rate_gradient(g, t.drate));
        ig_grad_set(g, FIRST + i, t.dx);
        ig_grad_set(g, FIRST + n + i, t.dg);
        for (int j = 0; j < n_states; j++)
            ig_grad_set(g, FIRST + (2 + j) * n + i, t.dstate[j]);
    }
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, drate);
    return IG_OK;
}

ig_var igi_train_regularized(ig_grad *g, const igi_train_tuple *t, double c)
{
    return igi_emit_add(g, igi_emit_scale(g, t->x, c), t->g);
}

ig_var igi_train_after_first(ig_grad *g, const igi_train_tuple *t, ig_var v)
{
    return ig_emit3(g, IG_OP(Where), NULL, t->later, v, ig_grad_scalar(g, t->dtype, 1));
}
