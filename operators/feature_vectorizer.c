/* FeatureVectorizer: the inputs [N, C] side by side, each cut or padded with 0 to its
 * entry of inputdimensions; a vector is one row. */
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    ig_ints inputdimensions;
} vectorizer_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(vectorizer_attrs,
                 inputdimensions,
                 "Columns of each input in the output; absent: all that it has.",
                 .min = 0,
                 .max = INT32_MAX),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Feature matrices.", .flags = IG_VARIADIC), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'F', "All features [N, sum of the columns]."), {0}};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS}, {'F', IG_T(FLOAT32)}, {0}};

static ig_status vectorizer_infer(ig_infer *x)
{
    const vectorizer_attrs *a = x->attrs;
    int64_t dims[2] = {-1, 0};
    if (a->inputdimensions.v && a->inputdimensions.n != x->n_in)
        return ig_infer_fail(x, "inputdimensions has %lld items for %d inputs",
                             (long long)a->inputdimensions.n, x->n_in);
    for (int i = 0; i < x->n_in; i++) {
        int64_t rows, columns;
        IG_TRY(igi_ml_infer_matrix(x, i, &rows, &columns));
        if (i == 0)
            dims[0] = rows;
        IG_TRY(ig_infer_equal(x, dims[0], rows, "rows of the inputs", &dims[0]));
        dims[1] = ig_dim_add(x->syms, dims[1],
                             a->inputdimensions.v ? a->inputdimensions.v[i] : columns);
    }
    return ig_infer_set(x, 0, 2, dims);
}

static ig_status vectorizer_reference(ig_kernel_ctx *k)
{
    const vectorizer_attrs *a = k->attrs;
    float *y = ig_data(ig_out(k, 0));
    const int64_t width = ig_dims(ig_out(k, 0))[1];
    int64_t at = 0;
    for (int i = 0; i < k->n_in; i++) {
        const ig_tensor *x = ig_in(k, i);
        int64_t rows, columns;
        igi_ml_matrix(x, &rows, &columns);
        int64_t keep = a->inputdimensions.v ? a->inputdimensions.v[i] : columns;
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < keep; c++)
                y[r * width + at + c] =
                    c < columns ? (float)igi_ml_at(x, r * columns + c) : 0;
        at += keep;
    }
    return IG_OK;
}

static const vectorizer_attrs cut = {.struct_size = sizeof(vectorizer_attrs),
                                     .inputdimensions = {2, (const int64_t[]){2, 5}}};
static const ig_sample samples[] = {
    {.name = "whole", IGI_INPUTS(IGI_IN(2, 3), IGI_IN(2, 1), IGI_IN(2, 2))},
    {.name = "cut_and_padded", .attrs = &cut, IGI_INPUTS(IGI_IN(2, 3), IGI_IN(2, 4))},
    {.name = "vectors", IGI_INPUTS(IGI_IN(3), IGI_IN(1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2), IGI_IN(0, 1))},
    {0},
};

IG_OPERATOR(FeatureVectorizer) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "FeatureVectorizer",
    .since = 1,
    .doc = "Joins feature matrices along their second axis, as float32.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(vectorizer_attrs),
    .infer = vectorizer_infer,
    .gradient = ig_gradient_forbidden,
    .reference = vectorizer_reference,
    .samples = samples,
};
