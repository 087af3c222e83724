/* Inputs of samples, comparison of results, the record of failures. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/ir/attr.h"
#include "graph/runtime/invoke.h"
#include "tools/suite/suite.h"

suite_setup suite_where = {.folder = "/tmp"};

/* ---- failures ---- */

static int failures;

void suite_fail(const suite_case *c, const char *flow, const char *fmt, ...)
{
    va_list ap;
    failures++;
    if (failures > 40)
        return;
    fprintf(stderr, "%s, sample %s, %s, %s: ", c->op->def->name,
            c->sample ? c->sample->name : "-", ig_dtype_name(c->dtype), flow);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
}

int suite_failures(void)
{
    return failures;
}

void suite_failures_reset(void)
{
    failures = 0;
}

const ig_registry *suite_registry(void)
{
    return suite_where.registry ? suite_where.registry : ig_registry_builtin();
}

/* ---- types ---- */

static uint64_t types_of(const igi_op *op, char tv)
{
    for (const ig_type_rule *r = op->def->types; r && r->tv; r++)
        if (r->tv == tv)
            return r->types;
    return 0;
}

uint64_t suite_dtypes(const igi_op *op, const ig_sample *s)
{
    uint64_t all = op->def->types ? op->def->types[0].types : 0;
    return s->types ? s->types & all : all;
}

const ig_port *suite_in_port(const suite_case *c, int i)
{
    int port = igi_op_in_port(c->op, c->call.n_in, 0, i);
    return port < 0 ? NULL : &c->op->def->inputs[port];
}

const ig_port *suite_out_port(const suite_case *c, int i)
{
    return &c->op->def->outputs[igi_op_out_port(c->op, i)];
}

/* The type under test, or the first one that the port's own variable allows. */
static ig_dtype dtype_of_input(const suite_case *c, int i)
{
    const ig_sample_in *in = &c->sample->in[i];
    uint64_t allowed = types_of(c->op, suite_in_port(c, i)->tv);
    if (in->dtype)
        return (ig_dtype)in->dtype;
    if (!allowed || allowed & IG_BIT(c->dtype))
        return c->dtype;
    return (ig_dtype)__builtin_ctzll(allowed);
}

/* ---- contents ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ull; /* SplitMix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static double uniform(uint64_t *state)
{
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

static double whole_number(uint64_t *state, ig_fill fill, bool is_signed)
{
    double v = floor(uniform(state) * 9);
    switch (fill) {
    case IG_FILL_ZERO_ONE:
        return (double)(next_random(state) & 1);
    case IG_FILL_POSITIVE:
    case IG_FILL_NONZERO:
        return 1 + floor(uniform(state) * 8);
    case IG_FILL_UNIT:
        return 0;
    default:
        return is_signed ? 2 * v - 8 : v;
    }
}

static double real_number(uint64_t *state, ig_fill fill)
{
    double u = uniform(state);
    switch (fill) {
    case IG_FILL_ZERO_ONE:
        return u < 0.5 ? 0 : 1;
    case IG_FILL_POSITIVE:
        return 0.3 + 2 * u;
    case IG_FILL_UNIT:
        return 1.8 * u - 0.9;
    case IG_FILL_NONZERO:
        return u < 0.5 ? -0.5 - 3 * u : 0.5 + 3 * (u - 0.5);
    default:
        return 4 * u - 2;
    }
}

/* Element k of a shuffle of 0..n-1: an affine map with a multiplier that shares no
 * factor with n. */
