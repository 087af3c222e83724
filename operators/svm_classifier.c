/* SVMClassifier: every pair of classes votes by its decision
 *   rho + sum over both classes' support vectors of coefficient * kernel;
 * the class with most votes is the label. With prob_a and prob_b decisions become
 * probabilities of pairs, and those probabilities of classes (Wu, Lin, Weng 2004, as in
 * libsvm). Without support vectors each class has a linear score. */
#include "operators/common_svm.h"

typedef struct {
    uint32_t struct_size;
    int64_t kernel_type, post_transform;
    ig_floats kernel_params, coefficients, support_vectors, rho, prob_a, prob_b;
    ig_ints vectors_per_class, classlabels_ints;
    ig_strings classlabels_strings;
} svm_attrs;
static const ig_attr_def attrs[] = {
    IGI_SVM_ATTRS(svm_attrs),
    IG_ATTR_FLOATS(svm_attrs, prob_a, "Slopes of the pairs' probabilities."),
    IG_ATTR_FLOATS(svm_attrs, prob_b, "Offsets of the pairs' probabilities."),
    IG_ATTR_INTS(svm_attrs,
                 vectors_per_class,
                 "Support vectors of each class; absent: a linear model.",
                 .min = 0,
                 .max = INT32_MAX),
    IG_ATTR_INTS(svm_attrs, classlabels_ints, "Labels as integers."),
    IG_ATTR_STRINGS(svm_attrs, classlabels_strings, "Labels as strings."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Features [N, F], or [F]."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'L', "Labels [N]."),
    IG_PORT("Z",
            'F',
            "Scores [N, E]: of classes, or of pairs of them without probabilities."),
    {0},
};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS},
                                     {'L', IG_T(STRING) | IG_T(INT64)},
                                     {'F', IG_T(FLOAT32)},
                                     {0}};

/* ---- the model ---- */

typedef struct {
    const svm_attrs *a;
    igi_labels labels;
    int64_t classes, vectors, features, pairs;
    bool probabilities, all_positive;
} model;

static int64_t vectors_of(const svm_attrs *a)
{
    int64_t n = 0;
    for (int64_t i = 0; i < a->vectors_per_class.n; i++)
        if (!igi_add_i64(n, a->vectors_per_class.v[i], &n))
            return INT64_MAX;
    return n;
}

static model model_of(const svm_attrs *a)
{
    model m = {.a = a, .labels = {a->classlabels_ints, a->classlabels_strings}};
    m.classes = igi_labels_count(&m.labels);
    m.vectors = vectors_of(a);
    m.pairs = m.classes * (m.classes - 1) / 2;
    m.probabilities = a->prob_a.n > 0 && m.vectors > 0;
    m.all_positive = true;
    for (int64_t i = 0; i < a->coefficients.n; i++)
        m.all_positive = m.all_positive && a->coefficients.v[i] >= 0;
    m.features = m.vectors       ? a->support_vectors.n / m.vectors
                 : m.classes > 0 ? a->coefficients.n / m.classes
                                 : 0;
    return m;
}

/* Scores before the last transform; one of two classes stands for both. */
static int64_t raw_scores(const model *m)
{
    return m->probabilities || !m->vectors ? m->classes : m->pairs;
}
static int64_t shown_scores(const model *m)
{
    return raw_scores(m) == 1 && m->a->post_transform != IGI_POST_PROBIT
               ? 2
               : raw_scores(m);
}

static ig_status check_model(ig_infer *x, const model *m)
{
    const svm_attrs *a = m->a;
    if (m->classes > 1000)
        return ig_infer_fail(x, "%lld classes, at most 1000", (long long)m->classes);
    if (!m->vectors)
        return a->rho.n >= 1 && a->coefficients.n == m->classes * m->features
                   ? IG_OK
                   : ig_infer_fail(x, "a linear model needs rho and coefficients "
                                      "[classes, features]");
    if (a->vectors_per_class.n != m->classes || m->classes < 2)
        return ig_infer_fail(x, "vectors_per_class has %lld items for %lld classes",
                             (long long)a->vectors_per_class.n, (long long)m->classes);
    if (a->support_vectors.n != m->vectors * m->features ||
        a->coefficients.n != m->vectors * (m->classes - 1))
        return ig_infer_fail(x,
                             "support_vectors and coefficients do not fit to %lld "
                             "vectors of %lld classes",
                             (long long)m->vectors, (long long)m->classes);
    if (a->rho.n < m->pairs ||
        (m->probabilities && (a->prob_a.n < m->pairs || a->prob_b.n < m->pairs)))
        return ig_infer_fail(x, "rho, prob_a and prob_b need %lld items, one a pair",
                             (long long)m->pairs);
    return IG_OK;
}

