// Equal: c = a == b with NumPy broadcasting, strings by their bytes; NaN equals
// nothing. No gradient: the result is bool.

#include "operators/common.h"

static const ig_type_rule types[] = {
    {'T', IG_NUMERIC | IG_T(BOOL) | IG_T(STRING)},
    {'B', IG_T(BOOL)},
    {0},
};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_ZERO_ONE, IG_FILL_ZERO_ONE, 0), {0}};

// Equal symbols are equal sizes; a symbol and a negative number differ.
static int64_t same_dim(ig_symtab *s, int64_t a, int64_t b)
{
    if (a == b)
        return 1;
    bool open = (ig_dim_is_symbol(a) && (b >= 0 || ig_dim_is_symbol(b))) ||
                (ig_dim_is_symbol(b) && a >= 0);
    return open ? ig_int_fresh(s) : 0;
}

static int equal_values(ig_infer *x, int64_t *out, int cap)
{
    int64_t a[64], b[64];
    const uint64_t ints = IG_INTEGERS | IG_T(BOOL); // others lose digits on the way
    if (!(ints >> x->in[0]->dtype & 1))
        return IG_INTS_UNKNOWN;
    int na = ig_infer_ints(x, 0, a, 64), nb = ig_infer_ints(x, 1, b, 64);
    if (na < 0 || nb < 0 || (na != nb && na != 1 && nb != 1))
        return IG_INTS_UNKNOWN;
    int n = na == 1 ? nb : na;
    if (n > cap)
        return IG_INTS_UNKNOWN;
    for (int i = 0; i < n; i++)
        out[i] = same_dim(x->syms, a[na == 1 ? 0 : i], b[nb == 1 ? 0 : i]);
    return n;
}

static ig_status equal_strings(ig_kernel_ctx *k)
{
    const ig_tensor *t[3] = {ig_out(k, 0), ig_in(k, 0), ig_in(k, 1)};
    igi_walk w;
    for (igi_walk_tensors(&w, t[0], t, 3); w.rows > 0; igi_walk_next(&w)) {
        uint8_t *y = (uint8_t *)ig_data(t[0]) + w.at[0];
        igi_str *const *a = (igi_str *const *)ig_data(t[1]) + w.at[1];
        igi_str *const *b = (igi_str *const *)ig_data(t[2]) + w.at[2];
        for (int64_t i = 0; i < w.inner; i++)
            y[i * w.step[0]] =
                igi_string_compare(a[i * w.step[1]], b[i * w.step[2]]) == 0;
    }
    return IG_OK;
}

static ig_status equal_reference(ig_kernel_ctx *k)
{
    if (ig_dtype_of(ig_in(k, 0)) == IG_STRING)
        return equal_strings(k);
    IGI_COMPARE(k, IGI_CASES3_NUMERIC(a == b) IGI_CASES3_BOOL((a != 0) == (b != 0)));
}

IG_OPERATOR(Equal) = {
    IG_OP_HEAD,
    .name = "Equal",
    .since = 19,
    .doc = "a == b, elementwise with broadcasting. No gradient: the result is bool.",
    .inputs = igi_binary_inputs,
    .outputs = igi_compare_outputs,
    .types = types,
    .flags = IG_OP_STRIDED | IG_OP_COMMUTATIVE,
    .infer = ig_infer_broadcast,
    .values = equal_values,
    .gradient = ig_gradient_none,
    .reference = equal_reference,
    .samples = samples,
};
