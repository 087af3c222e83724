/* The pipeline of passes, in order.
 *
 * Canonical form first: constants folded, nothing that does nothing, no computation
 * twice. Each of these enables the others, so they repeat until nothing changes. Then
 * the patterns, from large to small, for a pattern must still find the nodes it is
 * written over: decomposed Gelu, LayerNormalization and Attention, weights, products,
 * layout, and epilogues last, when layouts agree. What the rewrites left behind
 * (transposes of constants, pairs of transposes) is for the canonical passes again.
 * Quantized graphs become integer operators first of all, while their weights are still
 * integers. */
#include "graph/passes/pass.h"

#include "graph/core/log.h"
#include "graph/passes/rewrite.h"

#define ROUNDS_MAX 6

typedef struct pass {
    const char *name;
    igi_pass_fn run;
    int level; /* from which on it runs */
    /* On a device: NULL: runs there too; an operator: when the device has kernels for
     * what the pass makes; HOST: never, it serves kernels of the CPU. */
    const char *makes;
} pass;
#define HOST ""

static const pass canonical[] = {
    {"fold", igi_pass_fold, 1, NULL},
    {"simplify", igi_pass_simplify, 1, NULL},
    {"cse", igi_pass_cse, 1, NULL},
    {0},
};

/* Before weights become floats. */
static const pass quantized[] = {
    {"qdq", igi_pass_qdq, 2, HOST},
    {"fuse_nbits", igi_pass_fuse_nbits, 2, HOST},
    {0},
};

/* Before patterns are looked for, which may lie across the border of a body. */
static const pass lowering[] = {
    {"lower", igi_pass_lower, 2, NULL},
    {0},
};

static const pass patterns[] = {
    {"half", igi_pass_half, 2, HOST},
    {"fuse_gelu", igi_pass_fuse_gelu, 2, "Gelu"},
    {"fuse_norm", igi_pass_fuse_norm, 2, "LayerNormalization"},
    {"fuse_attention", igi_pass_fuse_attention, 2, "Attention"},
    {"fold_affine", igi_pass_fold_affine, 2, NULL},
    {"fold_pad", igi_pass_fold_pad, 2, NULL},
    {"fuse_linear", igi_pass_fuse_linear, 2, "ingot::Linear"},
    {"fuse_step", igi_pass_fuse_step, 2, HOST},
    {"layout", igi_pass_layout, 2, HOST},
    {"fuse_qconv", igi_pass_fuse_qconv, 2, HOST},
    {"epilogue", igi_pass_epilogue, 2, "ingot::Linear"},
    {0},
};

static bool belongs(const ig_graph *g, const igi_pass_state *s, const pass *p)
{
    const igi_op *op = p->makes ? igi_registry_find_full(g->reg, p->makes) : NULL;
    return s->o->device == 0 || !p->makes || (op && op->n_kernels[s->o->device]);
}

static ig_status run_one(ig_graph *g, igi_pass_state *s, const pass *p, int *changes)
{
    int n = 0;
    if (p->run(g, s, &n) != IG_OK)
        return ig_fail_context("pass %s", p->name);
    *changes += n;
    if (igi_log_on(IGI_LOG_PASS))
        igi_log(IGI_LOG_PASS, "%s: %s: %d changes, %zu nodes", g->name, p->name, n,
                igi_live_nodes(g));
#ifndef NDEBUG
    if (ig_graph_verify(g) != IG_OK)
        return ig_fail_context("after pass %s", p->name);
#endif
    return IG_OK;
}

static ig_status
run_list(ig_graph *g, igi_pass_state *s, const pass *list, int *changes)
{
    for (const pass *p = list; p->name; p++)
        if (p->level <= s->o->level && belongs(g, s, p))
            IG_TRY(run_one(g, s, p, changes));
    return IG_OK;
}

static ig_status run_canonical(ig_graph *g, igi_pass_state *s)
{
    int changes = 1;
    for (int round = 0; changes && round < ROUNDS_MAX; round++) {
        changes = 0;
        IG_TRY(run_list(g, s, canonical, &changes));
    }
    return IG_OK;
}

static bool uses(const ig_graph *g, const char *op)
{
    for (size_t k = 0; k < g->order.n; k++)
        if (igi_node_is(igi_node_at(g, g->order.p[k]), op))
            return true;
    return false;
}

static ig_status run_all(ig_graph *g, igi_pass_state *s, int *changes)
{
    int mine = 0;
    IG_TRY(igi_graph_sort(g));
    if (s->o->level >= 2 && uses(g, "DequantizeLinear")) {
        s->keep_quantized = true;
        IG_TRY(run_canonical(g, s));
        IG_TRY(run_list(g, s, quantized, &mine));
        s->keep_quantized = false;
    }
    IG_TRY(run_canonical(g, s));
    mine = 0;
    IG_TRY(igi_pass_bodies(g, s, run_all, &mine)); /* bounded: IGI_BODY_DEPTH */
    IG_TRY(run_list(g, s, lowering, &mine));
    if (mine)
        IG_TRY(run_canonical(g, s));
    mine = 0;
    IG_TRY(run_list(g, s, patterns, &mine));
    *changes += mine;
    return mine ? run_canonical(g, s) : IG_OK;
}

ig_status igi_passes_run(ig_graph *g, const igi_pass_opts *o)
{
    int changes = 0;
    if (o->level <= 0)
        return IG_OK;
    igi_pass_state s = {.o = o};
    igi_fold_budget(g, &s);
    return run_all(g, &s, &changes);
}