static int64_t shuffled(int64_t k, int64_t n)
{
    int64_t step = n > 2 ? n / 2 + 1 : 1;
    for (int64_t a = step, b = n; n > 2;) {
        while (b) {
            int64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            break;
        a = ++step;
        b = n;
    }
    return n ? (k * step + 1) % n : 0;
}

static double
element(const ig_sample_in *in, ig_dtype dtype, uint64_t *state, int64_t k, int64_t n)
{
    bool integer = igi_dtype_is_int(dtype), is_signed = igi_dtype_is_signed(dtype);
    if (in->data)
        return in->data[k];
    if (dtype == IG_BOOL)
        return (double)(next_random(state) & 1);
    int64_t middle = n / 2;
    if (in->fill == IG_FILL_DISTINCT && integer)
        return (double)(shuffled(k, n) - (is_signed ? middle : 0));
    if (in->fill == IG_FILL_DISTINCT)
        return 0.15 * (double)(shuffled(k, n) - middle) + 0.05;
    return integer ? whole_number(state, (ig_fill)in->fill, is_signed)
                   : real_number(state, (ig_fill)in->fill);
}

#define STRINGS_MAX 512

static ig_tensor *make_strings(const ig_sample_in *in, uint64_t *state)
{
    static char text[STRINGS_MAX][24];
    static const char *list[STRINGS_MAX];
    ig_tensor *t = NULL;
    int64_t n = 1;
    for (int i = 0; i < in->rank; i++)
        n *= in->dims[i];
    if (n > STRINGS_MAX) {
        fprintf(stderr, "the suite makes at most %d strings\n", STRINGS_MAX);
        return NULL;
    }
    for (int64_t k = 0; k < n; k++) {
        if (in->data)
            snprintf(text[k], sizeof(text[k]), "%g", in->data[k]);
        else
            snprintf(text[k], sizeof(text[k]), "%.*s%d", (int)(next_random(state) % 9),
                     "strings!", (int)(next_random(state) % 5));
        list[k] = text[k];
    }
    if (ig_tensor_new_strings(&t, in->rank, in->dims, list) != IG_OK)
        fprintf(stderr, "%s\n", ig_error_message());
    return t;
}

static ig_tensor *make_input(const suite_case *c, int i, uint64_t seed)
{
    const ig_sample_in *in = &c->sample->in[i];
    ig_dtype dtype = dtype_of_input(c, i);
    uint64_t state = seed;
    ig_tensor *t = NULL;
    if (dtype == IG_STRING)
        return make_strings(in, &state);
    if (ig_tensor_new(&t, dtype, in->rank, in->dims) != IG_OK) {
        suite_fail(c, "inputs", "%s", ig_error_message());
        return NULL;
    }
    int64_t n = igi_tensor_count(t);
    for (int64_t k = 0; k < n; k++) {
        double v = element(in, dtype, &state, k, n);
        if (dtype == IG_COMPLEX64) {
            ((float *)(void *)t->data)[2 * k] = (float)v;
            ((float *)(void *)t->data)[2 * k + 1] =
                in->data ? 0 : (float)uniform(&state);
        } else if (dtype == IG_COMPLEX128) {
            ((double *)(void *)t->data)[2 * k] = v;
            ((double *)(void *)t->data)[2 * k + 1] = in->data ? 0 : uniform(&state);
        } else {
            igi_put_f64(dtype, t->data, k, v);
        }
    }
    return t;
}

/* ---- one case ---- */

bool suite_reference(const suite_case *c, ig_tensor **out)
{
    igi_invoker v;
    igi_op bare = *c->op;
    ig_value *in[SUITE_PORTS], *made[SUITE_PORTS] = {0};
    ig_tensor *copy[SUITE_PORTS];
    memset(bare.n_kernels, 0, sizeof(bare.n_kernels));
    igi_invoker_init(&v, suite_registry(), NULL, 1);
    for (int i = 0; i < c->call.n_in; i++) {
        copy[i] = suite_copy(c->in[i], 0);
        in[i] = (ig_value *)copy[i];
    }
    ig_status rc = igi_invoke(&v, &bare, &c->call, in, made);
    if (rc != IG_OK)
        suite_fail(c, "reference", "%s", ig_error_message());
    for (int i = 0; i < c->call.n_out; i++) {
        out[i] = (ig_tensor *)made[i];
        if (out[i]) {
            ig_tensor *flat = suite_copy(out[i], 0); /* views of inputs must not stay */
            ig_tensor_unref(out[i]);
            out[i] = flat;
        }
    }
    suite_drop(copy, c->call.n_in);
    igi_invoker_fini(&v);
    return rc == IG_OK;
}

bool suite_case_make(suite_case *c, const igi_op *op, int sample, ig_dtype dtype)
{
    memset(c, 0, sizeof(*c));
    c->op = op;
    c->sample = &op->def->samples[sample];
    c->dtype = dtype;
    int n_out = c->sample->n_out ? c->sample->n_out : op->min_out;
    c->call = (ig_call){.op = op->def,
                        .attrs = c->sample->attrs,
                        .draw = op->def->flags & IG_OP_RANDOM ? 1 : 0,
                        .wanted = n_out < 64 ? IG_BIT(n_out) - 1 : 0,
                        .n_in = c->sample->n_in,
                        .n_out = n_out};
    for (int i = 0; i < op->n_in; i++)
        c->mutates = c->mutates || op->def->inputs[i].flags & IG_MUTATED;
    for (int i = 0; i < c->call.n_in; i++) {
        if (c->sample->in[i].rank < 0)
            continue;
        c->in[i] = make_input(c, i, 1 + (uint64_t)i + 100 * (uint64_t)sample);
        if (!c->in[i])
            return false;
    }
    return suite_reference(c, c->want);
}

void suite_case_free(suite_case *c)
{
    suite_drop(c->in, SUITE_PORTS);
    suite_drop(c->want, SUITE_PORTS);
}

void suite_drop(ig_tensor **v, int n)
{
    for (int i = 0; i < n; i++) {
        ig_tensor_unref(v[i]);
        v[i] = NULL;
    }
}

/* ---- copies ---- */

static bool can_stride(const ig_tensor *t)
{
    return ig_dtype_bits((ig_dtype)t->v.type.dtype) >= 8 && t->v.type.rank > 0 &&
           t->v.type.rank <= 6 && igi_tensor_count(t) > 1;
}

static ig_tensor *strided(const ig_tensor *t, int layout)
{
    int rank = t->v.type.rank;
    const int64_t *dims = ig_type_dims(&t->v.type);
    int64_t big[8], stride[8], offset = layout == 1 ? 1 : 0;
    ig_tensor *base = NULL, *view = NULL;
    for (int i = 0; i < rank; i++)
        big[i] = layout == 1 ? dims[i] + (i == rank - 1 ? dims[i] + 1 : 1)
                             : dims[rank - 1 - i];
    if (ig_tensor_new(&base, (ig_dtype)t->v.type.dtype, rank, big) != IG_OK)
        return NULL;
    for (int i = 0; i < rank; i++)
        stride[i] = igi_strides(base)[layout == 1 ? i : rank - 1 - i];
    if (layout == 1)
        stride[rank - 1] *= 2;
    ig_status rc = igi_tensor_view(&view, NULL, base, rank, dims, stride, offset);
    ig_tensor_unref(base);
    if (rc == IG_OK)
        rc = igi_tensor_copy_into(view, t);
    if (rc == IG_OK)
        return view;
    ig_tensor_unref(view);
    return NULL;
}

ig_tensor *suite_copy(const ig_tensor *t, int layout)
{
    ig_tensor *copy = NULL;
    if (!t)
        return NULL;
    if (layout && can_stride(t))
        return strided(t, layout);
    return igi_tensor_contiguous_copy(&copy, NULL, t) == IG_OK ? copy : NULL;
}

/* ---- comparison ---- */

static double tolerance(ig_dtype d)
{
    switch (d) {
    case IG_FLOAT64:
    case IG_COMPLEX128:
        return 1e-10;
    case IG_FLOAT32:
    case IG_COMPLEX64:
        return 2e-5;
    case IG_FLOAT16:
        return 4e-3;
    case IG_BFLOAT16:
        return 2e-2;
    default:
        return igi_dtype_is_float(d) ? 0.26 : 0;
    }
}

static bool near(double a, double b, double tol, double scale)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return a == b;
    return fabs(a - b) <= tol * (fabs(b) + scale);
}

