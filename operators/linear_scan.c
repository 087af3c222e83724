// LinearScan: a linear recurrence along an axis, and its adjoint.
//
//   y(t) = b(t) + a(t) y(t-1)         y(-1) = 0
//   y(t) = b(t) + a(t+1) y(t+1)       with `adjoint`; y(n) = 0
//
// The gradient of one form by b is the other form over dy; by a it is dy, so scanned,
// times the neighbour of y. So every derivative is made of scans again. CumProd needs
// it, and so do recurrent models with a diagonal state matrix.

#include "operators/common_grad.h"
#include "operators/common_scan.h"

IG_USES_OP(LinearScan);

static const ig_port inputs[] = {
    IG_PORT("a", 'T', "Factors."),
    IG_PORT("b", 'T', "Terms, of a's shape."),
    IG_PORT("axis", 'I', "A scalar: the axis, -rank to rank - 1."),
    {0},
};
static const ig_port outputs[] = {IG_PORT("y", 'T', "Of a's shape."), {0}};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_scan_attrs,
                adjoint,
                0,
                "1: from the last step to the first.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(igi_scan_attrs,
                reverse,
                0,
                "1: time runs from the end of the axis to its beginning.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status linear_scan_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    if (x->in[1]->rank != rank)
        return ig_infer_fail(x, "a and b must have one shape");
    for (int i = 0; i < rank; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[0])[i], ig_type_dims(x->in[1])[i],
                              "a dim of b", &dims[i]));
    return ig_infer_set(x, 0, rank, dims);
}

static ig_status linear_scan_gradient(ig_grad *g)
{
    const igi_scan_attrs *o = ig_grad_attrs(g);
    igi_scan_attrs other = *o;
    other.adjoint = !o->adjoint;
    ig_var axis = ig_grad_in(g, 2), y = ig_grad_out(g, 0);
    ig_var db = ig_emit3(g, IG_OP(LinearScan), &other, ig_grad_in(g, 0),
                         ig_grad_dy(g, 0), axis);
    ig_grad_set(g, 1, db);
    if (!ig_grad_wants(g, 0))
        return IG_OK;
    ig_var late = igi_emit_shift(g, o->adjoint ? db : y, axis, o->reverse, true);
    ig_grad_set(g, 0, igi_emit_mul(g, o->adjoint ? y : db, late));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0) | IG_BIT(1)),
    IG_SAVE_IN(2, IG_BIT(0) | IG_BIT(1)),
    IG_SAVE_OUT(0, IG_BIT(0)),
    {0},
};

static ig_status linear_scan_reference(ig_kernel_ctx *k)
{
    const igi_scan_attrs *o = k->attrs;
    const ig_tensor *a = ig_in(k, 0), *b = ig_in(k, 1), *y = ig_out(k, 0);
    igi_lines l;
    IG_TRY(igi_scan_lines(k, y, 2, &l));
    bool back = o->adjoint != o->reverse;
    int64_t step = back ? -l.step : l.step;
    igi_pace pace = igi_pace_of(k);
    IGI_EACH_FLOAT(k, ig_dtype_of(y), {
        for (int64_t j = 0; j < l.count; j++) {
            IG_TRY(igi_pace_go(&pace, l.n));
            int64_t at = igi_lines_at(&l, j) + (back ? (l.n - 1) * l.step : 0);
            double last = 0;
            for (int64_t i = 0; i < l.n; i++, at += step) {
                // the adjoint takes the factor that stands at the step it came from
                int64_t factor = o->adjoint ? at - step : at;
                last = igi_load(T, ig_data(b), at) +
                       (i > 0 ? igi_load(T, ig_data(a), factor) * last : 0);
                igi_store(T, ig_data(y), at, last);
            }
        }
    })
    return IG_OK;
}

static const igi_scan_attrs adjoint = {sizeof(igi_scan_attrs), 1, 0};
static const igi_scan_attrs reverse = {sizeof(igi_scan_attrs), 0, 1};
static const igi_scan_attrs both = {sizeof(igi_scan_attrs), 1, 1};
#define AXIS(v_) IGI_IN_NUMBER(IG_INT64, v_)
static const ig_sample samples[] = {
    {.name = "last", IGI_INPUTS(IGI_IN(2, 4), IGI_IN(2, 4), AXIS(-1))},
    {.name = "adjoint",
     .attrs = &adjoint,
     IGI_INPUTS(IGI_IN(3, 2), IGI_IN(3, 2), AXIS(0))},
    {.name = "reverse", .attrs = &reverse, IGI_INPUTS(IGI_IN(5), IGI_IN(5), AXIS(0))},
    {.name = "adjoint_reverse",
     .attrs = &both,
     IGI_INPUTS(IGI_IN(2, 3, 2), IGI_IN(2, 3, 2), AXIS(1))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(2, 1), IGI_IN(2, 1), AXIS(1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 3), IGI_IN(0, 3), AXIS(1))},
    {0},
};

IG_OPERATOR(LinearScan) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "LinearScan",
    .since = 1,
    .doc =
        "The recurrence y(t) = b(t) + a(t) y(t-1) along `axis`, or with `adjoint` its "
        "transpose y(t) = b(t) + a(t+1) y(t+1).",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_scan_attrs),
    .infer = linear_scan_infer,
    .gradient = linear_scan_gradient,
    .saves = saves,
    .reference = linear_scan_reference,
    .samples = samples,
};
