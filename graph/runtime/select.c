/* Kernel selection: masks first, then `supports`. See select.h. */
#include "graph/runtime/select.h"

#include "graph/core/log.h"
#include "graph/core/tensor.h"

/* Whether b has the shape of a. */
static bool same_shape(const ig_type *a, const ig_type *b)
{
    if (a->rank != b->rank)
        return false;
    const int64_t *da = ig_type_dims(a), *db = ig_type_dims(b);
    for (int i = 0; i < a->rank; i++)
        if (da[i] != db[i])
            return false;
    return true;
}

static bool has_zero(const ig_type *t)
{
    const int64_t *d = ig_type_dims(t);
    for (int i = 0; i < t->rank; i++)
        if (d[i] == 0)
            return true;
    return false;
}

static bool is_one(const ig_type *t)
{
    const int64_t *d = ig_type_dims(t);
    for (int i = 0; i < t->rank; i++)
        if (d[i] != 1)
            return false;
    return true;
}

igi_facts igi_facts_of(const ig_kernel_ctx *k)
{
    igi_facts f = {0, IGI_FACT_BITS};
    const ig_type *first = NULL;
    bool same = true, ones = true;
    for (int i = 0; i <= k->n_in - k->n_captures; i++) {
        bool is_out = i == k->n_in - k->n_captures;
        const ig_value *v = !is_out ? k->in[i] : k->n_out > 0 ? k->out[0] : NULL;
        if (!v || v->type.kind != IG_KIND_TENSOR)
            continue;
        const ig_type *t = &v->type;
        if (!first) {
            first = t;
            f.type = IG_BIT(t->dtype);
        }
        same = same && same_shape(first, t);
        ones = ones && is_one(t);
        if (!is_out && has_zero(t))
            f.have &= ~(uint32_t)IG_NEED_NONEMPTY;
    }
    if (!same && !ones)
        f.have &= ~(uint32_t)IG_NEED_SAME_SHAPE;
    return f;
}

/* The mask that refuses the kernel, as text; NULL when masks allow it. */
static const char *refused_by_masks(const ig_kernel_def *d, igi_facts f)
{
    if (d->types && !(d->types & f.type))
        return "element type is not supported";
    uint32_t missing = d->needs & IGI_FACT_BITS & ~f.have;
    if (missing & IG_NEED_SAME_SHAPE)
        return "inputs and output differ in shape";
    if (missing & IG_NEED_NONEMPTY)
        return "an input is empty";
    if (missing & IG_KERNEL_VARIES)
        return "its results may vary between runs";
    return NULL;
}

static void log_refusal(const igi_op *op, const ig_kernel_def *d, const char *why)
{
    if (igi_log_on(IGI_LOG_DISPATCH))
        igi_log(IGI_LOG_DISPATCH, "%s: not %s: %s", op->def->name, d->name, why);
}

static const ig_kernel_def *select_from(
    const igi_op *op, int device, const ig_kernel_ctx *k, igi_facts f, int first)
{
    const ig_kernel_def *chosen = NULL;
    bool log = igi_log_on(IGI_LOG_DISPATCH);
    for (int i = first; i < op->n_kernels[device] && !chosen; i++) {
        const ig_kernel_def *d = op->kernels[device][i];
        uint32_t missing = d->needs & IGI_FACT_BITS & ~f.have;
        if (missing || (d->types && !(d->types & f.type))) {
            if (log)
                log_refusal(op, d, refused_by_masks(d, f));
            continue;
        }
        if (d->supports && d->supports(k) != IG_OK) {
            if (log)
                log_refusal(op, d, ig_error_message());
            igi_error_clear();
            continue;
        }
        chosen = d;
    }
    if (log)
        igi_log(IGI_LOG_DISPATCH, "%s: %s", op->def->name, igi_kernel_name(chosen));
    return chosen;
}

const ig_kernel_def *
igi_select_any(const igi_op *op, int device, const ig_kernel_ctx *k, igi_facts f)
{
    return select_from(op, device, k, f, 0);
}

const ig_kernel_def *igi_select_after(const igi_op *op,
                                      int device,
                                      const ig_kernel_ctx *k,
                                      igi_facts f,
                                      const ig_kernel_def *after)
{
    int first = 0;
    while (first < op->n_kernels[device] && op->kernels[device][first] != after)
        first++;
    log_refusal(op, after, ig_error_message());
    igi_error_clear();
    return select_from(op, device, k, f, first + 1);
}

void igi_select_explain(
    const igi_op *op, int device, const ig_kernel_ctx *k, igi_facts f, igi_text *out)
{
    for (int i = 0; i < op->n_kernels[device]; i++) {
        const ig_kernel_def *d = op->kernels[device][i];
        const char *why = refused_by_masks(d, f);
        if (!why && d->supports && d->supports(k) != IG_OK)
            why = ig_error_message();
        igi_text_add(out, "%s: %s\n", d->name, why ? why : "chosen");
        if (!why)
            return;
        igi_error_clear();
    }
    igi_text_add(out, "reference: chosen\n");
}
