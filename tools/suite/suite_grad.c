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
#include "tools/suite/suite_grad.h"

#define PROBES 12 /* elements of an input that are moved */
#define STEP   1e-5

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

ig_tensor *suite_tensor_at(ig_value *const *values, suite_place at)
{
    ig_value *v = values[at.port];
    if (at.item >= 0 && v)
        v = ig_value_item(v, at.item);
    return v ? ig_value_tensor(v) : NULL;
}

/* Adds the float64 tensors of a value; false: there is none. */
static bool add_places(const ig_value *v, int port, suite_place *list, int *n)
{
    int before = *n;
    if (suite_is_float64(v))
        list[(*n)++] = (suite_place){port, -1};
    if (!v || v->type.kind == IG_KIND_TENSOR)
        return *n > before;
    for (int64_t i = 0; i < ig_value_size(v) && *n < SUITE_PORTS; i++)
        if (suite_is_float64(ig_value_item(v, i)))
            list[(*n)++] = (suite_place){port, (int)i};
    return *n > before;
}

static bool plan(suite_probe *p)
{
    const suite_case *c = p->c;
    for (int i = 0; i < c->call.n_in; i++)
        if (!(suite_in_port(c, i)->flags & (IG_NODIFF | IG_VALUE)) &&
            add_places(c->in[i], i, p->x, &p->n_x))
            p->px[p->n_px++] = i;
    for (int i = 0; i < c->call.n_out; i++)
        if (!(suite_out_port(c, i)->flags & IG_NODIFF) &&
            add_places(c->want[i], i, p->y, &p->n_y))
            p->py[p->n_py++] = i;
    for (int k = 0; k < p->n_y; k++)
        p->w[k] = weights_like(suite_tensor_at(c->want, p->y[k]), (uint64_t)k);
    for (int k = 0; k < p->n_x; k++)
        p->v[k] = weights_like(suite_tensor_at(c->in, p->x[k]), 10 + (uint64_t)k);
    return p->n_x && p->n_y;
}

/* ---- the tape ---- */

typedef struct run {
    ig_ctx *ctx;
    ig_value *in[SUITE_PORTS];
    ig_tensor *w[SUITE_PORTS];
    ig_tensor *xs[SUITE_PORTS], *ys[SUITE_PORTS], *dx[SUITE_PORTS];
} run;

static void run_end(run *r)
{
    ig_ctx_free(r->ctx);
    suite_drop_values(r->in, SUITE_PORTS);
    suite_drop(r->w, SUITE_PORTS);
}

/* Forward and first gradient; `again`: differentiable once more. */
static bool run_begin(run *r, const suite_probe *p, bool again)
{
    const suite_case *c = p->c;
    ig_value *out[SUITE_PORTS] = {0};
    memset(r, 0, sizeof(*r));
    if (ig_ctx_new(&r->ctx, &(ig_ctx_opts){.registry = suite_registry()}) != IG_OK)
        return false;
    for (int i = 0; i < c->call.n_in; i++)
        r->in[i] = suite_copy_value(c->in[i], 0);
    for (int k = 0; k < p->n_x; k++)
        r->xs[k] = ig_requires_grad(r->ctx, suite_tensor_at(r->in, p->x[k]), true);
    for (int k = 0; k < p->n_y; k++) {
        r->w[k] = suite_copy(p->w[k], 0);
        if (again)
            (void)ig_requires_grad(r->ctx, r->w[k], true);
    }
    ig_call call = c->call;
    call.draw = 0;
    call.where = IG_HERE;
    if (ig_dispatch(r->ctx, &call, r->in, out) != IG_OK)
        return false;
    int n = 0; /* outputs that no x reaches carry no history */
    ig_tensor *dys[SUITE_PORTS];
    for (int k = 0; k < p->n_y; k++) {
        ig_tensor *y = suite_tensor_at(out, p->y[k]);
        if (!y || !ig_tensor_requires_grad(y))
            continue;
        dys[n] = r->w[k];
        r->ys[n++] = y;
    }
    ig_grad_opts o = {
        .dys = dys, .create_graph = again, .retain_graph = true, .allow_unused = true};
    return n == 0 || ig_grad(r->ctx, r->ys, n, r->xs, p->n_x, r->dx, &o) == IG_OK;
}

static bool first_by_tape(suite_probe *p)
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
static bool second_by_tape(suite_probe *p)
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

static bool loss_at(const suite_probe *p, double *out)
{
    const suite_case *c = p->c;
    ig_ctx *ctx = NULL;
    ig_value *in[SUITE_PORTS] = {0}, *y[SUITE_PORTS] = {0};
    *out = 0;
    if (ig_ctx_new(&ctx, &(ig_ctx_opts){.registry = suite_registry()}) != IG_OK)
        return false;
    for (int i = 0; i < c->call.n_in; i++)
        in[i] = suite_copy_value(c->in[i], 0);
    ig_call call = c->call;
    call.draw = 0;
    bool ok = ig_dispatch(ctx, &call, in, y) == IG_OK;
    for (int k = 0; ok && k < p->n_y; k++)
        *out += dot(suite_tensor_at(y, p->y[k]), p->w[k]);
    ig_ctx_free(ctx);
    suite_drop_values(in, SUITE_PORTS);
    return ok;
}

static bool slope_at(const suite_probe *p, double *out)
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

static void compare_probe(const suite_probe *p,
                          const char *flow,
                          int k,
                          ig_tensor *moved,
                          const ig_tensor *grad,
                          bool (*f)(const suite_probe *, double *))
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

static void
check_shapes(const suite_probe *p, const char *flow, ig_tensor *const *grads)
{
    char a[160], b[160];
    for (int k = 0; k < p->n_x; k++) {
        const ig_tensor *x = suite_tensor_at(p->c->in, p->x[k]);
        if (grads[k] && !igi_type_equal(&grads[k]->v.type, &x->v.type))
            suite_fail(p->c, flow, "gradient %d is %s, its input %s", k,
                       igi_type_print(&grads[k]->v.type, NULL, a, sizeof(a)),
                       igi_type_print(&x->v.type, NULL, b, sizeof(b)));
    }
}

static void check_numerically(suite_probe *p, bool second)
{
    check_shapes(p, "gradient, tape", p->dx);
    for (int k = 0; k < p->n_x; k++)
        compare_probe(p, "gradient, tape", k, suite_tensor_at(p->c->in, p->x[k]),
                      p->dx[k], loss_at);
    if (!second)
        return;
    check_shapes(p, "second gradient, tape", p->ddx);
    for (int k = 0; k < p->n_x; k++)
        compare_probe(p, "second gradient, tape", k, suite_tensor_at(p->c->in, p->x[k]),
                      p->ddx[k], slope_at);
    for (int k = 0; k < p->n_y; k++)
        compare_probe(p, "second gradient by dy, tape", k, p->w[k], p->ddx[p->n_x + k],
                      slope_at);
}

bool suite_gradients(suite_case *c)
{
    suite_probe p = {.c = c};
    bool any = plan(&p);
    if (any && first_by_tape(&p)) {
        bool second = !c->sample->no_second && second_by_tape(&p);
        check_numerically(&p, second);
        suite_check_static(&p, second, SUITE_VALUES);
        suite_check_static(&p, second, SUITE_SYMBOLS); /* no number may freeze a size */
    }
    suite_drop(p.w, SUITE_PORTS);
    suite_drop(p.v, SUITE_PORTS);
    suite_drop(p.dx, SUITE_PORTS);
    suite_drop(p.ddx, SUITE_PORTS);
    return any;
}