/* Elements as doubles: complex ones are two. */
static double number_at(const ig_tensor *t, int64_t k)
{
    switch (t->v.type.dtype) {
    case IG_COMPLEX64:
        return (double)((const float *)(const void *)t->data)[k];
    case IG_COMPLEX128:
        return ((const double *)(const void *)t->data)[k];
    case IG_INT64:
    case IG_UINT64:
        return (double)igi_get_i64((ig_dtype)t->v.type.dtype, t->data, k);
    default:
        return igi_get_f64((ig_dtype)t->v.type.dtype, t->data, k);
    }
}

static bool equal_strings(const suite_case *c,
                          const char *flow,
                          int i,
                          const ig_tensor *a,
                          const ig_tensor *b)
{
    for (int64_t k = 0; k < igi_tensor_count(a); k++) {
        if (strcmp(ig_tensor_string(a, k), ig_tensor_string(b, k)) != 0) {
            suite_fail(c, flow, "output %d, string %lld is '%s', expected '%s'", i,
                       (long long)k, ig_tensor_string(a, k), ig_tensor_string(b, k));
            return false;
        }
    }
    return true;
}

static bool equal_numbers(const suite_case *c,
                          const char *flow,
                          int i,
                          const ig_tensor *a,
                          const ig_tensor *b)
{
    ig_dtype d = (ig_dtype)a->v.type.dtype;
    int64_t n = igi_tensor_count(a) * (d == IG_COMPLEX64 || d == IG_COMPLEX128 ? 2 : 1);
    double largest = 0, tol = tolerance(d);
    for (int64_t k = 0; k < n; k++)
        if (isfinite(number_at(b, k)))
            largest = fmax(largest, fabs(number_at(b, k)));
    for (int64_t k = 0; k < n; k++) {
        if (!near(number_at(a, k), number_at(b, k), tol, largest)) {
            suite_fail(c, flow, "output %d, element %lld is %.17g, expected %.17g", i,
                       (long long)k, number_at(a, k), number_at(b, k));
            return false;
        }
    }
    return true;
}

bool suite_equal(const suite_case *c,
                 const char *flow,
                 int i,
                 const ig_tensor *got,
                 const ig_tensor *want)
{
    char a[160], b[160];
    if (!got || !want) {
        if (got || want)
            suite_fail(c, flow, "output %d is %s", i, got ? "not expected" : "missing");
        return !got && !want;
    }
    if (!igi_type_equal(&got->v.type, &want->v.type)) {
        suite_fail(c, flow, "output %d is %s, expected %s", i,
                   igi_type_print(&got->v.type, NULL, a, sizeof(a)),
                   igi_type_print(&want->v.type, NULL, b, sizeof(b)));
        return false;
    }
    ig_tensor *flat = suite_copy(got, 0);
    bool same = flat && (flat->v.type.dtype == IG_STRING
                             ? equal_strings(c, flow, i, flat, want)
                             : equal_numbers(c, flow, i, flat, want));
    ig_tensor_unref(flat);
    return same;
}
