/* First and second gradients in float64.
 *
 * With random weights w, L(x) = sum_k <w_k, y_k(x)> is one number, and its gradient dx
 * from the tape, dx from the static pass and central differences of L must agree. The
 * same again for M(x, w) = sum_i <v_i, dx_i(x, w)>, whose gradient is the second one.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "tools/suite/suite.h"

#define PROBES 12 /* elements of an input that are moved */
#define STEP   1e-5

typedef struct probe {
    const suite_case *c;
    int n_x, n_y;
    int x_port[SUITE_PORTS], y_port[SUITE_PORTS];
    ig_tensor *w[SUITE_PORTS];   /* per y */
    ig_tensor *v[SUITE_PORTS];   /* per x, for the second gradient */
    ig_tensor *dx[SUITE_PORTS];  /* by the tape */
    ig_tensor *ddx[SUITE_PORTS]; /* of M, by x then by w */
} probe;

/* ---- small helpers ---- */

static double *f64(const ig_tensor *t)
{
    return (double *)(void *)t->data;
}

static ig_tensor *weights_like(const ig_tensor *t, uint64_t seed)
{
    ig_tensor *w = NULL;
    if (ig_tensor_new(&w, IG_FLOAT64, t->v.type.rank, ig_type_dims(&t->v.type)) !=
        IG_OK)
        return NULL;
    for (int64_t i = 0; i < igi_tensor_count(w); i++)
        f64(w)[i] = sin((double)(seed * 7 + 1) + 1.7 * (double)i) + 0.3;
    return w;
}

static double dot(const ig_tensor *a, const ig_tensor *b)
{
    double sum = 0;
    ig_tensor *flat = suite_copy(a, 0);
    for (int64_t i = 0; flat && i < igi_tensor_count(flat); i++)
        sum += f64(flat)[i] * f64(b)[i];
    ig_tensor_unref(flat);
    return sum;
}

static bool plan(probe *p)
{
    const suite_case *c = p->c;
    for (int i = 0; i < c->call.n_in; i++)
        if (c->in[i] && c->in[i]->v.type.dtype == IG_FLOAT64 &&
            !(suite_in_port(c, i)->flags & (IG_NODIFF | IG_VALUE)))
            p->x_port[p->n_x++] = i;
    for (int i = 0; i < c->call.n_out; i++)
        if (c->want[i] && c->want[i]->v.type.dtype == IG_FLOAT64 &&
            !(suite_out_port(c, i)->flags & IG_NODIFF))
            p->y_port[p->n_y++] = i;
    for (int k = 0; k < p->n_y; k++)
        p->w[k] = weights_like(c->want[p->y_port[k]], (uint64_t)k);
    for (int k = 0; k < p->n_x; k++)
        p->v[k] = weights_like(c->in[p->x_port[k]], 10 + (uint64_t)k);
    return p->n_x && p->n_y;
}

/* ---- the tape ---- */

typedef struct run {
    ig_ctx *ctx;
    ig_tensor *in[SUITE_PORTS], *w[SUITE_PORTS];
    ig_tensor *xs[SUITE_PORTS], *ys[SUITE_PORTS], *dx[SUITE_PORTS];
} run;

static void run_end(run *r)
{
    ig_ctx_free(r->ctx);
    suite_drop(r->in, SUITE_PORTS);
    suite_drop(r->w, SUITE_PORTS);
}

/* Forward and first gradient; `again`: differentiable once more. */
static bool run_begin(run *r, const probe *p, bool again)
{
    const suite_case *c = p->c;
    ig_tensor *out[SUITE_PORTS] = {0};
    memset(r, 0, sizeof(*r));
    if (ig_ctx_new(&r->ctx, &(ig_ctx_opts){.registry = suite_registry()}) != IG_OK)
        return false;
    for (int i = 0; i < c->call.n_in; i++)
        r->in[i] = suite_copy(c->in[i], 0);
    for (int k = 0; k < p->n_x; k++)
        r->xs[k] = ig_requires_grad(r->ctx, r->in[p->x_port[k]], true);
    for (int k = 0; k < p->n_y; k++) {
        r->w[k] = suite_copy(p->w[k], 0);
        if (again)
            (void)ig_requires_grad(r->ctx, r->w[k], true);
    }
    ig_call call = c->call;
    call.draw = 0;
    call.where = IG_HERE;
    if (ig_dispatch(r->ctx, &call, (ig_value *const *)r->in, (ig_value **)out) != IG_OK)
        return false;
    int n = 0; /* outputs that no x reaches carry no history */
    ig_tensor *dys[SUITE_PORTS];
    for (int k = 0; k < p->n_y; k++) {
        if (!ig_tensor_requires_grad(out[p->y_port[k]]))
            continue;
        dys[n] = r->w[k];
        r->ys[n++] = out[p->y_port[k]];
    }
    ig_grad_opts o = {
        .dys = dys, .create_graph = again, .retain_graph = true, .allow_unused = true};
    return n == 0 || ig_grad(r->ctx, r->ys, n, r->xs, p->n_x, r->dx, &o) == IG_OK;
}

