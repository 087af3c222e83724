// Kernels of support vector machines.

#include "operators/common_svm.h"

/* ORDER: svm kernel */
const char *const igi_svm_kernel_names[] = {"LINEAR", "POLY", "RBF", "SIGMOID", NULL};

static double param(const ig_floats *params, int64_t i)
{
    return i < params->n ? (double)params->v[i] : 0;
}

double igi_svm_kernel_of(igi_svm_kernel kind,
                         const ig_floats *params,
                         const ig_tensor *x,
                         int64_t at,
                         const float *v,
                         int64_t n)
{
    const double gamma = param(params, 0), coef0 = param(params, 1);
    double sum = 0;
    if (kind != IGI_SVM_RBF) {
        sum = igi_ml_dot(x, at, v, n);
    } else {
        for (int64_t i = 0; i < n; i++) {
            double d = igi_ml_at(x, at + i) - (double)v[i];
            sum += d * d;
        }
    }
    switch (kind) {
    case IGI_SVM_POLY:
        return pow(gamma * sum + coef0, trunc(param(params, 2)));
    case IGI_SVM_RBF:
        return exp(-gamma * sum);
    case IGI_SVM_SIGMOID:
        return tanh(gamma * sum + coef0);
    default:
        return sum;
    }
}
