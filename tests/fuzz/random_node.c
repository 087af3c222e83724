#include "tests/fuzz/random_node.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/ir/attr.h"

#define COUNT(list_)    ((int)(sizeof(list_) / sizeof((list_)[0])))
#define PICK(r_, list_) ((list_)[chance_below(r_, COUNT(list_))])
#define ELEMENTS_MAX    (1 << 18)

static void note(random_node *n, const char *fmt, ...)
{
    size_t at = strlen(n->what);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(n->what + at, sizeof(n->what) - at, fmt, ap);
    va_end(ap);
}

/* ---- tensors ---- */

static int64_t random_size(chance *r)
{
    static const int64_t sizes[] = {0,  1,  1,  2,   2,   3,   3,   4,   5,   6,
                                    7,  8,  9,  12,  15,  16,  17,  31,  32,  33,
                                    64, 65, 96, 100, 127, 128, 200, 255, 256, 1000};
    return PICK(r, sizes);
}

/* A tensor whose elements are those of `from`, over and over; NULL when it is too
 * large.
 */
static ig_tensor *
repeated(const ig_tensor *from, ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    int64_t n, m = igi_tensor_count(from);
    ig_dtype d = (ig_dtype)from->v.type.dtype;
    bool same = d == dtype && ig_dtype_bits(d) >= 8;
    size_t bytes = (size_t)ig_dtype_bits(d) / 8;
    if (rank > 6 || !igi_dims_count(rank, dims, &n) || n > ELEMENTS_MAX ||
        ig_tensor_new(&t, dtype, rank, dims) != IG_OK)
        return NULL;
    for (int64_t i = 0; m && i < n; i++) {
        if (same && d == IG_STRING)
            ((igi_str **)(void *)t->data)[i] =
                igi_str_ref(((igi_str **)(void *)from->data)[i % m]);
        else if (same)
            memcpy(t->data + (size_t)i * bytes, from->data + (size_t)(i % m) * bytes,
                   bytes);
        else if (dtype != IG_STRING && d != IG_STRING)
            igi_put_f64(dtype, t->data, i, igi_get_f64(d, from->data, i % m));
    }
    return t;
}

static bool replace(suite_case *c, int i, ig_tensor *t)
{
    if (!t)
        return false;
    ig_value_unref(c->in[i]);
    c->in[i] = (ig_value *)t;
    return true;
}

static int random_tensor_input(const suite_case *c, chance *r)
{
    int i = chance_below(r, c->call.n_in);
    return c->call.n_in && suite_tensor(c, i) ? i : -1;
}

/* One size, wherever it stands, becomes another: most operators stay valid. */
static void other_size(random_node *n, chance *r)
{
    suite_case *c = &n->c;
    int first = random_tensor_input(c, r);
    if (first < 0 || c->in[first]->type.rank < 1)
        return;
    const ig_type *t = &c->in[first]->type;
    int64_t from = ig_type_dims(t)[chance_below(r, t->rank)], to = random_size(r);
    note(n, " %lld->%lld", (long long)from, (long long)to);
    for (int i = 0; i < c->call.n_in; i++) {
        const ig_tensor *x = suite_tensor(c, i);
        int64_t dims[8];
        bool found = false;
        for (int k = 0; x && k < x->v.type.rank && k < 8; k++) {
            dims[k] = ig_type_dims(&x->v.type)[k];
            found = found || dims[k] == from;
            dims[k] = dims[k] == from ? to : dims[k];
        }
        if (found)
            (void)replace(c, i,
                          repeated(x, (ig_dtype)x->v.type.dtype, x->v.type.rank, dims));
    }
}

