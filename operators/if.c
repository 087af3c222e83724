// If: one of two bodies, chosen by a number. Both read the same captures, the inputs
// behind cond; the arm that is not taken is not run.
//
// Gradient: an If of the arms' gradients over the same captures and dy.

#include "operators/common_flow.h"
#include "operators/common_flow_grad.h"

IG_USES_OP(Add);
IG_USES_OP(Mul);
IG_USES_OP(Sub);

static const ig_port inputs[] = {
    IG_PORT("cond", 'B', "Which arm: one element."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("outputs",
            'V',
            "The outputs of the arm that ran.",
            .flags = IG_VARIADIC | IG_HETERO | IG_ANY_KIND | IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {
    {'V', IG_ALL_TYPES},
    {'B', IG_T(BOOL)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_GRAPH(igi_if_attrs,
                  then_branch,
                  "Runs when cond is true; its inputs are the captures.",
                  .flags = IG_REQUIRED),
    IG_ATTR_GRAPH(igi_if_attrs,
                  else_branch,
                  "Runs when cond is false; as many outputs as the other.",
                  .flags = IG_REQUIRED),
    {0},
};

static ig_status if_infer(ig_infer *x)
{
    const igi_if_attrs *a = x->attrs;
    if (x->in[0]->rank >= 0) {
        int64_t count = ig_infer_count(x, 0, 0, x->in[0]->rank);
        if (count >= 0 && count != 1)
            return ig_infer_fail(x, "cond must have one element, not %lld",
                                 (long long)count);
    }
    IG_TRY(igi_body_ends(x, a->then_branch, "then_branch", 0, x->n_out));
    IG_TRY(igi_body_ends(x, a->else_branch, "else_branch", 0, x->n_out));
    for (int o = 0; o < x->n_out; o++) {
        ig_type then = {0}, other = {0};
        IG_TRY(igi_body_gives(x, a->then_branch, o, &then));
        ig_status rc = igi_body_gives(x, a->else_branch, o, &other);
        if (rc == IG_OK && !igi_type_weaken(&then, &other)) {
            char p[160], q[160];
            rc = ig_infer_fail(x, "output %d is %s in one arm and %s in the other", o,
                               igi_type_print(&then, x->syms, p, sizeof(p)),
                               igi_type_print(&other, x->syms, q, sizeof(q)));
        }
        igi_type_fini(&other);
        if (rc != IG_OK) {
            igi_type_fini(&then);
            return rc;
        }
        IG_TRY(igi_infer_take(x, o, &then));
    }
    return IG_OK;
}

static ig_status if_reference(ig_kernel_ctx *k)
{
    const igi_if_attrs *a = k->attrs;
    const ig_tensor *cond = ig_in(k, 0);
    igi_rounds r;
    if (igi_tensor_count(cond) != 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "cond must have one element, not %lld",
                              (long long)igi_tensor_count(cond));
    bool yes = *(const uint8_t *)ig_data(cond) != 0;
    ig_status rc =
        igi_rounds_begin(&r, k, yes ? a->then_branch : a->else_branch, 0, k->n_out);
    if (rc == IG_OK)
        rc = igi_rounds_run(&r);
    for (int o = 0; rc == IG_OK && o < k->n_out; o++) {
        if (!k->out[o])
            continue;
        ig_value *v = r.out[o];
        r.out[o] = NULL;
        rc = ig_out_give(k, o, v);
    }
    igi_rounds_end(&r);
    return rc;
}

/* ---- gradient ---- */

static ig_status if_gradient(ig_grad *g)
{
    const igi_if_attrs *a = ig_grad_attrs(g);
    ig_var in[IG_PORTS_MAX], out[IG_PORTS_MAX];
    igi_arm_key key;
    int n_in = ig_grad_n_in(g), n_out = 0, n = n_in;
    igi_arm_key_fill(g, 1, 0, &key);
    igi_if_attrs arms = {.struct_size = sizeof(arms),
                         .then_branch = igi_grad_derived(
                             g, a->then_branch, igi_arm_gradient, &key, sizeof(key)),
                         .else_branch = igi_grad_derived(
                             g, a->else_branch, igi_arm_gradient, &key, sizeof(key))};
    for (int i = 0; i < n_in; i++) {
        in[i] = ig_grad_in(g, i);
        n_out += ig_grad_wants(g, i);
    }
    for (int o = 0; o < ig_grad_n_out(g) && n < IG_PORTS_MAX; o++)
        if (ig_grad_dy(g, o).h)
            in[n++] = ig_grad_dy(g, o);
    ig_call call = {.op = g->op->def,
                    .attrs = &arms,
                    .n_in = n,
                    .n_captures = n - 1,
                    .n_out = n_out};
    IG_TRY(ig_emit_call(g, &call, in, out));
    for (int i = 0, o = 0; i < n_in; i++)
        if (ig_grad_wants(g, i))
            ig_grad_set(g, i, out[o++]);
    return IG_OK;
}

/* ---- samples: y = cond ? a * b : a - b, and a second output ---- */

static ig_status
arm(const ig_sample_scene *s, const ig_op_def *op, const char *name, ig_graph **out)
{
    ig_value_id in[2], y[1], z[1];
    int64_t dims[2] = {-1, 3};
    IG_TRY(igi_graph_new(out, name, s->registry, NULL));
    IG_TRY(ig_graph_input(*out, "a", s->dtype, 2, dims, &in[0]));
    IG_TRY(ig_graph_input(*out, "b", s->dtype, 2, dims, &in[1]));
    IG_TRY(igi_sample_node(*out, op, in, 2, y));
    IG_TRY(igi_sample_node(*out, IG_OP(Add), in, 2, z));
    IG_TRY(ig_graph_output(*out, "y", y[0]));
    return ig_graph_output(*out, "z", z[0]);
}

static ig_status sample_arms(const ig_sample_scene *s, void *out)
{
    igi_if_attrs *a = out;
    IG_TRY(arm(s, IG_OP(Mul), "then", &a->then_branch));
    return arm(s, IG_OP(Sub), "else", &a->else_branch);
}

#define SAMPLE(name_, cond_, rows_)                                                    \
    {                                                                                  \
        .name = name_, .n_out = 2, .n_captures = 2, .bodies = sample_arms,             \
        .types = IG_NUMERIC,                                                           \
        IGI_INPUTS(IGI_IN_NUMBER(IG_BOOL, cond_), IGI_IN(rows_, 3), IGI_IN(rows_, 3))  \
    }
static const ig_sample samples[] = {
    SAMPLE("then", 1, 2),
    SAMPLE("else", 0, 2),
    SAMPLE("one", 1, 1),
    SAMPLE("empty", 0, 0),
    {0},
};

IG_OPERATOR(If) = {
    IG_OP_HEAD,
    .name = "If",
    .since = 25,
    .doc = "Runs then_branch or else_branch.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_if_attrs),
    .flags = IG_OP_SUBGRAPH | IG_OP_UNRANKED,
    .infer = if_infer,
    .gradient = if_gradient,
    .reference = if_reference,
    .samples = samples,
};
