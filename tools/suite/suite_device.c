/* The kernels of a device against the references: each alone, on every sample that it
 * takes, and the ways a call reaches it: eager, recorded with gradients, and in nets.
 */
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/queue.h"
#include "graph/ir/attr.h"
#include "graph/runtime/invoke.h"
#include "graph/runtime/remote.h"
#include "graph/runtime/select.h"
#include "tools/suite/suite.h"

typedef struct device_case {
    const suite_case *c;
    int device;
    const char *name;
} device_case;

/* Input i in the device's memory; layout 1: with its axes in reverse order there. */
static ig_status
send(const device_case *d, igi_invoker *v, int i, int layout, ig_value **out)
{
    ig_tensor *t = suite_tensor(d->c, i), *turned = NULL, *there = NULL;
    uint32_t flags = suite_in_port(d->c, i)->flags;
    int64_t dims[8], strides[8];
    igi_queue *q;
    *out = NULL;
    if (!t || t->v.type.dtype == IG_STRING || flags & IG_VALUE) {
        *out = suite_copy_value(d->c->in[i], 0);
        return IG_OK;
    }
    IG_TRY(igi_remote_queue(v, d->device, &q));
    int rank = t->v.type.rank;
    bool turn = layout && rank > 1 && !(flags & IG_MUTATED) &&
                ig_dtype_bits((ig_dtype)t->v.type.dtype) >= 8;
    if (!turn)
        return igi_queue_moved((ig_tensor **)out, q, NULL, t);
    for (int k = 0; k < rank; k++) {
        dims[k] = ig_type_dims(&t->v.type)[rank - 1 - k];
        strides[k] = igi_strides(t)[rank - 1 - k];
    }
    IG_TRY(igi_tensor_view(&turned, NULL, t, rank, dims, strides, 0));
    ig_status rc = igi_queue_moved(&there, q, NULL, turned);
    ig_tensor_unref(turned);
    IG_TRY(rc);
    for (int k = 0; k < rank; k++)
        strides[k] = igi_strides(there)[rank - 1 - k];
    rc = igi_tensor_view((ig_tensor **)out, NULL, there, rank, ig_type_dims(&t->v.type),
                         strides, 0);
    ig_tensor_unref(there);
    return rc;
}

/* ---- kernel by kernel ---- */

static void
call_there(const device_case *d, const igi_op *op, const char *flow, int layout)
{
    igi_invoker v;
    const suite_case *c = d->c;
    ig_value *in[SUITE_PORTS] = {0}, *out[SUITE_PORTS] = {0};
    ig_status rc = IG_OK;
    igi_invoker_init(&v, suite_registry(), NULL, 1);
    for (int i = 0; rc == IG_OK && i < c->call.n_in; i++)
        rc = send(d, &v, i, layout, &in[i]);
    if (rc == IG_OK)
        rc = igi_invoke(&v, op, &c->call, in, out);
    for (int i = 0; rc == IG_OK && i < c->call.n_out; i++)
        suite_equal(c, flow, i, out[i], c->want[i]);
    igi_queue *q;
    if (rc == IG_OK && igi_remote_queue(&v, d->device, &q) == IG_OK)
        rc = igi_queue_wait(q);
    if (rc != IG_OK)
        suite_fail(c, flow, "%s", ig_error_message());
    suite_drop_values(in, SUITE_PORTS);
    suite_drop_values(out, SUITE_PORTS);
    igi_invoker_fini(&v);
}

static bool takes(const device_case *d, const igi_op *one)
{
    const suite_case *c = d->c;
    _Alignas(16) char defaults[512];
    ig_kernel_ctx k = {.struct_size = sizeof(k),
                       .n_in = (int16_t)c->call.n_in,
                       .n_out = (int16_t)c->call.n_out,
                       .in = c->in,
                       .out = (ig_value **)(uintptr_t)c->want,
                       .attrs = c->call.attrs,
                       .threads = 1,
                       .op = c->op->def};
    if (!k.attrs && c->op->def->attrs) {
        igi_attrs_init(c->op->def, defaults);
        k.attrs = defaults;
    }
    return igi_select(one, d->device, &k, igi_facts_of(&k)) != NULL;
}

static void each_kernel(const device_case *d, uint64_t *taken)
{
    char flow[128];
    igi_op one = *d->c->op;
    int n = one.n_kernels[d->device];
    one.n_kernels[d->device] = 1;
    for (int k = 0; k < n; k++) {
        one.kernels[d->device][0] = d->c->op->kernels[d->device][k];
        if (!takes(d, &one))
            continue;
        *taken |= IG_BIT(k);
        for (int layout = 0; layout < 2; layout++) {
            snprintf(flow, sizeof(flow), "%s, kernel %s, %s", d->name,
                     one.kernels[d->device][0]->name,
                     layout ? "reversed axes" : "contiguous");
            call_there(d, &one, flow, layout);
        }
    }
}

/* ---- nets ---- */

static void net_there(const device_case *d, suite_constants which, int level)
{
    ig_graph *g = NULL;
    const suite_case *c = d->c;
    if (suite_graph(c, which, &g) != IG_OK)
        suite_fail(c, d->name, "%s", ig_error_message());
    else
        suite_net(c, d->name, g,
                  &(ig_net_opts){.level = level, .threads = 1, .device = d->name}, 0);
    ig_graph_free(g);
}

void suite_device(suite_case *c, int device, uint64_t *taken)
{
    const ig_device_def *def = igi_registry_device(suite_registry(), device);
    device_case d = {.c = c, .device = device, .name = def->name};
    each_kernel(&d, taken);
    net_there(&d, SUITE_VALUES, -1);
    net_there(&d, SUITE_WEIGHTS, 0);
}

int suite_operator_on(const igi_op *op, int device)
{
    uint64_t taken = 0;
    suite_failures_reset();
    for (int s = 0; op->def->samples && op->def->samples[s].name; s++) {
        uint64_t types = suite_dtypes(op, &op->def->samples[s]);
        for (int t = 1; t < IG_DTYPE_COUNT; t++) {
            suite_case c;
            if (!(types >> t & 1))
                continue;
            if (suite_case_make(&c, op, s, (ig_dtype)t))
                suite_device(&c, device, &taken);
            suite_case_free(&c);
        }
    }
    for (int k = 0; k < op->n_kernels[device]; k++)
        if (!(taken >> k & 1))
            suite_fail(&(suite_case){.op = op}, "samples", "none is taken by kernel %s",
                       op->kernels[device][k]->name);
    return suite_failures();
}
