/* StringNormalizer: removes stop words from a list of strings, then changes the case of
 * the rest. Case mappings are Unicode's simple ones, whatever `locale` says. Nothing
 * left gives one empty string. */
#include "operators/common_string.h"

static const char *const actions[] = {"NONE", "LOWER", "UPPER", NULL}; /* igi_case */
typedef struct {
    uint32_t struct_size;
    int64_t case_change_action, is_case_sensitive;
    const char *locale;
    ig_strings stopwords;
} string_normalizer_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(string_normalizer_attrs,
                 case_change_action,
                 0,
                 actions,
                 "NONE, LOWER or UPPER."),
    IG_ATTR_INT(string_normalizer_attrs,
                is_case_sensitive,
                0,
                "1: stop words match in their own case only.",
                .min = 0,
                .max = 1),
    IG_ATTR_STRING(string_normalizer_attrs, locale, NULL, "Read, but without effect."),
    IG_ATTR_STRINGS(string_normalizer_attrs, stopwords, "Strings to remove."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Strings [C] or [1, C]."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "What is left, of the rank of X.", .flags = IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_T(STRING)}, {0}};

static ig_status string_normalizer_infer(ig_infer *x)
{
    int64_t dims[2] = {1, ig_dim_fresh(x->syms)};
    int rank = x->in[0]->rank;
    if (rank != 1 && rank != 2)
        return ig_infer_fail(x, "X must be [C] or [1, C]");
    if (rank == 2)
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[0])[0], 1, "the rows of X and 1",
                              NULL));
    return ig_infer_set(x, 0, rank, dims + 2 - rank);
}

static int32_t folded(igi_text_view t, size_t *at)
{
    int bytes;
    int32_t c = igi_utf8_decode(t.p + *at, t.n - *at, &bytes);
    int32_t byte = (unsigned char)t.p[*at];
    *at += (size_t)bytes;
    return c < 0 ? 0x110000 + byte : igi_case_lower(c);
}

static bool same_text(igi_text_view a, igi_text_view b, bool exact)
{
    if (exact)
        return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
    size_t i = 0, j = 0;
    while (i < a.n && j < b.n)
        if (folded(a, &i) != folded(b, &j))
            return false;
    return i == a.n && j == b.n;
}

static bool is_stopword(const string_normalizer_attrs *a, igi_text_view text)
{
    for (int64_t i = 0; i < a->stopwords.n; i++) {
        const char *word = a->stopwords.v[i];
        if (same_text(text, (igi_text_view){word, strlen(word)},
                      a->is_case_sensitive != 0))
            return true;
    }
    return false;
}

/* Steps of one string, which all stop words are compared with. */
static int64_t work(const string_normalizer_attrs *a, igi_text_view text)
{
    int64_t steps, each = igi_string_work(text.n);
    return igi_mul_i64(each, a->stopwords.n / 16 + 1, &steps) ? steps : INT64_MAX;
}

static ig_status string_normalizer_reference(ig_kernel_ctx *k)
{
    const string_normalizer_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    const int64_t n = ig_numel(x);
    int64_t dims[2] = {1, 0}, at = 0;
    igi_pace pace = igi_pace_of(k);
    for (int64_t i = 0; i < n; i++) {
        IG_TRY(igi_pace_go(&pace, work(a, igi_string_at(x, i))));
        dims[1] += !is_stopword(a, igi_string_at(x, i));
    }
    if (dims[1] == 0)
        dims[1] = 1;
    IG_TRY(ig_out_alloc(k, 0, ig_rank(x), dims + 2 - ig_rank(x)));
    igi_str **y = ig_data(ig_out(k, 0));
    for (int64_t i = 0; i < n; i++) {
        igi_text_view text = igi_string_at(x, i);
        IG_TRY(igi_pace_go(&pace, work(a, text)));
        if (is_stopword(a, text))
            continue;
        IG_TRY(igi_string_charge(k, text.n));
        igi_str *s = igi_string_in_case(text, (igi_case)a->case_change_action);
        if (!s)
            return ig_error_status();
        igi_string_put(&y[at++], s);
        igi_str_unref(s);
    }
    return IG_OK;
}

#define HEAD  .struct_size = sizeof(string_normalizer_attrs)
#define WORDS .stopwords = {3, (const char *const[]){"S0", "str3", "strings!2"}}
static const string_normalizer_attrs upper = {HEAD, .case_change_action = 2, WORDS};
static const string_normalizer_attrs lower = {HEAD, .case_change_action = 1,
                                              .is_case_sensitive = 1, WORDS};
static const string_normalizer_attrs all = {
    HEAD, .stopwords = {5, (const char *const[]){"0", "1", "2", "3", "4"}}};
#define NUMBERS                                                                        \
    {                                                                                  \
        IG_SHAPE_IN(5), .data = (const double[])                                       \
        {                                                                              \
            0, 1, 2, 3, 4                                                              \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "plain", IGI_INPUTS(IGI_IN(12))},
    {.name = "upper", .attrs = &upper, IGI_INPUTS(IGI_IN(1, 12))},
    {.name = "lower", .attrs = &lower, IGI_INPUTS(IGI_IN(12))},
    {.name = "nothing_left", .attrs = &all, IGI_INPUTS(NUMBERS)},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0))},
    {0},
};

IG_OPERATOR(StringNormalizer) = {
    IG_OP_HEAD,
    .name = "StringNormalizer",
    .since = 10,
    .doc = "Removes stop words from a list of strings and changes the case of the "
           "others.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(string_normalizer_attrs),
    .infer = string_normalizer_infer,
    .gradient = ig_gradient_none,
    .reference = string_normalizer_reference,
    .samples = samples,
};
