// TfIdfVectorizer: how often the n-grams of a pool occur in each row, possibly
// weighted.
//
// For every length n in [min, max] and every skip s in [0, max_skip_count] the items at
// i, i + s + 1, i + 2 (s + 1), ... are one n-gram, as far as it fits; 1-grams are
// counted once. Each is looked up in a hash table of the pool.

#include <inttypes.h>

#include "operators/common_move.h"

typedef struct tf_idf_attrs {
    uint32_t struct_size;
    int64_t max_gram_length, max_skip_count, min_gram_length, mode;
    ig_ints ngram_counts, ngram_indexes, pool_int64s;
    ig_strings pool_strings;
    ig_floats weights;
} tf_idf_attrs;
enum { TF, IDF, TFIDF }; // ORDER: modes
static const char *const modes[] = {"TF", "IDF", "TFIDF", NULL};

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "A row of items, or a matrix of rows."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'F', "Per row a number for each n-gram.", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_T(INT32) | IG_T(INT64) | IG_T(STRING)},
    {'F', IG_T(FLOAT32)},
    {0},
};
#define LENGTH(m_, ...)                                                                \
    IG_ATTR_INT(tf_idf_attrs, m_, 0, __VA_ARGS__, .flags = IG_REQUIRED, .min = 0,      \
                .max = INT32_MAX)
static const ig_attr_def attrs[] = {
    LENGTH(max_gram_length, "Items of the longest n-grams."),
    LENGTH(max_skip_count, "Most items left out between two of an n-gram."),
    LENGTH(min_gram_length, "Items of the shortest n-grams."),
    IG_ATTR_ENUM(tf_idf_attrs,
                 mode,
                 TF,
                 modes,
                 "TF: counts; IDF: weights where found; TFIDF: counts times weights.",
                 .flags = IG_REQUIRED),
    IG_ATTR_INTS(tf_idf_attrs,
                 ngram_counts,
                 "Where in the pool 1-grams, 2-grams ... begin.",
                 .flags = IG_REQUIRED),
    IG_ATTR_INTS(tf_idf_attrs,
                 ngram_indexes,
                 "Per n-gram of the pool its place in Y.",
                 .flags = IG_REQUIRED),
    IG_ATTR_INTS(
        tf_idf_attrs, pool_int64s, "Items of the n-grams, one after the other."),
    IG_ATTR_STRINGS(tf_idf_attrs, pool_strings, "The same of strings."),
    IG_ATTR_FLOATS(tf_idf_attrs, weights, "Per n-gram; absent: 1."),
    {0},
};

static ig_status tf_idf_infer(ig_infer *x)
{
    const tf_idf_attrs *o = x->attrs;
    int64_t dims[2] = {0, 0}, width = 0;
    int rank = x->in[0]->rank;
    if (rank < 1 || rank > 2)
        return ig_infer_fail(x, "X must have rank 1 or 2");
    for (int64_t i = 0; i < o->ngram_indexes.n; i++) {
        int64_t at = o->ngram_indexes.v[i];
        if (at < 0 || at >= INT32_MAX)
            return ig_infer_fail(x, "ngram_indexes[%" PRId64 "] is %" PRId64, i, at);
        width = at >= width ? at + 1 : width;
    }
    if ((o->pool_int64s.n > 0) == (o->pool_strings.n > 0))
        return ig_infer_fail(x, "one of pool_int64s and pool_strings must be given");
    if ((o->pool_strings.n > 0) != (x->in[0]->dtype == IG_STRING))
        return ig_infer_fail(x, "the pool must be of the kind of X");
    if (o->weights.n > 0 && o->weights.n != o->ngram_indexes.n)
        return ig_infer_fail(x, "weights and ngram_indexes must have one length");
    if (o->min_gram_length < 1 || o->min_gram_length > o->max_gram_length)
        return ig_infer_fail(x, "min_gram_length must be 1 to max_gram_length");
    dims[rank - 1] = width;
    if (rank == 2)
        dims[0] = ig_type_dims(x->in[0])[0];
    return ig_infer_set(x, 0, rank, dims);
}

// ---- the pool as a hash table: slot -> n-gram + 1

typedef struct gram {
    int64_t at, length; // in the pool
} gram;
typedef struct pool {
    const tf_idf_attrs *o;
    int64_t n, slots; // slots: a power of two
    gram *gram;
    int64_t *slot;
    igi_pace pace;
} pool;

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

static uint64_t hash_text(const char *s, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = mix(h, (unsigned char)s[i]);
    return h;
}

