/* Compiling a net: clone, passes, constants into the weights workspace, keys of
 * signatures. */
#include "graph/runtime/net.h"

#include <stdlib.h>
#include <string.h>

#include "graph/core/log.h"
#include "graph/ir/body.h"
#include "graph/ir/note.h"
#include "graph/passes/pass.h"
#include "graph/runtime/bodies.h"
#include "graph/runtime/instance.h"

ig_net *igi_net_ref(ig_net *net)
{
    __atomic_add_fetch(&net->refs, 1, __ATOMIC_RELAXED);
    return net;
}

void ig_net_free(ig_net *net)
{
    if (!net || __atomic_sub_fetch(&net->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    igi_bodies_drop(net);
    igi_free(net->constants);
    igi_free(net->keyed);
    igi_free(net->copied);
    igi_free(net->in_names);
    igi_free(net->out_names);
    ig_graph_free(net->graph);
    igi_workspace_unref(net->weights);
    igi_free(net);
}

/* ---- what belongs to a signature ---- */

/* Marks inputs whose integers reach a VALUE port, directly or through `values` hooks:
 * walks the nodes backwards, so that a marked output marks the inputs of its producer.
 */
static ig_status find_keyed(ig_net *net)
{
    const ig_graph *g = net->graph;
    bool *mark = igi_calloc(g->values.n, sizeof(*mark));
    if (!mark)
        return IG_OUT_OF_MEMORY;
    for (size_t k = g->order.n; k-- > 0;) {
        const igi_node *n = igi_node_at(g, g->order.p[k]);
        bool through =
            n->op->def->values && n->n_out && n->out[0].i && mark[n->out[0].i];
        for (int i = 0; n->live && i < n->n_in; i++) {
            int port = igi_op_in_port(n->op, n->n_in, n->n_captures, i);
            bool value = port >= 0 && n->op->value_ports >> port & 1;
            if (n->in[i].i && (value || through))
                mark[n->in[i].i] = true;
        }
    }
    for (int i = 0; i < net->n_in; i++)
        net->keyed[i] = mark[g->inputs.p[i].i];
    igi_free(mark);
    return IG_OK;
}

static ig_status find_names(ig_net *net)
{
    const ig_graph *g = net->graph;
    net->n_in = (int)g->inputs.n;
    net->n_out = (int)g->outputs.n;
    net->keyed = igi_calloc((size_t)net->n_in + 1, sizeof(*net->keyed));
    net->in_names = igi_calloc((size_t)net->n_in + 1, sizeof(*net->in_names));
    net->out_names = igi_calloc((size_t)net->n_out + 1, sizeof(*net->out_names));
    if (!net->keyed || !net->in_names || !net->out_names)
        return IG_OUT_OF_MEMORY;
    for (int i = 0; i < net->n_in; i++)
        net->in_names[i] = igi_value_at(g, g->inputs.p[i])->name;
    for (int j = 0; j < net->n_out; j++)
        net->out_names[j] = g->output_names.p[j];
    return IG_OK;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct igi_net_constant *)a)->st,
              y = (uintptr_t)((const struct igi_net_constant *)b)->st;
    return (x > y) - (x < y);
}

/* After those of its bodies. Constants may be live tensors of the user, so their memory
 * is no secret, and not read-only. */
static ig_status find_constants(ig_net *net)
{
    const ig_graph *g = net->graph;
    size_t n = g->values.n, at = 0;
    for (size_t i = 0; i < net->n_bodies; i++)
        n += net->bodies[i].net->n_constants;
    net->constants = igi_calloc(n, sizeof(*net->constants));
    if (!net->constants)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < net->n_bodies; i++) {
        const ig_net *body = net->bodies[i].net;
        memcpy(net->constants + at, body->constants,
               body->n_constants * sizeof(*net->constants));
        at += body->n_constants;
    }
    for (size_t v = 1; v < g->values.n; v++) {
        const igi_gvalue *gv = &g->values.p[v];
        if (gv->live && gv->constant)
            net->constants[at++] =
                (struct igi_net_constant){gv->constant->st, gv->name};
    }
    net->n_constants = at;
    qsort(net->constants, at, sizeof(*net->constants), by_address);
    return IG_OK;
}

const char *igi_net_constant_of(const ig_net *net, const ig_tensor *t)
{
    const struct igi_net_constant want = {.st = t->st},
                                  *found =
                                      bsearch(&want, net->constants, net->n_constants,
                                              sizeof(want), by_address);
    return found ? found->name : NULL;
}

/* Constants by name, for people and other nets. A name that is taken stays as it is:
 * the net reads its own constants, so two nets may disagree about a name. */
