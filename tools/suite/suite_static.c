/* Gradients that the static pass appends to a graph, run as a net. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/suite/suite_grad.h"

static double *f64(const ig_tensor *t)
{
    return (double *)(void *)t->data;
}

/* An input with the type of a value; -1 dims where a graph knows more. */
static ig_status
add_like(ig_graph *g, const char *stem, int k, const ig_value *v, ig_value_id *out)
{
    char name[32];
    snprintf(name, sizeof(name), "%s%d", stem, k);
    return ig_graph_input_typed(g, name, &v->type, out);
}

/* Appends weights as inputs and the gradient; outputs "dx<k>"; with `second` also
 * "ddx<k>". All by ports. */
static ig_status
differentiate(const suite_probe *p, ig_graph *g, bool second, bool *have)
{
    ig_value_id ys[SUITE_PORTS], dys[SUITE_PORTS], xs[2 * SUITE_PORTS], dx[SUITE_PORTS],
        roots[SUITE_PORTS], seeds[SUITE_PORTS], ddx[2 * SUITE_PORTS];
    const suite_case *c = p->c;
    char name[32];
    int n = 0;
    for (int k = 0; k < p->n_py; k++) {
        ys[k] = ig_graph_output_at(g, p->py[k]);
        const ig_type *t = ig_graph_value_type(g, ys[k]);
        if (t->kind != IG_KIND_TENSOR || t->rank < 0) {
            IG_TRY(add_like(g, "w", k, c->want[p->py[k]], &dys[k]));
        } else {
            int64_t dims[IG_RANK_MAX];
            int rank = t->rank;
            memcpy(dims, ig_type_dims(t), (size_t)rank * sizeof(*dims));
            snprintf(name, sizeof(name), "w%d", k);
            IG_TRY(ig_graph_input(g, name, IG_FLOAT64, rank, dims, &dys[k]));
        }
        xs[p->n_px + k] = dys[k];
    }
    for (int k = 0; k < p->n_px; k++) {
        snprintf(name, sizeof(name), "x%d", p->px[k]);
        xs[k] = ig_graph_find(g, name);
    }
    IG_TRY(ig_graph_gradient(g, ys, dys, p->n_py, xs, dx, p->n_px));
    for (int k = 0; k < p->n_px; k++) {
        snprintf(name, sizeof(name), "dx%d", k);
        have[k] = dx[k].i != 0;
        if (!dx[k].i)
            continue;
        IG_TRY(ig_graph_output(g, name, dx[k]));
        IG_TRY(add_like(g, "v", k, c->in[p->px[k]], &seeds[n]));
        roots[n++] = dx[k];
    }
    if (!second || !n)
        return ig_graph_verify(g);
    IG_TRY(ig_graph_gradient(g, roots, seeds, n, xs, ddx, p->n_px + p->n_py));
    for (int k = 0; k < p->n_px + p->n_py; k++) {
        snprintf(name, sizeof(name), "ddx%d", k);
        have[p->n_px + k] = ddx[k].i != 0;
        if (ddx[k].i)
            IG_TRY(ig_graph_output(g, name, ddx[k]));
    }
    return ig_graph_verify(g);
}

static void compare_static(const suite_probe *p,
                           const char *flow,
                           int k,
                           const ig_tensor *got,
                           const ig_tensor *want)
{
    double largest = 1;
    if (!got || !want) {
        const ig_tensor *t = got ? got : want;
        for (int64_t i = 0; t && i < igi_tensor_count(t); i++)
            if (fabs(f64(t)[i]) > 1e-12) {
                suite_fail(p->c, flow, "gradient %d exists only %s", k,
                           got ? "in the graph" : "on the tape");
                return;
            }
        return;
    }
    if (!igi_type_equal(&got->v.type, &want->v.type)) {
        suite_fail(p->c, flow, "gradient %d has another type than the tape's", k);
        return;
    }
    for (int64_t i = 0; i < igi_tensor_count(got); i++)
        largest = fmax(largest, fabs(f64(want)[i]));
    for (int64_t i = 0; i < igi_tensor_count(got); i++)
        if (!(fabs(f64(got)[i] - f64(want)[i]) <= 1e-10 * largest)) {
            suite_fail(p->c, flow,
                       "gradient %d, element %lld: %.15g, the tape gives %.15g", k,
                       (long long)i, f64(got)[i], f64(want)[i]);
            return;
        }
}