static bool first_by_tape(probe *p)
{
    run r;
    bool ok = run_begin(&r, p, false);
    if (!ok)
        suite_fail(p->c, "gradient, tape", "%s", ig_ctx_message(r.ctx));
    for (int k = 0; ok && k < p->n_x; k++)
        p->dx[k] = suite_copy(r.dx[k], 0);
    run_end(&r);
    return ok;
}

/* Gradients of M by every x and every w. */
static bool second_by_tape(probe *p)
{
    run r;
    ig_tensor *roots[SUITE_PORTS], *seeds[SUITE_PORTS], *by[2 * SUITE_PORTS],
        *out[2 * SUITE_PORTS] = {0};
    int n = 0, n_by = 0;
    bool ok = run_begin(&r, p, true);
    for (int k = 0; ok && k < p->n_x; k++) {
        by[n_by++] = r.xs[k];
        if (!r.dx[k] || !ig_tensor_requires_grad(r.dx[k]))
            continue;
        roots[n] = r.dx[k];
        seeds[n++] = p->v[k];
    }
    for (int k = 0; k < p->n_y; k++)
        by[n_by++] = r.w[k];
    ig_grad_opts o = {.dys = seeds, .allow_unused = true};
    if (ok && n)
        ok = ig_grad(r.ctx, roots, n, by, n_by, out, &o) == IG_OK;
    if (!ok)
        suite_fail(p->c, "second gradient, tape", "%s", ig_ctx_message(r.ctx));
    for (int k = 0; ok && k < n_by; k++)
        p->ddx[k] = suite_copy(out[k], 0);
    run_end(&r);
    return ok;
}

/* ---- finite differences ---- */

static bool loss_at(const probe *p, double *out)
{
    const suite_case *c = p->c;
    ig_ctx *ctx = NULL;
    ig_tensor *in[SUITE_PORTS] = {0}, *y[SUITE_PORTS] = {0};
    *out = 0;
    if (ig_ctx_new(&ctx, &(ig_ctx_opts){.registry = suite_registry()}) != IG_OK)
        return false;
    for (int i = 0; i < c->call.n_in; i++)
        in[i] = suite_copy(c->in[i], 0);
    ig_call call = c->call;
    call.draw = 0;
    bool ok = ig_dispatch(ctx, &call, (ig_value *const *)in, (ig_value **)y) == IG_OK;
    for (int k = 0; ok && k < p->n_y; k++)
        *out += dot(y[p->y_port[k]], p->w[k]);
    ig_ctx_free(ctx);
    suite_drop(in, SUITE_PORTS);
    return ok;
}

static bool slope_at(const probe *p, double *out)
{
    run r;
    bool ok = run_begin(&r, p, false);
    *out = 0;
    for (int k = 0; ok && k < p->n_x; k++)
        if (r.dx[k])
            *out += dot(r.dx[k], p->v[k]);
    run_end(&r);
    return ok;
}

static void compare_probe(const probe *p,
                          const char *flow,
                          int k,
                          ig_tensor *moved,
                          const ig_tensor *grad,
                          bool (*f)(const probe *, double *))
{
    int64_t n = igi_tensor_count(moved), skip = n > PROBES ? n / PROBES : 1;
    double largest = 1;
    for (int64_t i = 0; grad && i < n; i++)
        largest = fmax(largest, fabs(f64(grad)[i]));
    for (int64_t i = 0; i < n; i += skip) {
        double kept = f64(moved)[i], high, low, have = grad ? f64(grad)[i] : 0;
        f64(moved)[i] = kept + STEP;
        bool ok = f(p, &high);
        f64(moved)[i] = kept - STEP;
        ok = f(p, &low) && ok;
        f64(moved)[i] = kept;
        double slope = (high - low) / (2 * STEP);
        if (ok && fabs(slope - have) <= 2e-6 * (largest + fabs(slope)))
            continue;
        suite_fail(p->c, flow,
                   "by tensor %d, element %lld: %.12g, finite differences give %.12g",
                   k, (long long)i, have, slope);
        return;
    }
}

static void check_shapes(const probe *p, const char *flow, ig_tensor *const *grads)
{
    char a[160], b[160];
    for (int k = 0; k < p->n_x; k++) {
        const ig_tensor *x = p->c->in[p->x_port[k]];
        if (grads[k] && !igi_type_equal(&grads[k]->v.type, &x->v.type))
            suite_fail(p->c, flow, "gradient %d is %s, its input %s", k,
                       igi_type_print(&grads[k]->v.type, NULL, a, sizeof(a)),
                       igi_type_print(&x->v.type, NULL, b, sizeof(b)));
    }
}

