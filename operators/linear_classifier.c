/* LinearClassifier: scores X coefficients^T + intercepts, transformed; the label of the
 * largest. One score with two labels stands for -s and s. */
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    int64_t post_transform, multi_class;
    ig_floats coefficients, intercepts;
    ig_ints classlabels_ints;
    ig_strings classlabels_strings;
} classifier_attrs;
static const ig_attr_def attrs[] = {
    IGI_ATTR_POST(classifier_attrs),
    IG_ATTR_INT(classifier_attrs, multi_class, 0, "Without effect."),
    IG_ATTR_FLOATS(
        classifier_attrs, coefficients, "Weights [scores, F].", .flags = IG_REQUIRED),
    IG_ATTR_FLOATS(classifier_attrs, intercepts, "One per score; absent: 0."),
    IG_ATTR_INTS(classifier_attrs, classlabels_ints, "Labels as integers."),
    IG_ATTR_STRINGS(classifier_attrs, classlabels_strings, "Labels as strings."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Features [N, F], or [F]."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'L', "Labels [N]."),
    IG_PORT("Z", 'F', "Scores [N, classes]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS},
                                     {'L', IG_T(STRING) | IG_T(INT64)},
                                     {'F', IG_T(FLOAT32)},
                                     {0}};

static igi_labels labels_of(const classifier_attrs *a)
{
    return (igi_labels){a->classlabels_ints, a->classlabels_strings};
}

/* Scores of the model for rows of n columns; those of Z. */
static int64_t model_scores(const classifier_attrs *a, int64_t n)
{
    return n > 0 ? a->coefficients.n / n : 0;
}
static int64_t class_scores(const classifier_attrs *a, int64_t scores)
{
    igi_labels l = labels_of(a);
    return scores == 1 && igi_labels_count(&l) == 2 ? 2 : scores;
}

static ig_status classifier_infer(ig_infer *x)
{
    const classifier_attrs *a = x->attrs;
    igi_labels l = labels_of(a);
    int64_t rows, columns;
    IG_TRY(igi_labels_infer(x, 0, &l));
    if (x->in[0]->rank < 0)
        return ig_infer_unknown(x, 0);
    IG_TRY(igi_ml_infer_matrix(x, 0, &rows, &columns));
    int64_t scores = a->intercepts.v ? a->intercepts.n : igi_labels_count(&l);
    if (columns >= 0) {
        scores = model_scores(a, columns);
        if (scores < 1 || scores * columns != a->coefficients.n)
            return ig_infer_fail(x, "%lld coefficients for rows of %lld features",
                                 (long long)a->coefficients.n, (long long)columns);
    }
    if (a->intercepts.v && a->intercepts.n != scores)
        return ig_infer_fail(x, "%lld intercepts for %lld scores",
                             (long long)a->intercepts.n, (long long)scores);
    if (scores > igi_labels_count(&l))
        return ig_infer_fail(x, "%lld labels for %lld scores",
                             (long long)igi_labels_count(&l), (long long)scores);
    IG_TRY(ig_infer_set(x, 0, 1, &rows));
    if (x->n_out < 2 || !x->out[1])
        return IG_OK;
    return ig_infer_set(x, 1, 2, (int64_t[]){rows, class_scores(a, scores)});
}

/* The number of the label; one score of one class only says yes or no, and has no label
 * for no but the first as well. */
static ig_status classify(
    ig_kernel_ctx *k, const classifier_attrs *a, int64_t r, double *s, int64_t scores)
{
    igi_labels l = labels_of(a);
    int64_t classes = class_scores(a, scores);
    ig_tensor *z = ig_out(k, 1);
    if (classes > scores) {
        s[1] = s[0];
        s[0] = -s[1];
    }
    igi_post_apply((igi_post)a->post_transform, s, classes);
    for (int64_t c = 0; z && c < classes; c++)
        ((float *)ig_data(z))[r * classes + c] = (float)s[c];
    return igi_labels_put(k, ig_out(k, 0), r, &l, igi_ml_argmax(s, classes));
}

static ig_status classifier_reference(ig_kernel_ctx *k)
{
    const classifier_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    int64_t rows, n;
    igi_ml_matrix(x, &rows, &n);
    int64_t scores = model_scores(a, n);
    double *s = igi_ml_alloc(scores + 1);
    ig_status rc = s ? IG_OK : IG_OUT_OF_MEMORY;
    igi_pace pace = igi_pace_of(k);
    for (int64_t r = 0; rc == IG_OK && r < rows; r++) {
        for (int64_t c = 0; c < scores; c++)
            s[c] = igi_ml_dot(x, r * n, a->coefficients.v + c * n, n) +
                   (a->intercepts.v ? (double)a->intercepts.v[c] : 0);
        rc = classify(k, a, r, s, scores);
        if (rc == IG_OK)
            rc = igi_pace_go(&pace, a->coefficients.n);
    }
    igi_ml_free(s);
    return rc;
}

#define HEAD .struct_size = sizeof(classifier_attrs)
static const float weights[] = {0.5f, -1, 2, 1, 0.25f, -0.5f, -1, 1, 0.125f};
static const float shifts[] = {1, -1, 0};
static const classifier_attrs three = {
    HEAD, .post_transform = IGI_POST_SOFTMAX, .coefficients = {9, weights},
    .intercepts = {3, shifts}, .classlabels_ints = {3, (const int64_t[]){5, 6, 7}}};
static const classifier_attrs two = {
    HEAD, .post_transform = IGI_POST_LOGISTIC, .coefficients = {3, weights},
    .intercepts = {1, shifts},
    .classlabels_strings = {2, (const char *const[]){"no", "yes"}}};
static const ig_sample samples[] = {
    {.name = "three", .attrs = &three, .n_out = 2, IGI_INPUTS(IGI_IN(4, 3))},
    {.name = "two", .attrs = &two, .n_out = 2, IGI_INPUTS(IGI_IN(4, 3))},
    {.name = "size_one", .attrs = &two, .n_out = 2, IGI_INPUTS(IGI_IN(1, 3))},
    {.name = "vector", .attrs = &three, .n_out = 2, IGI_INPUTS(IGI_IN(3))},
    {.name = "empty", .attrs = &two, .n_out = 2, IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(LinearClassifier) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "LinearClassifier",
    .since = 1,
    .doc = "Labels and scores of a linear model.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(classifier_attrs),
    .flags = IG_OP_UNRANKED,
    .infer = classifier_infer,
    .gradient = ig_gradient_forbidden,
    .reference = classifier_reference,
    .samples = samples,
};