static uint64_t pool_item(const pool *p, int64_t i)
{
    const char *s = p->o->pool_strings.n ? p->o->pool_strings.v[i] : NULL;
    return s ? hash_text(s, strlen(s)) : (uint64_t)p->o->pool_int64s.v[i];
}

// Item i of X, hashed as the pool's are.
static uint64_t row_item(const ig_tensor *x, int64_t i)
{
    if (ig_dtype_of(x) != IG_STRING)
        return (uint64_t)igi_get_i64(ig_dtype_of(x), ig_data(x), i);
    const igi_str *s = ((igi_str *const *)ig_data(x))[i];
    return s ? hash_text(s->text, s->length) : hash_text("", 0);
}

static bool same_item(const pool *p, int64_t at, const ig_tensor *x, int64_t i)
{
    if (ig_dtype_of(x) != IG_STRING)
        return p->o->pool_int64s.v[at] == igi_get_i64(ig_dtype_of(x), ig_data(x), i);
    const igi_str *s = ((igi_str *const *)ig_data(x))[i];
    const char *want = p->o->pool_strings.v[at];
    size_t n = s ? s->length : 0;
    return strlen(want) == n && (n == 0 || memcmp(want, s->text, n) == 0);
}

static ig_status fill(const ig_kernel_ctx *k, pool *p)
{
    const tf_idf_attrs *o = p->o;
    int64_t size = o->pool_int64s.n + o->pool_strings.n;
    for (int64_t length = 1; length <= o->ngram_counts.n; length++) {
        int64_t begin = o->ngram_counts.v[length - 1];
        int64_t end = length < o->ngram_counts.n ? o->ngram_counts.v[length] : size;
        if (begin < 0 || end < begin || end > size || (end - begin) % length != 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "ngram_counts[%" PRId64 "]: %" PRId64 " to %" PRId64
                                  " holds no whole %" PRId64 "-grams",
                                  length - 1, begin, end, length);
        for (int64_t at = begin; at < end; at += length) {
            if (p->n >= o->ngram_indexes.n)
                return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                      "the pool has more n-grams than ngram_indexes");
            uint64_t h = (uint64_t)length;
            for (int64_t i = 0; i < length; i++)
                h = mix(h, pool_item(p, at + i));
            p->gram[p->n] = (gram){at, length};
            int64_t slot = (int64_t)(h & (uint64_t)(p->slots - 1));
            while (p->slot[slot])
                slot = (slot + 1) & (p->slots - 1);
            p->slot[slot] = ++p->n;
        }
    }
    return IG_OK;
}

// ---- counting

// Counts the n-gram of `length` items from i on, `step` apart; all equal ones.
static void count(const pool *p,
                  const ig_tensor *x,
                  int64_t i,
                  int64_t length,
                  int64_t step,
                  int64_t *found)
{
    uint64_t h = (uint64_t)length;
    for (int64_t j = 0; j < length; j++)
        h = mix(h, row_item(x, i + j * step));
    for (int64_t slot = (int64_t)(h & (uint64_t)(p->slots - 1)); p->slot[slot];
         slot = (slot + 1) & (p->slots - 1)) {
        const gram *g = &p->gram[p->slot[slot] - 1];
        bool same = g->length == length;
        for (int64_t j = 0; j < length && same; j++)
            same = same_item(p, g->at + j, x, i + j * step);
        if (same)
            found[p->slot[slot] - 1]++;
    }
}

static ig_status
count_row(pool *p, const ig_tensor *x, int64_t from, int64_t n, int64_t *found)
{
    const tf_idf_attrs *o = p->o;
    for (int64_t skip = 0; skip <= o->max_skip_count && skip < n; skip++)
        for (int64_t length = o->min_gram_length;
             length <= o->max_gram_length && length <= n; length++) {
            if ((length - 1) * (skip + 1) >= n || (length == 1 && skip > 0))
                continue;
            for (int64_t i = 0; i + (length - 1) * (skip + 1) < n; i++) {
                IG_TRY(igi_pace_go(&p->pace, 8 * length));
                count(p, x, from + i, length, skip + 1, found);
            }
        }
    return IG_OK;
}

static void write_row(const pool *p, const int64_t *found, float *y)
{
    const tf_idf_attrs *o = p->o;
    for (int64_t i = 0; i < p->n; i++) {
        float weight = o->weights.n ? o->weights.v[i] : 1;
        float n = o->mode == IDF ? (float)(found[i] > 0) : (float)found[i];
        if (found[i] > 0)
            y[o->ngram_indexes.v[i]] += o->mode == TF ? n : n * weight;
    }
}

