/* RegexFullMatch: whether the whole string matches a pattern in RE2's syntax
 * (common_regex.h). */
#include "operators/common_regex.h"

typedef struct {
    uint32_t struct_size;
    const char *pattern;
} regex_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_STRING(regex_attrs, pattern, NULL, "Regular expression, as RE2 reads it."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Strings."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'B', "True where the whole string matches."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_T(STRING)}, {'B', IG_T(BOOL)}, {0}};

static ig_status compile(const void *attrs_, igi_regex **out)
{
    const char *p = ((const regex_attrs *)attrs_)->pattern;
    if (!p)
        return ig_fail(IG_INVALID_ARGUMENT, "RegexFullMatch needs a pattern");
    return igi_regex_new(out, (igi_text_view){p, strlen(p)});
}

static ig_status regex_infer(ig_infer *x)
{
    igi_regex *r;
    IG_TRY(compile(x->attrs, &r));
    igi_regex_free(r);
    return ig_infer_copy(x, 0, 0);
}

static ig_status regex_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    uint8_t *y = ig_data(ig_out(k, 0));
    igi_regex *r;
    IG_TRY(compile(k->attrs, &r));
    ig_status rc = IG_OK;
    igi_pace pace = igi_pace_of(k);
    for (int64_t i = 0; rc == IG_OK && i < ig_numel(x); i++) {
        const igi_text_view text = igi_string_at(x, i);
        bool match = false;
        rc = igi_pace_go(&pace, igi_string_work(text.n) + r->n_code);
        if (rc == IG_OK)
            rc = igi_regex_match(r, k, text, &match);
        y[i] = match;
    }
    igi_regex_free(r);
    return rc;
}

#define PATTERN(name_, text_)                                                          \
    static const regex_attrs name_ = {sizeof(regex_attrs), text_}
PATTERN(words, "s?t?r?(in|i)?[a-z]*!*[0-3]");
PATTERN(classes, "(?i)[[:alpha:]]{2,5}\\d|\\w");
PATTERN(nothing, "");
static const ig_sample samples[] = {
    {.name = "words", .attrs = &words, IGI_INPUTS(IGI_IN(3, 5))},
    {.name = "classes", .attrs = &classes, IGI_INPUTS(IGI_IN(14))},
    {.name = "nothing", .attrs = &nothing, IGI_INPUTS(IGI_IN(2, 2))},
    {.name = "scalar", .attrs = &words, IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "size_one", .attrs = &words, IGI_INPUTS(IGI_IN(1))},
    {.name = "empty", .attrs = &words, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(RegexFullMatch) = {
    IG_OP_HEAD,
    .name = "RegexFullMatch",
    .since = 20,
    .doc = "Whether each string matches a regular expression as a whole.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(regex_attrs),
    .infer = regex_infer,
    .gradient = ig_gradient_none,
    .reference = regex_reference,
    .samples = samples,
};