/* The value of port `port` rebuilt from the tensors that stand for it in `list`. */
static ig_value *join(const ig_value *like,
                      int port,
                      const suite_place *at,
                      int n,
                      ig_tensor *const *list)
{
    ig_value *items[SUITE_PORTS] = {0}, *made = NULL;
    int m = 0;
    for (int k = 0; k < n; k++)
        if (at[k].port == port)
            items[m++] = (ig_value *)list[k];
    if (like->type.kind == IG_KIND_TENSOR)
        return ig_value_ref(items[0]);
    return igi_value_with(&made, like, items, m) == IG_OK ? made : NULL;
}

static ig_status
feed(const ig_graph *g, ig_workspace *ws, const char *stem, int k, ig_value *v)
{
    char name[32];
    snprintf(name, sizeof(name), "%s%d", stem, k);
    ig_value_id id = ig_graph_find(g, name);
    bool wanted = v && id.i && !ig_graph_value_constant(g, id);
    ig_status rc = wanted ? ig_workspace_feed_value(ws, name, v) : IG_OK;
    ig_value_unref(v);
    return rc;
}

static ig_status feed_all(const suite_probe *p, const ig_graph *g, ig_workspace *ws)
{
    const suite_case *c = p->c;
    for (int i = 0; i < c->call.n_in; i++)
        IG_TRY(feed(g, ws, "x", i, ig_value_ref(c->in[i])));
    for (int k = 0; k < p->n_py; k++)
        IG_TRY(
            feed(g, ws, "w", k, join(c->want[p->py[k]], p->py[k], p->y, p->n_y, p->w)));
    for (int k = 0; k < p->n_px; k++)
        IG_TRY(
            feed(g, ws, "v", k, join(c->in[p->px[k]], p->px[k], p->x, p->n_x, p->v)));
    return IG_OK;
}

/* Compares a gradient by port with those of the tape by place: `at` [n], `want` [n]. */
static void compare_port(const suite_probe *p,
                         const char *flow,
                         ig_value *got,
                         int port,
                         const suite_place *at,
                         int n,
                         ig_tensor *const *want,
                         int first)
{
    ig_value *all[SUITE_PORTS] = {0};
    all[port] = got;
    for (int k = 0; k < n; k++)
        if (at[k].port == port)
            compare_static(p, flow, first + k, suite_tensor_at(all, at[k]), want[k]);
}

static ig_status run_static(const suite_probe *p,
                            const ig_graph *g,
                            bool second,
                            const bool *have,
                            int level,
                            const char *flow)
{
    ig_net *net = NULL;
    ig_net_opts o = {.level = level, .threads = 1};
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_status rc = ws ? ig_net_new(&net, g, ws, &o) : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = feed_all(p, g, ws);
    if (rc == IG_OK)
        rc = ig_net_run(net, ws, NULL);
    int n = p->n_px + (second ? p->n_px + p->n_py : 0);
    for (int k = 0; rc == IG_OK && k < n; k++) {
        char name[32];
        ig_value *v = NULL;
        bool first = k < p->n_px;
        int i = first ? k : k - p->n_px;
        snprintf(name, sizeof(name), first ? "dx%d" : "ddx%d", i);
        if (have[k])
            rc = ig_workspace_fetch_value(ws, name, &v);
        if (rc == IG_OK && i < p->n_px)
            compare_port(p, flow, v, p->px[i], p->x, p->n_x, first ? p->dx : p->ddx,
                         first ? 0 : p->n_x);
        else if (rc == IG_OK)
            compare_port(p, flow, v, p->py[i - p->n_px], p->y, p->n_y, p->ddx + p->n_x,
                         2 * p->n_x);
        ig_value_unref(v);
    }
    ig_net_free(net);
    ig_workspace_free(ws);
    return rc;
}

void suite_check_static(const suite_probe *p, bool second, suite_constants which)
{
    ig_graph *g = NULL;
    bool have[3 * SUITE_PORTS] = {0}, symbols = which == SUITE_SYMBOLS;
    const char *flow = symbols ? "gradient, static, symbols" : "gradient, static";
    ig_status rc = suite_graph(p->c, which, &g);
    if (rc == IG_OK)
        rc = differentiate(p, g, second, have);
    if (rc == IG_OK)
        rc = run_static(p, g, second, have, -1, flow);
    if (rc == IG_OK && !symbols)
        rc = run_static(p, g, second, have, 0, "gradient, static, optimised");
    ig_graph *again = NULL;
    if (rc == IG_OK)
        rc = suite_exported(g, &again);
    if (rc == IG_OK && again)
        rc = run_static(p, again, second, have, -1, "gradient, exported to ONNX");
    ig_graph_free(again);
    if (rc != IG_OK)
        suite_fail(p->c, flow, "%s", ig_error_message());
    ig_graph_free(g);
}