static ig_status tf_idf_reference(ig_kernel_ctx *k)
{
    const tf_idf_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t width = ig_dims(y)[ig_rank(y) - 1], n = ig_dims(x)[ig_rank(x) - 1];
    int64_t rows = ig_rank(x) == 2 ? ig_dims(x)[0] : 1, grams = o->ngram_indexes.n;
    pool p = {.o = o, .slots = 4, .pace = igi_pace_of(k)};
    while (p.slots < 2 * grams)
        p.slots *= 2;
    p.gram = igi_calloc((size_t)grams + 1, sizeof(*p.gram));
    p.slot = igi_calloc((size_t)(p.slots + grams), sizeof(*p.slot));
    ig_status rc = p.gram && p.slot ? fill(k, &p) : IG_OUT_OF_MEMORY;
    igi_fill_zero(y);
    for (int64_t r = 0; r < rows && rc == IG_OK && width > 0; r++) {
        int64_t *found = p.slot + p.slots;
        memset(found, 0, (size_t)grams * sizeof(*found));
        rc = count_row(&p, x, r * n, n, found);
        write_row(&p, found, (float *)ig_data(y) + r * width);
    }
    igi_free(p.gram);
    igi_free(p.slot);
    return rc;
}

#define POOL(...) .struct_size = sizeof(tf_idf_attrs), __VA_ARGS__
#define INTS_POOL                                                                      \
    .ngram_counts = IGI_INTS(0, 4), .ngram_indexes = IGI_INTS(0, 1, 2, 3, 4, 5, 6),    \
    .pool_int64s = IGI_INTS(2, 3, 5, 4, 5, 6, 7, 8, 6, 7)
static const tf_idf_attrs both = {
    POOL(.min_gram_length = 1, .max_gram_length = 2, INTS_POOL)};
static const tf_idf_attrs skipping = {
    POOL(.min_gram_length = 2, .max_gram_length = 2, .max_skip_count = 5, INTS_POOL)};
static const float weights[] = {1, 2, 3, 4, 5, 6, 7};
static const tf_idf_attrs weighted = {POOL(.min_gram_length = 1,
                                           .max_gram_length = 2,
                                           .mode = TFIDF,
                                           INTS_POOL,
                                           .weights = {7, weights})};
static const tf_idf_attrs present = {POOL(.min_gram_length = 1,
                                          .max_gram_length = 2,
                                          .max_skip_count = 1,
                                          .mode = IDF,
                                          INTS_POOL,
                                          .weights = {7, weights})};
static const char *const words[] = {"1", "2", "3", "1", "2"};
static const tf_idf_attrs text = {POOL(.min_gram_length = 1,
                                       .max_gram_length = 2,
                                       .ngram_counts = IGI_INTS(0, 3),
                                       .ngram_indexes = IGI_INTS(0, 2, 1, 3),
                                       .pool_strings = {5, words})};
#define ROW                                                                            \
    {                                                                                  \
        IG_SHAPE_IN(12), .data = (const double[])                                      \
        {                                                                              \
            1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8                                         \
        }                                                                              \
    }
#define ROWS                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(2, 6), .data = (const double[])                                    \
        {                                                                              \
            1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8                                         \
        }                                                                              \
    }
#define INTS IG_T(INT32) | IG_T(INT64)
static const ig_sample samples[] = {
    {.name = "both_lengths", .attrs = &both, .types = INTS, IGI_INPUTS(ROW)},
    {.name = "rows_skipping", .attrs = &skipping, .types = INTS, IGI_INPUTS(ROWS)},
    {.name = "weighted", .attrs = &weighted, .types = INTS, IGI_INPUTS(ROW)},
    {.name = "present", .attrs = &present, .types = INTS, IGI_INPUTS(ROWS)},
    {.name = "strings",
     .attrs = &text,
     .types = IG_T(STRING),
     IGI_INPUTS({IG_SHAPE_IN(5), .data = (const double[]){1, 2, 3, 1, 2}})},
    {.name = "size_one", .attrs = &both, .types = INTS, IGI_INPUTS(IGI_IN(1))},
    {.name = "no_items", .attrs = &both, .types = INTS, IGI_INPUTS(IGI_IN(2, 0))},
    {0},
};

IG_OPERATOR(TfIdfVectorizer) = {
    IG_OP_HEAD,
    .name = "TfIdfVectorizer",
    .since = 9,
    .doc = "How often the n-grams of a pool occur in each row, possibly weighted.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(tf_idf_attrs),
    .infer = tf_idf_infer,
    .gradient = ig_gradient_none,
    .reference = tf_idf_reference,
    .samples = samples,
};
