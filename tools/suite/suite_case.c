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
    static const ig_port capture = {.name = "capture", .tv = 'T', .doc = "Of a body."};
    int port = igi_op_in_port(c->op, c->call.n_in, c->call.n_captures, i);
    return port < 0 ? &capture : &c->op->def->inputs[port];
}

const ig_port *suite_out_port(const suite_case *c, int i)
{
    return &c->op->def->outputs[igi_op_out_port(c->op, i)];
}

/* The type under test, or the first one that the port's own variable allows. */
static ig_dtype dtype_of_input(const suite_case *c, int i, const ig_sample_in *in)
{
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

static ig_tensor *
make_tensor(const suite_case *c, int i, const ig_sample_in *in, uint64_t seed)
{
    ig_dtype dtype = dtype_of_input(c, i, in);
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

/* A sequence or optional of the tensors that the sample lists, or a map, whose first
 * item are the keys. */
static ig_value *
make_items(const suite_case *c, int i, const ig_sample_in *in, uint64_t seed)
{
    ig_value *items[16] = {0}, *made = NULL;
    ig_type elem = {.dtype = (uint8_t)dtype_of_input(c, i, in), .rank = -1};
    ig_type type = {.kind = in->kind, .rank = -1, .u.elem = &elem};
    int n = in->n_items < 16 ? in->n_items : 16;
    for (int k = 0; k < n; k++)
        items[k] = (ig_value *)make_tensor(c, i, &in->items[k], seed + (uint64_t)k);
    if (in->kind == IG_KIND_MAP && items[0])
        type.dtype = items[0]->type.dtype;
    ig_status rc = in->kind == IG_KIND_OPTIONAL
                       ? igi_optional_new(&made, &type, items[0])
                   : in->kind == IG_KIND_MAP
                       ? igi_dict_new(&made, &type, (ig_tensor *)items[0], items + 1)
                       : igi_sequence_new(&made, &type, items, n);
    if (rc != IG_OK)
        suite_fail(c, "inputs", "%s", ig_error_message());
    suite_drop_values(items, n);
    return made;
}

static ig_value *make_input(const suite_case *c, int i, uint64_t seed)
{
    const ig_sample_in *in = &c->sample->in[i];
    return in->kind ? make_items(c, i, in, seed)
                    : (ig_value *)make_tensor(c, i, in, seed);
}

/* Attributes of its own for a sample with bodies. */
static bool make_attrs(suite_case *c)
{
    const ig_op_def *def = c->op->def;
    ig_sample_scene scene = {suite_registry(), c->dtype};
    if (!c->sample->bodies)
        return true;
    c->attrs = igi_alloc(def->attrs_size);
    if (!c->attrs)
        return false;
    if (c->sample->attrs)
        memcpy(c->attrs, c->sample->attrs, def->attrs_size);
    else
        igi_attrs_init(def, c->attrs);
    c->call.attrs = c->attrs;
    if (c->sample->bodies(&scene, c->attrs) == IG_OK)
        return true;
    suite_fail(c, "bodies", "%s", ig_error_message());
    return false;
}

/* ---- one case ---- */

bool suite_reference(const suite_case *c, ig_value **out)
{
    igi_invoker v;
    igi_op bare = *c->op;
    ig_value *in[SUITE_PORTS] = {0}, *made[SUITE_PORTS] = {0};
    memset(bare.n_kernels, 0, sizeof(bare.n_kernels));
    igi_invoker_init(&v, suite_registry(), NULL, 1);
    for (int i = 0; i < c->call.n_in; i++)
        in[i] = suite_copy_value(c->in[i], 0);
    ig_status rc = igi_invoke(&v, &bare, &c->call, in, made);
    if (rc != IG_OK)
        suite_fail(c, "reference", "%s", ig_error_message());
    for (int i = 0; i < c->call.n_out; i++) {
        out[i] = suite_copy_value(made[i], 0); /* views of inputs must not stay */
        ig_value_unref(made[i]);
    }
    suite_drop_values(in, c->call.n_in);
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
    c->call =
        (ig_call){.op = op->def,
                  .attrs = c->sample->attrs,
                  .draw = op->def->flags & (IG_OP_RANDOM | IG_OP_SUBGRAPH) ? 1 : 0,
                  .wanted = n_out < 64 ? IG_BIT(n_out) - 1 : 0,
                  .n_in = c->sample->n_in,
                  .n_captures = c->sample->n_captures,
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
    return make_attrs(c) && suite_reference(c, c->want);
}

void suite_case_free(suite_case *c)
{
    suite_drop_values(c->in, SUITE_PORTS);
    suite_drop_values(c->want, SUITE_PORTS);
    igi_attrs_release(c->op->def, c->attrs);
    igi_free(c->attrs);
}

void suite_drop(ig_tensor **v, int n)
{
    for (int i = 0; i < n; i++) {
        ig_tensor_unref(v[i]);
        v[i] = NULL;
    }
}

void suite_drop_values(ig_value **v, int n)
{
    for (int i = 0; i < n; i++) {
        ig_value_unref(v[i]);
        v[i] = NULL;
    }
}