static void other_shape(random_node *n, chance *r)
{
    int i = random_tensor_input(&n->c, r);
    if (i < 0)
        return;
    const ig_tensor *x = suite_tensor(&n->c, i);
    int64_t dims[8];
    int rank = x->v.type.rank, most = rank < 6 ? rank : 6;
    memcpy(dims, ig_type_dims(&x->v.type), (size_t)most * sizeof(*dims));
    if (chance_once_in(r, 3) || rank > 6)
        rank = chance_below(r, 6);
    for (int k = most; k < rank; k++)
        dims[k] = random_size(r) % 7;
    if (rank)
        dims[chance_below(r, rank)] = random_size(r);
    note(n, " shape of %d", i);
    (void)replace(&n->c, i, repeated(x, (ig_dtype)x->v.type.dtype, rank, dims));
}

static void other_type(random_node *n, chance *r)
{
    int i = random_tensor_input(&n->c, r);
    if (i < 0)
        return;
    const ig_tensor *x = suite_tensor(&n->c, i);
    ig_dtype d = (ig_dtype)(1 + chance_below(r, IG_DTYPE_COUNT - 1));
    note(n, " %d as %s", i, ig_dtype_name(d));
    (void)replace(&n->c, i, repeated(x, d, x->v.type.rank, ig_type_dims(&x->v.type)));
}

/* ---- contents ---- */

static double random_number(chance *r)
{
    static const double numbers[] = {0,
                                     -0.0,
                                     1,
                                     -1,
                                     2,
                                     3,
                                     -2,
                                     0.5,
                                     5,
                                     7,
                                     -7,
                                     100,
                                     -100,
                                     127,
                                     128,
                                     255,
                                     256,
                                     32767,
                                     65536,
                                     2147483647.,
                                     2147483648.,
                                     -2147483648.,
                                     -2147483649.,
                                     4294967295.,
                                     1e10,
                                     -1e10,
                                     9223372036854774784.,
                                     -9223372036854775808.,
                                     1e-40,
                                     1e-30,
                                     1e30,
                                     -1e30,
                                     3.4e38,
                                     1e300,
                                     (double)INFINITY,
                                     -(double)INFINITY,
                                     (double)NAN};
    return PICK(r, numbers);
}

static const char *random_text(chance *r)
{
    static const char *const texts[] = {
        "",
        "a",
        "abc abc",
        "%s%n",
        "\xff\xfe",
        "\xc3\xa9\xe2\x82\xac",
        "(a*)*b",
        "[",
        "a{9999}",
        "NaN",
        "1e999",
        "-0",
        "  ",
        "\n",
        "x|y|",
        "(?=a)",
        "0123456789012345678901234567890123456789012345678901234567890123456789"};
    return PICK(r, texts);
}

static void other_contents(random_node *n, chance *r)
{
    int i = random_tensor_input(&n->c, r);
    if (i < 0)
        return;
    const ig_tensor *x = suite_tensor(&n->c, i);
    ig_dtype d = (ig_dtype)x->v.type.dtype;
    ig_tensor *t = repeated(x, d, x->v.type.rank, ig_type_dims(&x->v.type));
    int64_t count = t ? igi_tensor_count(t) : 0;
    note(n, " contents of %d", i);
    for (int k = 1 + chance_below(r, 4); k > 0 && count; k--) {
        int at = chance_below(r, (int)count);
        if (d == IG_STRING) {
            igi_str **s = (igi_str **)(void *)t->data + at;
            const char *text = random_text(r);
            igi_str_unref(*s);
            *s = igi_str_new(text, strlen(text));
        } else {
            igi_put_f64(d, t->data, at, random_number(r));
        }
    }
    n->wild = n->wild || igi_dtype_is_float(d);
    (void)replace(&n->c, i, t);
}

/* ---- attributes ---- */

static int64_t random_int(chance *r, const ig_attr_def *a)
{
    static const int64_t ints[] = {0,
                                   1,
                                   2,
                                   3,
                                   -1,
                                   -2,
                                   -3,
                                   4,
                                   5,
                                   7,
                                   16,
                                   100,
                                   -100,
                                   INT32_MAX,
                                   INT32_MIN,
                                   256,
                                   INT64_MAX,
                                   INT64_MIN,
                                   (int64_t)1 << 32,
                                   65537};
    if ((a->min || a->max) && chance_once_in(r, 3))
        return chance_once_in(r, 2) ? a->min : a->max;
    return chance_once_in(r, 2) ? chance_below(r, 8) - 2 : PICK(r, ints);
}