static void check_numerically(probe *p, bool second)
{
    check_shapes(p, "gradient, tape", p->dx);
    for (int k = 0; k < p->n_x; k++)
        compare_probe(p, "gradient, tape", k, p->c->in[p->x_port[k]], p->dx[k],
                      loss_at);
    if (!second)
        return;
    check_shapes(p, "second gradient, tape", p->ddx);
    for (int k = 0; k < p->n_x; k++)
        compare_probe(p, "second gradient, tape", k, p->c->in[p->x_port[k]], p->ddx[k],
                      slope_at);
    for (int k = 0; k < p->n_y; k++)
        compare_probe(p, "second gradient by dy, tape", k, p->w[k], p->ddx[p->n_x + k],
                      slope_at);
}

/* ---- the static pass ---- */

/* Appends weights as inputs and the gradient; outputs "dx<k>"; with `second` also
 * "ddx<k>". */
static ig_status differentiate(const probe *p, ig_graph *g, bool second, bool *have)
{
    ig_value_id ys[SUITE_PORTS], dys[SUITE_PORTS], xs[2 * SUITE_PORTS], dx[SUITE_PORTS],
        roots[SUITE_PORTS], seeds[SUITE_PORTS], ddx[2 * SUITE_PORTS];
    char name[32];
    int n = 0;
    for (int k = 0; k < p->n_y; k++) {
        snprintf(name, sizeof(name), "w%d", k);
        ys[k] = ig_graph_output_at(g, p->y_port[k]);
        const ig_type *t = ig_graph_value_type(g, ys[k]);
        if (t->rank < 0)
            t = &p->w[k]->v.type;
        int64_t dims[IG_RANK_MAX];
        memcpy(dims, ig_type_dims(t), (size_t)t->rank * sizeof(*dims));
        IG_TRY(ig_graph_input(g, name, IG_FLOAT64, t->rank, dims, &dys[k]));
        xs[p->n_x + k] = dys[k];
    }
    for (int k = 0; k < p->n_x; k++) {
        snprintf(name, sizeof(name), "x%d", p->x_port[k]);
        xs[k] = ig_graph_find(g, name);
    }
    IG_TRY(ig_graph_gradient(g, ys, dys, p->n_y, xs, dx, p->n_x));
    for (int k = 0; k < p->n_x; k++) {
        snprintf(name, sizeof(name), "dx%d", k);
        have[k] = dx[k].i != 0;
        if (!dx[k].i)
            continue;
        IG_TRY(ig_graph_output(g, name, dx[k]));
        snprintf(name, sizeof(name), "v%d", k);
        IG_TRY(ig_graph_constant(g, name, p->v[k], &seeds[n]));
        roots[n++] = dx[k];
    }
    if (!second || !n)
        return ig_graph_verify(g);
    IG_TRY(ig_graph_gradient(g, roots, seeds, n, xs, ddx, p->n_x + p->n_y));
    for (int k = 0; k < p->n_x + p->n_y; k++) {
        snprintf(name, sizeof(name), "ddx%d", k);
        have[p->n_x + k] = ddx[k].i != 0;
        if (ddx[k].i)
            IG_TRY(ig_graph_output(g, name, ddx[k]));
    }
    return ig_graph_verify(g);
}

static void compare_static(const probe *p,
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

static ig_status feed_all(const probe *p, const ig_graph *g, ig_workspace *ws)
{
    char name[32];
    for (int i = 0; i < p->c->call.n_in + p->n_y; i++) {
        int y = i - p->c->call.n_in;
        ig_tensor *t = y < 0 ? p->c->in[i] : p->w[y];
        snprintf(name, sizeof(name), y < 0 ? "x%d" : "w%d", y < 0 ? i : y);
        ig_value_id id = ig_graph_find(g, name);
        if (t && id.i && !ig_graph_value_constant(g, id))
            IG_TRY(ig_workspace_feed(ws, name, t));
    }
    return IG_OK;
}

static ig_status run_static(const probe *p,
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
    int n = p->n_x + (second ? p->n_x + p->n_y : 0);
    for (int k = 0; rc == IG_OK && k < n; k++) {
        char name[32];
        ig_tensor *t = NULL;
        bool first = k < p->n_x;
        snprintf(name, sizeof(name), first ? "dx%d" : "ddx%d", first ? k : k - p->n_x);
        if (have[k])
            rc = ig_workspace_fetch(ws, name, &t);
        if (rc == IG_OK)
            compare_static(p, flow, k, t, first ? p->dx[k] : p->ddx[k - p->n_x]);
        ig_tensor_unref(t);
    }
    ig_net_free(net);
    ig_workspace_free(ws);
    return rc;
}

static void check_static(const probe *p, bool second, suite_constants which)
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

bool suite_gradients(suite_case *c)
{
    probe p = {.c = c};
    bool any = plan(&p);
    if (any && first_by_tape(&p)) {
        bool second = !c->sample->no_second && second_by_tape(&p);
        check_numerically(&p, second);
        check_static(&p, second, SUITE_VALUES);
        check_static(&p, second, SUITE_SYMBOLS); /* no number may freeze a size */
    }
    suite_drop(p.w, SUITE_PORTS);
    suite_drop(p.v, SUITE_PORTS);
    suite_drop(p.dx, SUITE_PORTS);
    suite_drop(p.ddx, SUITE_PORTS);
    return any;
}
