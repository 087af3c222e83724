/* All checks of one operator; see suite.h. */
#include <string.h>

#include "tools/suite/suite.h"

/* ---- what every operator must say about itself ---- */

static bool has_text(const char *s)
{
    return s && strlen(s) > 2;
}

static void check_ports(const suite_case *c, const ig_port *p)
{
    for (; p && p->name; p++)
        if (!has_text(p->doc))
            suite_fail(c, "documentation", "port %s has no text", p->name);
}

static void check_docs(const igi_op *op)
{
    suite_case c = {.op = op};
    if (!has_text(op->def->doc))
        suite_fail(&c, "documentation", "the operator has no text");
    check_ports(&c, op->def->inputs);
    check_ports(&c, op->def->outputs);
    for (const ig_attr_def *a = op->def->attrs; a && a->name; a++)
        if (!has_text(a->doc))
            suite_fail(&c, "documentation", "attribute %s has no text", a->name);
    if (!op->def->gradient)
        suite_fail(&c, "documentation", "no gradient is declared, not even none");
    if (!op->def->samples || !op->def->samples[0].name)
        suite_fail(&c, "documentation", "the operator has no samples");
}

typedef struct sizes {
    bool empty, one, any;
    bool filled; /* some contents are not spelled out */
} sizes;

static void note_sizes(sizes *z, const ig_sample_in *in)
{
    for (int k = 0; k < in->rank; k++) {
        z->empty = z->empty || in->dims[k] == 0;
        z->one = z->one || in->dims[k] == 1;
        z->any = true;
    }
    z->filled = z->filled || (in->rank >= 0 && !in->data);
    for (int k = 0; k < in->n_items; k++)
        note_sizes(z, &in->items[k]);
}

/* Empty tensors and axes of size 1 are where loops go wrong: an operator over tensors
 * of any size must have samples of both. One whose samples all spell their contents out
 * reads a format in them (the bytes of a file). */
static void check_sizes(const igi_op *op)
{
    suite_case c = {.op = op};
    sizes z = {0};
    for (const ig_sample *s = op->def->samples; s && s->name; s++)
        for (int i = 0; i < s->n_in; i++)
            note_sizes(&z, &s->in[i]);
    if (z.any && z.filled && !z.empty)
        suite_fail(&c, "samples", "none has an empty input");
    if (z.any && z.filled && !z.one)
        suite_fail(&c, "samples", "none has an axis of size 1");
}

/* A kernel that no sample reaches is a kernel that nothing here has tested. */
static void check_kernels(const igi_op *op, uint64_t taken)
{
    suite_case c = {.op = op};
    for (int k = 0; k < op->n_kernels[0]; k++)
        if (!(taken >> k & 1))
            suite_fail(&c, "samples", "none is taken by kernel %s",
                       op->kernels[0][k]->name);
}

/* ---- one operator ---- */

typedef struct seen {
    uint64_t kernels;
    bool gradient;
} seen;

static bool has_rule(const igi_op *op)
{
    return op->def->gradient != ig_gradient_none &&
           op->def->gradient != ig_gradient_todo &&
           op->def->gradient != ig_gradient_forbidden;
}

static void check_case(const igi_op *op, int sample, ig_dtype dtype, seen *s)
{
    suite_case c;
    if (suite_case_make(&c, op, sample, dtype)) {
        suite_kernels(&c, &s->kernels);
        suite_flows(&c);
        if (has_rule(op))
            suite_types(&c);
        if (dtype == IG_FLOAT64 && !c.sample->no_gradient && has_rule(op))
            s->gradient = suite_gradients(&c) || s->gradient;
    }
    suite_case_free(&c);
}

int suite_operator(const igi_op *op)
{
    seen got = {0};
    suite_failures_reset();
    check_docs(op);
    check_sizes(op);
    for (int s = 0; op->def->samples && op->def->samples[s].name; s++) {
        uint64_t types = suite_dtypes(op, &op->def->samples[s]);
        for (int d = 1; d < IG_DTYPE_COUNT; d++)
            if (types >> d & 1)
                check_case(op, s, (ig_dtype)d, &got);
    }
    check_kernels(op, got.kernels);
    if (has_rule(op) && !got.gradient)
        suite_fail(&(suite_case){.op = op}, "samples", "none has its gradient checked");
    return suite_failures();
}