static int random_length(chance *r, int64_t now)
{
    int n = now > 0 && now < RANDOM_ITEMS ? (int)now : chance_below(r, 6);
    return chance_once_in(r, 3) ? chance_below(r, 7) : n;
}

static void random_list(random_node *n, chance *r, const ig_attr_def *a, void *at)
{
    int l = n->n_lists;
    if (l == RANDOM_LISTS)
        return;
    n->n_lists++;
    ig_ints *ints = at;
    ig_floats *floats = at;
    ig_strings *strings = at;
    int64_t now = ((const ig_ints *)at)->n; /* lists begin with their length */
    int m = random_length(r, now), k = chance_below(r, m);
    for (int i = 0; i < m; i++) {
        bool keep = i < now && i != k;
        if (a->kind == IG_A_INTS)
            n->ints[l][i] = keep ? ints->v[i] : random_int(r, a);
        else if (a->kind == IG_A_FLOATS)
            n->floats[l][i] = keep ? floats->v[i] : (float)random_number(r);
        else
            n->strings[l][i] = keep ? strings->v[i] : random_text(r);
    }
    if (a->kind == IG_A_INTS)
        *ints = (ig_ints){m, n->ints[l]};
    else if (a->kind == IG_A_FLOATS)
        *floats = (ig_floats){m, n->floats[l]};
    else
        *strings = (ig_strings){m, n->strings[l]};
}

static void other_attribute(random_node *n, chance *r)
{
    const ig_op_def *def = n->c.op->def;
    int rows = 0;
    while (def->attrs && def->attrs[rows].name)
        rows++;
    if (!rows || def->attrs_size > sizeof(n->attrs))
        return;
    if (n->c.call.attrs != n->attrs) {
        if (n->c.call.attrs)
            memcpy(n->attrs, n->c.call.attrs, def->attrs_size);
        else
            igi_attrs_init(def, n->attrs);
        n->c.call.attrs = n->attrs;
    }
    const ig_attr_def *a = &def->attrs[chance_below(r, rows)];
    void *at = igi_attr_at(a, n->attrs);
    note(n, " attribute %s", a->name);
    switch (a->kind) {
    case IG_A_INT:
        *(int64_t *)at = random_int(r, a);
        break;
    case IG_A_ENUM:
    case IG_A_DTYPE:
        *(int64_t *)at = chance_below(r, 30) - 1;
        break;
    case IG_A_FLOAT:
        *(float *)at = (float)random_number(r);
        n->wild = true;
        break;
    case IG_A_STRING:
        *(const char **)at = random_text(r);
        break;
    case IG_A_INTS:
    case IG_A_FLOATS:
    case IG_A_STRINGS:
        random_list(n, r, a, at);
        n->wild = n->wild || a->kind == IG_A_FLOATS;
        break;
    default:
        break;
    }
}

/* ---- ports ---- */

static void other_inputs(random_node *n, chance *r)
{
    suite_case *c = &n->c;
    int i = chance_below(r, c->call.n_in), k = chance_below(r, c->call.n_in);
    if (!c->call.n_in)
        return;
    switch (chance_below(r, 4)) {
    case 0:
        note(n, " without %d", i);
        ig_value_unref(c->in[i]);
        c->in[i] = NULL;
        break;
    case 1:
        note(n, " one input less");
        i = --c->call.n_in;
        ig_value_unref(c->in[i]);
        c->in[i] = NULL;
        if (c->call.n_captures > c->call.n_in)
            c->call.n_captures = c->call.n_in;
        break;
    case 2:
        if (c->call.n_in == SUITE_PORTS)
            break;
        note(n, " one input more, as %d", i);
        c->in[c->call.n_in++] = suite_copy_value(c->in[i], 0);
        break;
    default:
        note(n, " %d for %d", i, k);
        if (i == k)
            break;
        ig_value_unref(c->in[k]);
        c->in[k] = suite_copy_value(c->in[i], 0);
        break;
    }
}