static ig_status feed_constants(ig_net *net)
{
    const ig_graph *g = net->graph;
    for (size_t v = 1; v < g->values.n; v++) {
        const igi_gvalue *gv = &g->values.p[v];
        if (gv->live && gv->constant && !igi_workspace_own(net->weights, gv->name))
            IG_TRY(ig_workspace_feed(net->weights, gv->name, gv->constant));
    }
    return IG_OK;
}

/* ---- compiling ---- */

static ig_status fold_node(void *self,
                           const igi_op *op,
                           const ig_call *call,
                           ig_value *const *in,
                           ig_value **out)
{
    return igi_invoke(self, op, call, in, out);
}

static ig_status run_passes(ig_net *net)
{
    igi_invoker v;
    igi_invoker_init(&v, net->graph->reg, NULL, net->threads);
    v.deterministic = net->deterministic;
    v.env.tensor_bytes = net->limits.tensor_bytes;
    v.env.memory_bytes = net->limits.memory_bytes;
    igi_pass_opts o = {.struct_size = sizeof(o),
                       .level = net->level,
                       .device = net->device,
                       .threads = net->threads,
                       .exact_conv = net->exact_conv,
                       .strict_qdq = net->strict_qdq,
                       .fold = fold_node,
                       .fold_self = &v};
    ig_status rc = igi_passes_run(net->graph, &o);
    igi_invoker_fini(&v);
    return rc;
}

static ig_status set_options(ig_net *net, const ig_graph *g, const ig_net_opts *o)
{
    IG_TRY(igi_registry_find_device(g->reg, o->device, &net->device));
    if (o->level < -1 || o->level > 2)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "optimisation level %d: must be -1 (none), 0 (default), 1 or 2",
                       o->level);
    if (o->threads < 0 || o->threads > IGI_THREADS_MAX)
        return ig_fail(IG_INVALID_ARGUMENT, "%d threads: must be 0 (all) to %d",
                       o->threads, IGI_THREADS_MAX);
    net->level = o->level == 0 ? 2 : o->level == -1 ? 0 : o->level;
    net->threads = o->threads ? o->threads : igi_cpu_count();
    net->limits = igi_limits_of(&o->limits);
    net->plan_cache = o->plan_cache ? o->plan_cache : 8;
    net->exact_conv = o->exact_conv || net->level < 2;
    net->small_memory = o->small_memory;
    net->strict_qdq = o->strict_qdq;
    net->parallel_branches = o->parallel_branches && net->device == 0;
    net->keep_on_device = o->keep_on_device;
    net->capture = o->capture;
    net->tf32 = o->tf32;
    net->deterministic = o->deterministic;
    net->host = igi_registry_host(g->reg);
    if (net->plan_cache > 4096)
        return ig_fail(IG_INVALID_ARGUMENT, "a plan cache of %zu; at most 4096",
                       net->plan_cache);
    return IG_OK;
}

/* What follows from the finished graph. */
static ig_status finish(ig_net *net, const ig_net_opts *o)
{
    IG_TRY(find_names(net));
    IG_TRY(find_keyed(net));
    IG_TRY(igi_net_overwrites(net));
    IG_TRY(igi_bodies_compile(net, o));
    return find_constants(net);
}

/* What a file declares of its outputs is not always what inference finds again: the
 * graph that the passes leave keeps it. */
static ig_status keep_output_types(ig_graph *g, const ig_graph *from)
{
    for (size_t i = 0; i < g->outputs.n; i++) {
        ig_type t = {0};
        bool agree;
        const ig_type *was = &igi_value_at(from, from->outputs.p[i])->type;
        if (was->kind != IG_KIND_TENSOR || was->rank < 0)
            continue;
        IG_TRY(igi_type_translate(&t, g->syms, was, from->syms));
        ig_status rc = igi_graph_declare(g, g->outputs.p[i], &t, &agree);
        igi_type_fini(&t);
        IG_TRY(rc);
    }
    return IG_OK;
}

static ig_status
compile(ig_net *net, const ig_graph *g, ig_workspace *weights, const ig_net_opts *o)
{
    IG_TRY(set_options(net, g, o));
    if (igi_graph_count(g) > net->limits.nodes)
        return ig_fail(IG_LIMIT, "the graph has %zu nodes, the limit nodes is %llu",
                       igi_graph_count(g), (unsigned long long)net->limits.nodes);
    if ((uint32_t)g->depth > net->limits.depth)
        return ig_fail(IG_LIMIT, "bodies nest %d levels deep, the limit depth is %u",
                       g->depth, net->limits.depth);
    net->weights = weights ? igi_workspace_ref(weights) : ig_workspace_new(NULL);
    if (!net->weights)
        return IG_OUT_OF_MEMORY;
    IG_TRY(ig_graph_clone(&net->graph, g));
    IG_TRY(run_passes(net));
    IG_TRY(keep_output_types(net->graph, g));
    IG_TRY(igi_graph_sort(net->graph));
    IG_TRY(finish(net, o));
    igi_team_warm_up(net->host, net->threads);
    return weights ? feed_constants(net) : IG_OK;
}

