// Feature matrices, labels and transforms of scores.

#include "operators/common_ml.h"

#include "graph/core/alloc.h"

/* ORDER: post transform */
const char *const igi_post_names[] = {"NONE",         "SOFTMAX", "LOGISTIC",
                                      "SOFTMAX_ZERO", "PROBIT",  NULL};

ig_status igi_ml_infer_matrix(ig_infer *x, int port, int64_t *rows, int64_t *columns)
{
    const ig_type *t = x->in[port];
    *rows = *columns = -1;
    if (t->rank < 0)
        return IG_OK;
    if (t->rank != 1 && t->rank != 2)
        return ig_infer_fail(x, "its input must be [N, F] or [F], not of rank %d",
                             t->rank);
    *rows = t->rank == 2 ? ig_type_dims(t)[0] : 1;
    *columns = ig_type_dims(t)[t->rank - 1];
    return IG_OK;
}

void igi_ml_matrix(const ig_tensor *t, int64_t *rows, int64_t *columns)
{
    *rows = ig_rank(t) == 2 ? ig_dims(t)[0] : 1;
    *columns = ig_dims(t)[ig_rank(t) - 1];
}

double igi_ml_dot(const ig_tensor *t, int64_t at, const float *w, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)w[i] * igi_ml_at(t, at + i);
    return sum;
}

/* ---- transforms ---- */

static double logistic(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double probit(double p)
{
    const double a = 0.147, x = 2 * p - 1, pi = 3.14159265358979323846;
    double l = log((1 - x) * (1 + x)), v = 2 / (pi * a) + 0.5 * l;
    if (x * x >= 1)
        return x * x > 1 ? (double)NAN : x * (double)INFINITY;
    double root = sqrt(sqrt(v * v - l / a) - v);
    return sqrt(2.0) * (x < 0 ? -root : root);
}

/* `zero`: scores of 0 stay 0 and do not count. */
static void softmax(double *s, int64_t n, bool zero)
{
    double most = -(double)INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = s[i] > most ? s[i] : most;
    for (int64_t i = 0; i < n; i++) {
        if (!zero || s[i] > 1e-7 || s[i] < -1e-7)
            s[i] = exp(s[i] - most);
        else
            s[i] *= exp(-most);
        sum += s[i];
    }
    for (int64_t i = 0; i < n; i++)
        s[i] = sum == 0 ? 0.5 : s[i] / sum; /* NaN stays NaN */
}

void igi_post_apply(igi_post post, double *scores, int64_t n)
{
    if (post == IGI_POST_SOFTMAX || post == IGI_POST_SOFTMAX_ZERO)
        softmax(scores, n, post == IGI_POST_SOFTMAX_ZERO);
    else if (post == IGI_POST_LOGISTIC || post == IGI_POST_PROBIT)
        for (int64_t i = 0; i < n; i++)
            scores[i] =
                post == IGI_POST_PROBIT ? probit(scores[i]) : logistic(scores[i]);
}

void igi_post_two(igi_post post, bool all_positive, double s, double out[2])
{
    const bool rest =
        post == IGI_POST_PROBIT || (post == IGI_POST_NONE && all_positive);
    out[0] = rest ? 1 - s : -s;
    out[1] = s;
    igi_post_apply(post, out, 2);
}

/* ---- labels ---- */

ig_status igi_labels_infer(ig_infer *x, int out, const igi_labels *l)
{
    if ((l->ints.v != NULL) == (l->strings.v != NULL) || igi_labels_count(l) == 0)
        return ig_infer_fail(x, "one list of class labels is needed, as integers or as "
                                "strings");
    return ig_infer_dtype(x, out, l->strings.v ? IG_STRING : IG_INT64);
}

ig_status igi_labels_put(
    ig_kernel_ctx *k, ig_tensor *y, int64_t i, const igi_labels *l, int64_t c)
{
    if (!y)
        return IG_OK;
    if (!l->strings.v) {
        ((int64_t *)ig_data(y))[i] = l->ints.v[c];
        return IG_OK;
    }
    const size_t n = strlen(l->strings.v[c]);
    IG_TRY(igi_string_charge(k, n));
    igi_str *s = igi_str_new(l->strings.v[c], n);
    if (!s)
        return ig_error_status();
    igi_string_put((igi_str **)ig_data(y) + i, s);
    igi_str_unref(s);
    return IG_OK;
}

int64_t igi_ml_argmax(const double *v, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return best;
}

double *igi_ml_alloc(int64_t n)
{
    return igi_alloc_array((size_t)n + 1, sizeof(double));
}

int64_t *igi_ml_ints(int64_t n)
{
    return igi_alloc_array((size_t)n + 1, sizeof(int64_t));
}

void igi_ml_free(void *p)
{
    igi_free(p);
}