static void other_outputs(random_node *n, chance *r)
{
    const igi_op *op = n->c.op;
    int most = op->variadic_out ? n->c.call.n_out + 1 : op->n_out;
    int m = op->min_out + chance_below(r, most - op->min_out + 1);
    n->c.call.n_out = m < SUITE_PORTS ? m : SUITE_PORTS;
    n->c.call.wanted =
        (IG_BIT(n->c.call.n_out) - 1) &
        (chance_once_in(r, 2) ? UINT64_MAX : chance_next(r) | op->must_out);
    if (!n->c.call.wanted)
        n->c.call.wanted = IG_BIT(n->c.call.n_out) - 1;
    note(n, " %d outputs", n->c.call.n_out);
}

/* ---- nodes ---- */

bool random_sample(suite_case *c, chance *r, const igi_op *op, ig_dtype dtype)
{
    const ig_registry *reg = suite_registry();
    int samples = 0;
    memset(c, 0, sizeof(*c));
    if (!op)
        op = igi_registry_at(reg, chance_below(r, igi_registry_count(reg)));
    c->op = op;
    while (op->def->samples && op->def->samples[samples].name)
        samples++;
    if (!samples || !op->def->types)
        return false;
    int s = chance_below(r, samples);
    uint64_t types = suite_dtypes(op, &op->def->samples[s]);
    bool usual = types >> dtype & 1 && !chance_once_in(r, 8);
    ig_dtype d = dtype;
    for (int k = usual ? 0 : 1 + chance_below(r, __builtin_popcountll(types)); k > 0;
         k--) {
        d = (ig_dtype)__builtin_ctzll(types);
        types &= types - 1;
    }
    return (usual || d) && suite_case_make(c, op, s, d);
}

/* Recurrent layers over many steps, or some of many units: with weights that are not
 * small, the last bits of one step are the first of some step later. */
static bool is_chaotic(const suite_case *c)
{
    enum { STEPS = 8, WIDE_STEPS = 3, WIDE = 64 };
    const ig_tensor *x = c->call.n_in ? suite_tensor(c, 0) : NULL;
    const ig_tensor *r = c->call.n_in > 2 ? suite_tensor(c, 2) : NULL;
    const ig_attr_def *a = c->op->def->attrs;
    while (a && a->name && strcmp(a->name, "hidden_size") != 0)
        a++;
    if (!a || !a->name || !x || x->v.type.rank != 3)
        return false;
    const int64_t *d = ig_tensor_dims(x), steps = d[0] > d[1] ? d[0] : d[1];
    const bool wide = r && r->v.type.rank == 3 && ig_tensor_dims(r)[2] > WIDE;
    return steps > (wide ? WIDE_STEPS : STEPS);
}

bool random_node_make(random_node *n, chance *r, const igi_op *op)
{
    static void (*const changes[])(random_node *, chance *) = {
        other_size,      other_size,     other_size,      other_shape,
        other_shape,     other_contents, other_attribute, other_attribute,
        other_attribute, other_inputs,   other_outputs,   other_type};
    n->n_lists = 0;
    n->wild = false;
    n->what[0] = 0;
    if (!random_sample(&n->c, r, op, chance_once_in(r, 3) ? IG_FLOAT64 : IG_FLOAT32))
        return false;
    suite_drop_values(n->c.want, SUITE_PORTS);
    for (int k = chance_below(r, 6); k > 0; k--)
        PICK(r, changes)(n, r);
    n->wild = n->wild || is_chaotic(&n->c);
    return true;
}

void random_node_free(random_node *n)
{
    suite_case_free(&n->c);
}