static ig_status net_alloc(ig_net **out)
{
    *out = igi_calloc(1, sizeof(**out));
    if (!*out)
        return IG_OUT_OF_MEMORY;
    (*out)->refs = 1;
    return IG_OK;
}

static ig_status net_done(ig_net **out, ig_status rc)
{
    if (rc != IG_OK) {
        ig_net_free(*out);
        *out = NULL;
    }
    return rc;
}

ig_status igi_net_of_body(ig_net **out,
                          const ig_graph *body,
                          ig_workspace *weights,
                          const ig_net_opts *o)
{
    IG_TRY(net_alloc(out));
    ig_net *net = *out;
    net->weights = igi_workspace_ref(weights);
    net->graph = igi_graph_ref((ig_graph *)(uintptr_t)body);
    ig_status rc = set_options(net, body, o);
    if (rc == IG_OK)
        rc = igi_graph_sort(net->graph);
    return net_done(out, rc == IG_OK ? finish(net, o) : rc);
}

ig_status ig_net_new(ig_net **out,
                     const ig_graph *g,
                     ig_workspace *weights,
                     const ig_net_opts *opts)
{
    IGI_NEEDS(out);
    igi_error_clear();
    *out = NULL;
    if (!g)
        return ig_fail(IG_INVALID_ARGUMENT, "ig_net_new: the graph is NULL");
    ig_net_opts defaults = {0};
    IG_TRY(net_alloc(out));
    return net_done(out, compile(*out, g, weights, opts ? opts : &defaults));
}

/* ---- running in a workspace ---- */

/* A tensor of the last run that nobody else holds is written again. */
static bool can_reuse(const ig_value *v)
{
    const ig_tensor *t = (const ig_tensor *)v;
    return v->type.kind == IG_KIND_TENSOR && v->refs == 1 && t->st &&
           t->st->refs == 1 && !(t->st->flags & IGI_READONLY) && !t->st->deleter &&
           v->type.dtype != IG_STRING;
}

static ig_status run_in(ig_net *net,
                        ig_workspace *ws,
                        igi_instance *x,
                        ig_value **in,
                        ig_value **out,
                        ig_value **bound,
                        const ig_run_opts *opts)
{
    igi_plan *p;
    for (int i = 0; i < net->n_in; i++) {
        in[i] = igi_workspace_find(ws, net->in_names[i]);
        if (!in[i])
            return ig_fail(IG_NOT_FOUND, "the workspace has no value for input '%s'",
                           net->in_names[i]);
        if (ig_value_tensor(in[i]))
            IG_TRY(igi_tensor_settle(ig_value_tensor(in[i])));
    }
    IG_TRY(igi_instance_plan(x, in, &p));
    for (int j = 0; j < net->n_out; j++) {
        ig_value *old = igi_workspace_own(ws, net->out_names[j]);
        const igi_pvalue *pv = &p->value[p->output[j]];
        bool fits = old && can_reuse(old) && pv->known &&
                    igi_type_equal(&pv->type, &old->type) &&
                    igi_plan_root(p, p->output[j])->where == IGI_AT_OWN;
        for (int i = 0; i < net->n_in && fits; i++)
            fits = in[i] != old;
        bound[j] = out[j] = fits ? old : NULL;
    }
    IG_TRY(igi_instance_run(x, in, out, net->n_out, opts));
    ig_status rc = IG_OK;
    for (int j = 0; j < net->n_out; j++) {
        if (bound[j]) /* written where it was */
            continue;
        if (rc == IG_OK)
            rc = ig_workspace_feed_value(ws, net->out_names[j], out[j]);
        ig_value_unref(out[j]);
    }
    return rc;
}

ig_status ig_net_run(ig_net *net, ig_workspace *ws, const ig_run_opts *opts)
{
    igi_error_clear();
    if (!net || !ws)
        return ig_fail(IG_INVALID_ARGUMENT, "ig_net_run: the net or workspace is NULL");
    igi_instance *x;
    IG_TRY(igi_workspace_instance(ws, net, &x));
    enum { FEW = 16 };
    ig_value *local[3 * FEW], **in = local;
    size_t n = (size_t)net->n_in + 2 * (size_t)net->n_out;
    if (n > 3 * FEW && !(in = igi_calloc(n, sizeof(*in))))
        return IG_OUT_OF_MEMORY;
    ig_value **out = in + net->n_in;
    ig_status rc = run_in(net, ws, x, in, out, out + net->n_out, opts);
    if (in != local)
        igi_free(in);
    return rc;
}
