/* What the operators of domain ai.onnx.ml share: feature matrices, class labels, and
 * transforms of scores. */
#ifndef OPERATORS_COMMON_ML_H
#define OPERATORS_COMMON_ML_H

#include "operators/common.h"

#define IGI_ML_DOMAIN  "ai.onnx.ml"
#define IGI_ML_NUMBERS (IG_T(FLOAT32) | IG_T(FLOAT64) | IG_T(INT32) | IG_T(INT64))

/* ---- matrices: [N, F], or [F] as one row ---- */

/* Sizes; -1 for both where the rank is unknown. */
ig_status igi_ml_infer_matrix(ig_infer *x, int port, int64_t *rows, int64_t *columns);
/* Rows and columns of such a tensor. */
void igi_ml_matrix(const ig_tensor *t, int64_t *rows, int64_t *columns);
/* Element i as a number. */
static inline double igi_ml_at(const ig_tensor *t, int64_t i)
{
    return igi_get_f64(ig_dtype_of(t), ig_data(t), i);
}
/* sum of w[i] * t[at + i] */
double igi_ml_dot(const ig_tensor *t, int64_t at, const float *w, int64_t n);

/* ---- transforms ---- */

/* ORDER: post transform */
typedef enum igi_post {
    IGI_POST_NONE = 0,
    IGI_POST_SOFTMAX,
    IGI_POST_LOGISTIC,
    IGI_POST_SOFTMAX_ZERO, /* of the scores that are not 0 */
    IGI_POST_PROBIT        /* Winitzki's approximation, as other runtimes have it */
} igi_post;
extern const char *const igi_post_names[];
#define IGI_ATTR_POST(S_)                                                              \
    IG_ATTR_ENUM(S_, post_transform, 0, igi_post_names,                                \
                 "Of the scores: NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT.")
/* In place. */
void igi_post_apply(igi_post post, double *scores, int64_t n);
/* The scores of two classes from the one score s of the second: -s and s, or 1 - s and
 * s before a probit, and when nothing is transformed and all weights are positive. */
void igi_post_two(igi_post post, bool all_positive, double s, double out[2]);

/* ---- labels ---- */

typedef struct igi_labels {
    ig_ints ints;
    ig_strings strings;
} igi_labels;
/* Number of labels. */
static inline int64_t igi_labels_count(const igi_labels *l)
{
    return l->strings.v ? l->strings.n : l->ints.n;
}
/* Element type of output `out`; an error when both lists are there, or none. */
ig_status igi_labels_infer(ig_infer *x, int out, const igi_labels *l);
/* Element i of y: label number c. */
ig_status igi_labels_put(
    ig_kernel_ctx *k, ig_tensor *y, int64_t i, const igi_labels *l, int64_t c);
/* Index of the largest of n >= 1 scores, the first of equals. */
int64_t igi_ml_argmax(const double *v, int64_t n);

/* Scratch of references, freed by igi_ml_free; NULL with a record. */
double *igi_ml_alloc(int64_t n);
int64_t *igi_ml_ints(int64_t n);
void igi_ml_free(void *p);

#endif