static ig_status svm_infer(ig_infer *x)
{
    model m = model_of(x->attrs);
    int64_t rows, columns;
    IG_TRY(igi_labels_infer(x, 0, &m.labels));
    if (x->in[0]->rank < 0)
        return ig_infer_unknown(x, 0);
    IG_TRY(igi_ml_infer_matrix(x, 0, &rows, &columns));
    IG_TRY(check_model(x, &m));
    IG_TRY(ig_infer_equal(x, columns, m.features,
                          "the columns of X and the model's features", NULL));
    IG_TRY(ig_infer_set(x, 0, 1, &rows));
    if (x->n_out < 2 || !x->out[1])
        return IG_OK;
    return ig_infer_set(x, 1, 2, (int64_t[]){rows, shown_scores(&m)});
}

/* ---- decisions ---- */

/* Sum over the vectors of class c, with row `row` of the coefficients. */
static double
part(const model *m, const double *kernels, int64_t start, int64_t c, int64_t row)
{
    const float *w = m->a->coefficients.v + row * m->vectors;
    double sum = 0;
    for (int64_t i = start; i < start + m->a->vectors_per_class.v[c]; i++)
        sum += (double)w[i] * kernels[i];
    return sum;
}

static void decide(const model *m, const double *kernels, double *votes, double *pairs)
{
    int64_t at = 0, start_i = 0;
    for (int64_t c = 0; c < m->classes; c++)
        votes[c] = 0;
    for (int64_t i = 0; i < m->classes; i++) {
        int64_t start_j = start_i + m->a->vectors_per_class.v[i];
        for (int64_t j = i + 1; j < m->classes; j++) {
            pairs[at] = (double)m->a->rho.v[at] + part(m, kernels, start_i, i, j - 1) +
                        part(m, kernels, start_j, j, i);
            votes[pairs[at] > 0 ? i : j] += 1;
            start_j += m->a->vectors_per_class.v[j];
            at++;
        }
        start_i += m->a->vectors_per_class.v[i];
    }
}

/* ---- probabilities ---- */

/* p of the classes from r[i][j], the probability of i against j. q is [k][k] scratch,
 * qp [k]. */
static void couple(int64_t k, const double *r, double *q, double *qp, double *p)
{
    for (int64_t t = 0; t < k; t++) {
        p[t] = 1.0 / (double)k;
        q[t * k + t] = 0;
        for (int64_t j = 0; j < k; j++) {
            if (j == t)
                continue;
            q[t * k + t] += r[j * k + t] * r[j * k + t];
            q[t * k + j] = -r[j * k + t] * r[t * k + j];
        }
    }
    for (int64_t round = 0; round < (k > 100 ? k : 100); round++) {
        double pqp = 0, worst = 0;
        for (int64_t t = 0; t < k; t++) {
            qp[t] = 0;
            for (int64_t j = 0; j < k; j++)
                qp[t] += q[t * k + j] * p[j];
            pqp += p[t] * qp[t];
        }
        for (int64_t t = 0; t < k; t++)
            worst = fmax(worst, fabs(qp[t] - pqp));
        if (worst < 0.005 / (double)k)
            return;
        for (int64_t t = 0; t < k; t++) {
            double diff = (pqp - qp[t]) / q[t * k + t], by = 1 + diff;
            p[t] += diff;
            pqp = (pqp + diff * (diff * q[t * k + t] + 2 * qp[t])) / (by * by);
            for (int64_t j = 0; j < k; j++) {
                qp[j] = (qp[j] + diff * q[t * k + j]) / by;
                p[j] /= by;
            }
        }
    }
}

/* Scratch after the scores: r and q [k][k], qp [k]. */
static void
class_probabilities(const model *m, const double *pairs, double *p, double *room)
{
    const int64_t k = m->classes;
    double *r = room, *q = r + k * k, *qp = q + k * k;
    int64_t at = 0;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i + 1; j < k; j++, at++) {
            double v =
                pairs[at] * (double)m->a->prob_a.v[at] + (double)m->a->prob_b.v[at];
            double one = v >= 0 ? exp(-v) / (1 + exp(-v)) : 1 / (1 + exp(v));
            one = one < 1e-7 ? 1e-7 : one > 1 - 1e-7 ? 1 - 1e-7 : one;
            r[i * k + j] = one;
            r[j * k + i] = 1 - one;
        }
    couple(k, r, q, qp, p);
}

/* ---- a row ---- */

/* The label and the scores, transformed in place; n of them. */
static int64_t finish(const model *m, const double *votes, double *s, double *z)
{
    const int64_t n = raw_scores(m);
    int64_t best = igi_ml_argmax(votes ? votes : s, m->classes);
    double most = (votes ? votes : s)[best];
    if (m->a->rho.n == 1 && m->classes == 2 && !m->probabilities && m->all_positive &&
        most >= 0.5)
        best = 1;
    else if (m->a->rho.n == 1 && m->classes == 1)
        best = 0;
    igi_post post = (igi_post)m->a->post_transform;
    if (shown_scores(m) > n) {
        igi_post_two(post, false, s[0], z);
        return best;
    }
    memcpy(z, s, (size_t)n * sizeof(*z));
    igi_post_apply(post, z, n);
    return best;
}

