/* Support vector machines: kernels between rows of features and vectors. */
#ifndef OPERATORS_COMMON_SVM_H
#define OPERATORS_COMMON_SVM_H

#include "operators/common_ml.h"

/* ORDER: svm kernel */
typedef enum igi_svm_kernel {
    IGI_SVM_LINEAR = 0, /* x.v */
    IGI_SVM_POLY,       /* (gamma x.v + coef0)^degree */
    IGI_SVM_RBF,        /* exp(-gamma |x - v|^2) */
    IGI_SVM_SIGMOID     /* tanh(gamma x.v + coef0) */
} igi_svm_kernel;
extern const char *const igi_svm_kernel_names[];
#define IGI_SVM_ATTRS(S_)                                                              \
    IG_ATTR_ENUM(S_, kernel_type, 0, igi_svm_kernel_names,                             \
                 "LINEAR, POLY, RBF or SIGMOID."),                                     \
        IG_ATTR_FLOATS(S_, kernel_params, "gamma, coef0, degree; absent: 0."),         \
        IG_ATTR_FLOATS(S_, coefficients, "Weights of the support vectors."),           \
        IG_ATTR_FLOATS(S_, support_vectors, "Vectors, one after the other."),          \
        IG_ATTR_FLOATS(S_, rho, "Added to each decision."), IGI_ATTR_POST(S_)

/* The kernel of row x[at..] with v, both of n features. */
double igi_svm_kernel_of(igi_svm_kernel kind,
                         const ig_floats *params,
                         const ig_tensor *x,
                         int64_t at,
                         const float *v,
                         int64_t n);

#endif
