/* StringSplit: each string cut at a delimiter, or at runs of white space when there is
 * none; parts beyond an element's own are empty strings. An empty string has one part
 * (itself) with a delimiter and none without, as in Python. */
#include "operators/common_string.h"

typedef struct {
    uint32_t struct_size;
    const char *delimiter;
    int64_t maxsplit;
} string_split_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_STRING(string_split_attrs,
                   delimiter,
                   NULL,
                   "Separates parts; absent or empty: white space does."),
    IG_ATTR_INT(string_split_attrs,
                maxsplit,
                -1,
                "Cuts at most, the rest stays whole; negative: any number."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Strings."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y",
            'T',
            "Parts: the shape of X and one more axis, as long as the longest list.",
            .flags = IG_DYNAMIC),
    IG_PORT("Z", 'N', "Number of parts of each string."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_T(STRING)}, {'N', IG_T(INT64)}, {0}};

static ig_status string_split_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    if (rank == IG_RANK_MAX)
        return ig_infer_fail(x, "X has rank %d, there is no room for an axis", rank);
    for (int i = 0; i < rank; i++)
        dims[i] = ig_type_dims(x->in[0])[i];
    dims[rank] = ig_dim_fresh(x->syms);
    IG_TRY(ig_infer_set(x, 0, rank + 1, dims));
    return x->n_out > 1 && x->out[1] ? ig_infer_copy(x, 1, 0) : IG_OK;
}

/* The parts of one string, taken one at a time. */
typedef struct {
    igi_text_view left, delimiter;
    int64_t cuts; /* still allowed; negative: any number */
    bool done;
} splitter;

/* Bytes of white space (or of anything else) that `t` begins with. */
static size_t span(igi_text_view t, bool space)
{
    size_t i = 0;
    for (int bytes; i < t.n; i += (size_t)bytes)
        if (igi_is_space(igi_utf8_decode(t.p + i, t.n - i, &bytes)) != space)
            break;
    return i;
}

static igi_text_view skip(igi_text_view t, size_t n)
{
    return (igi_text_view){t.p + n, t.n - n};
}

/* Where white space at the end begins. */
static size_t trimmed(igi_text_view t)
{
    size_t end = 0;
    for (size_t at = 0; at < t.n;) {
        at += span(skip(t, at), true);
        size_t word = span(skip(t, at), false);
        if (word)
            end = at + word;
        at += word;
    }
    return end;
}

static bool next_word(splitter *s, igi_text_view *part)
{
    s->left = skip(s->left, span(s->left, true));
    if (!s->left.n)
        return false;
    *part = s->left;
    part->n = s->cuts == 0 ? trimmed(s->left) : span(s->left, false);
    s->left = skip(s->left, part->n);
    if (s->cuts == 0)
        s->left.n = 0;
    s->cuts -= s->cuts > 0;
    return true;
}

static bool next_part(splitter *s, igi_text_view *part)
{
    if (!s->delimiter.n)
        return next_word(s, part);
    if (s->done)
        return false;
    *part = s->left;
    for (size_t i = 0; s->cuts != 0 && i + s->delimiter.n <= s->left.n; i++) {
        if (memcmp(s->left.p + i, s->delimiter.p, s->delimiter.n) != 0)
            continue;
        part->n = i;
        s->left = skip(s->left, i + s->delimiter.n);
        s->cuts -= s->cuts > 0;
        return true;
    }
    s->done = true;
    return true;
}

static splitter split(const ig_kernel_ctx *k, int64_t i)
{
    const string_split_attrs *a = k->attrs;
    const char *by = a->delimiter ? a->delimiter : "";
    return (splitter){.left = igi_string_at(ig_in(k, 0), i),
                      .delimiter = {by, strlen(by)},
                      .cuts = a->maxsplit};
}

static ig_status string_split_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    const int64_t n = ig_numel(x);
    int64_t dims[IG_RANK_MAX], most = 0;
    int rank = ig_rank(x);
    igi_text_view part;
    igi_pace pace = igi_pace_of(k);
    for (int64_t i = 0; i < n; i++) {
        int64_t parts = 0;
        IG_TRY(igi_pace_go(&pace, igi_string_work(igi_string_at(x, i).n)));
        for (splitter s = split(k, i); next_part(&s, &part);)
            parts++;
        most = parts > most ? parts : most;
        if (ig_out(k, 1))
            ((int64_t *)ig_data(ig_out(k, 1)))[i] = parts;
    }
    if (!k->out[0] && k->n_out > 1 && !ig_out(k, 0))
        return IG_OK;
    for (int i = 0; i < rank; i++)
        dims[i] = ig_dims(x)[i];
    dims[rank] = most;
    IG_TRY(ig_out_alloc(k, 0, rank + 1, dims));
    igi_str **y = ig_data(ig_out(k, 0));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i * most;
        for (splitter s = split(k, i); next_part(&s, &part);) {
            IG_TRY(igi_pace_go(&pace, igi_string_work(part.n)));
            IG_TRY(igi_string_set(k, &y[at++], part));
        }
    }
    return IG_OK;
}

static const string_split_attrs by_s = {sizeof(string_split_attrs), "s", -1};
static const string_split_attrs by_two = {sizeof(string_split_attrs), "tr", 1};
static const string_split_attrs no_cut = {sizeof(string_split_attrs), NULL, 0};
#define ROWS_(name_, attrs_)                                                           \
    {.name = name_, .attrs = attrs_, .n_out = 2, IGI_INPUTS(IGI_IN(3, 4))},            \
        {.name = name_ "_scalar",                                                      \
         .attrs = attrs_,                                                              \
         .n_out = 2,                                                                   \
         IGI_INPUTS(IGI_IN_SCALAR)},                                                   \
    {                                                                                  \
        .name = name_ "_empty", .attrs = attrs_, .n_out = 2, IGI_INPUTS(IGI_IN(2, 0))  \
    }
static const ig_sample samples[] = {
    ROWS_("words", NULL),
    ROWS_("by_s", &by_s),
    ROWS_("by_two", &by_two),
    ROWS_("no_cut", &no_cut),
    {.name = "size_one", .n_out = 2, IGI_INPUTS(IGI_IN(1))},
    {0},
};

IG_OPERATOR(StringSplit) = {
    IG_OP_HEAD,
    .name = "StringSplit",
    .since = 20,
    .doc = "Splits strings at a delimiter or at white space; lists are padded with "
           "empty strings.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(string_split_attrs),
    .infer = string_split_infer,
    .gradient = ig_gradient_none,
    .reference = string_split_reference,
    .samples = samples,
};