static ig_status svm_row(ig_kernel_ctx *k, const model *m, int64_t row, double *kernels)
{
    const svm_attrs *a = m->a;
    const ig_tensor *x = ig_in(k, 0);
    double *votes = kernels + m->vectors, *pairs = votes + m->classes;
    double *s = pairs + m->pairs + m->classes, *z = s + m->pairs + m->classes + 2;
    const int64_t at = row * m->features, shown = shown_scores(m);
    for (int64_t v = 0; v < m->vectors; v++)
        kernels[v] =
            igi_svm_kernel_of((igi_svm_kernel)a->kernel_type, &a->kernel_params, x, at,
                              a->support_vectors.v + v * m->features, m->features);
    if (m->vectors) {
        decide(m, kernels, votes, pairs);
        if (m->probabilities)
            class_probabilities(m, pairs, s, z + m->pairs + m->classes + 2);
        else
            memcpy(s, pairs, (size_t)m->pairs * sizeof(*s));
    }
    for (int64_t c = 0; !m->vectors && c < m->classes; c++)
        s[c] = (double)a->rho.v[0] +
               igi_ml_dot(x, at, a->coefficients.v + c * m->features, m->features);
    int64_t label = finish(m, m->vectors ? votes : NULL, s, z);
    for (int64_t c = 0; ig_out(k, 1) && c < shown; c++)
        ((float *)ig_data(ig_out(k, 1)))[row * shown + c] = (float)z[c];
    return igi_labels_put(k, ig_out(k, 0), row, &m->labels, label);
}

static ig_status svm_reference(ig_kernel_ctx *k)
{
    model m = model_of(k->attrs);
    int64_t rows, columns;
    igi_ml_matrix(ig_in(k, 0), &rows, &columns);
    double *room = igi_ml_alloc(m.vectors + 4 * (m.pairs + m.classes) +
                                2 * m.classes * m.classes + m.classes + 8);
    ig_status rc = room ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t r = 0; rc == IG_OK && r < rows; r++) {
        rc = ig_poll(k);
        if (rc == IG_OK)
            rc = svm_row(k, &m, r, room);
    }
    igi_ml_free(room);
    return rc;
}

#define HEAD .struct_size = sizeof(svm_attrs), .kernel_params = {3, params}
static const float params[] = {0.5f, 1, 2}, shifts[] = {0.25f, -0.5f, 0.125f};
static const float weights[] = {0.5f, -1, 0.75f, 1, -0.25f, 2, -0.5f, -1};
static const float vectors[] = {1, 0, 1, -1, 2, 0, 0.5f, 0.25f};
static const float slopes[] = {-1, -2, -0.5f};
static const int64_t threes[] = {1, 2, 1}, twos[] = {2, 2}, ids[] = {4, 5, 6};
static const char *const names[] = {"no", "yes"};
static const svm_attrs three = {HEAD,
                                .kernel_type = IGI_SVM_RBF,
                                .coefficients = {8, weights},
                                .support_vectors = {8, vectors},
                                .rho = {3, shifts},
                                .vectors_per_class = {3, threes},
                                .classlabels_ints = {3, ids}};
static const svm_attrs three_likely = {HEAD,
                                       .kernel_type = IGI_SVM_POLY,
                                       .coefficients = {8, weights},
                                       .support_vectors = {8, vectors},
                                       .rho = {3, shifts},
                                       .prob_a = {3, slopes},
                                       .prob_b = {3, shifts},
                                       .vectors_per_class = {3, threes},
                                       .classlabels_ints = {3, ids}};
static const svm_attrs two = {HEAD,
                              .kernel_type = IGI_SVM_SIGMOID,
                              .post_transform = IGI_POST_LOGISTIC,
                              .coefficients = {4, weights},
                              .support_vectors = {8, vectors},
                              .rho = {1, shifts},
                              .vectors_per_class = {2, twos},
                              .classlabels_strings = {2, names}};
static const svm_attrs linear = {HEAD, .post_transform = IGI_POST_SOFTMAX,
                                 .coefficients = {6, weights}, .rho = {1, shifts},
                                 .classlabels_ints = {3, ids}};
#define ROWS_(name_)                                                                   \
    {                                                                                  \
        .name = #name_, .attrs = &name_, .n_out = 2, IGI_INPUTS(IGI_IN(4, 2))          \
    }
static const ig_sample samples[] = {
    ROWS_(three),
    ROWS_(three_likely),
    ROWS_(two),
    ROWS_(linear),
    {.name = "vector", .attrs = &three, .n_out = 2, IGI_INPUTS(IGI_IN(2))},
    {.name = "size_one", .attrs = &two, .n_out = 2, IGI_INPUTS(IGI_IN(1, 2))},
    {.name = "empty", .attrs = &linear, .n_out = 2, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(SVMClassifier) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "SVMClassifier",
    .since = 1,
    .doc = "Labels and scores of a support vector machine.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(svm_attrs),
    .flags = IG_OP_UNRANKED,
    .infer = svm_infer,
    .gradient = ig_gradient_forbidden,
    .reference = svm_reference,
    .samples = samples,
};
