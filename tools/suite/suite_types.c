/* The reference in one float type against itself in float64, on equal inputs: a type
 * that is claimed but computed wrongly shows here, since the reference of a type is
 * what everything else is compared with. Only where a derivative exists: other
 * functions may jump when a rounding falls the other way. */
#include <math.h>

#include "graph/core/dtype.h"
#include "tools/suite/suite.h"

/* How far results may lie apart, in units of the narrower type's epsilon: sums of a few
 * hundred terms. */
#define SLACK 256

static double epsilon(ig_dtype d)
{
    switch (d) {
    case IG_FLOAT32:
        return 0x1p-23;
    case IG_FLOAT16:
        return 0x1p-10;
    case IG_BFLOAT16:
        return 0x1p-7;
    default:
        return 0;
    }
}

static bool widen(suite_case *wide, const suite_case *c)
{
    *wide = *c;
    wide->dtype = IG_FLOAT64;
    for (int i = 0; i < SUITE_PORTS; i++)
        wide->in[i] = wide->want[i] = NULL;
    for (int i = 0; i < c->call.n_in; i++) {
        const ig_tensor *t = suite_tensor(c, i);
        ig_tensor *made = NULL;
        bool same = t && ((ig_dtype)t->v.type.dtype != c->dtype ||
                          c->sample->in[i].dtype); /* the sample asks for that type */
        if (same)
            made = suite_copy(t, 0);
        else if (t && ig_tensor_new(&made, IG_FLOAT64, t->v.type.rank,
                                    ig_type_dims(&t->v.type)) != IG_OK)
            return false;
        for (int64_t k = 0; t && !same && k < igi_tensor_count(t); k++)
            igi_put_f64(IG_FLOAT64, made->data, k, igi_get_f64(c->dtype, t->data, k));
        wide->in[i] = (ig_value *)made;
    }
    return suite_reference(wide, wide->want);
}

static void compare(const suite_case *c, int i, const ig_tensor *wide)
{
    const ig_tensor *t = (const ig_tensor *)c->want[i];
    int64_t n = igi_tensor_count(t);
    double largest = 1;
    for (int64_t k = 0; k < n; k++) {
        double v = igi_get_f64(IG_FLOAT64, wide->data, k);
        largest = isfinite(v) ? fmax(largest, fabs(v)) : largest;
    }
    for (int64_t k = 0; k < n; k++) {
        double a = igi_get_f64(c->dtype, t->data, k),
               b = igi_get_f64(IG_FLOAT64, wide->data, k);
        if (!isfinite(a) || !isfinite(b) || fabs(b) > 30000)
            continue; /* beyond the narrower range */
        if (fabs(a - b) > SLACK * epsilon(c->dtype) * largest) {
            suite_fail(c, "reference",
                       "output %d, element %lld is %.9g, in float64 %.9g", i,
                       (long long)k, a, b);
            return;
        }
    }
}

void suite_types(const suite_case *c)
{
    suite_case wide;
    uint64_t types = suite_dtypes(c->op, c->sample);
    for (int i = 0; i < c->call.n_in; i++)
        if (c->in[i] && !suite_tensor(c, i))
            return; /* sequences move tensors, they do not compute */
    if (c->attrs)   /* bodies have a type of their own */
        return;
    if (epsilon(c->dtype) == 0 || !(types >> IG_FLOAT64 & 1) || c->sample->no_gradient)
        return;
    if (widen(&wide, c))
        for (int i = 0; i < c->call.n_out; i++)
            if (c->want[i] && (ig_dtype)c->want[i]->type.dtype == c->dtype &&
                wide.want[i] && wide.want[i]->type.dtype == IG_FLOAT64)
                compare(c, i, (ig_tensor *)wide.want[i]);
    suite_case_free(&wide);
}
