// MelWeightMatrix: triangles over the bins of a spectrum, evenly spaced on the mel
// scale.
//
//   mel(f) = 2595 log10(1 + f / 700)
//
// Column i rises from edge i to 1 at edge i + 1 and falls to 0 at edge i + 2, edges
// being rounded down to bins. Bins outside the spectrum are left out.

#include "operators/common_taper.h"

typedef struct mel_attrs {
    uint32_t struct_size;
    int64_t output_datatype;
} mel_attrs;

static const ig_port inputs[] = {
    IG_PORT("num_mel_bins", 'I', "A scalar: columns.", .flags = IG_VALUE),
    IG_PORT("dft_length",
            'I',
            "A scalar: length of the transform; half of it and 1 are rows.",
            .flags = IG_VALUE),
    IG_PORT("sample_rate", 'I', "A scalar, in hertz."),
    IG_PORT("lower_edge_hertz",
            'F',
            "A scalar: where the first rises.",
            .flags = IG_NODIFF),
    IG_PORT(
        "upper_edge_hertz", 'F', "A scalar: where the last ends.", .flags = IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "[dft_length / 2 + 1, num_mel_bins].", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {
    {'I', IG_T(INT32) | IG_T(INT64)},
    {'F', IG_FLOATS},
    {'T', IG_NUMERIC},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_DTYPE(mel_attrs, output_datatype, IG_FLOAT32, "Element type."),
    {0},
};

static ig_status mel_infer(ig_infer *x)
{
    int64_t dims[2] = {-1, -1};
    IG_TRY(ig_infer_dtype(x, 0, ((const mel_attrs *)x->attrs)->output_datatype));
    for (int i = 0; i < 2; i++) {
        if (x->in[1 - i]->rank >= 0)
            IG_TRY(igi_infer_size(x, 1 - i, &dims[i]));
        if (dims[i] == -1)
            dims[i] = ig_dim_fresh(x->syms);
        else if (i == 0)
            dims[i] = ig_dim_add(x->syms, ig_dim_div(x->syms, dims[i], 2), 1);
    }
    return ig_infer_set(x, 0, 2, dims);
}

static double mel(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

// The bins of the n + 2 edges.
static ig_status find_edges(ig_kernel_ctx *k, int64_t n, int64_t *edge)
{
    double dft = (double)igi_scalar_i64(ig_in(k, 1), 0);
    int64_t rate = igi_scalar_i64(ig_in(k, 2), 0);
    double low = mel(igi_scalar_f64(ig_in(k, 3), 0)),
           high = mel(igi_scalar_f64(ig_in(k, 4), 0));
    if (rate <= 0 || !(low == low) || !(high == high))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "sample_rate must be positive and the edges above -700");
    for (int64_t i = 0; i < n + 2; i++) {
        double at = (double)i * ((high - low) / (double)(n + 2)) + low;
        double hertz = 700 * (pow(10, at / 2595) - 1);
        edge[i] = igi_f64_to_i64(floor((dft + 1) * hertz / (double)rate));
    }
    return IG_OK;
}

static void put(const ig_tensor *y, int64_t row, int64_t column, double v)
{
    if (row >= 0 && row < ig_dims(y)[0])
        igi_put_cut(y, row * ig_dims(y)[1] + column, v);
}

static int64_t clamp(int64_t v, int64_t hi)
{
    return v < 0 ? 0 : v > hi ? hi : v;
}

static ig_status mel_reference(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    int64_t rows = ig_dims(y)[0], n = ig_dims(y)[1];
    int64_t *edge = igi_calloc((size_t)n + 2, sizeof(*edge));
    if (!edge)
        return IG_OUT_OF_MEMORY;
    ig_status rc = find_edges(k, n, edge);
    igi_fill_zero(y);
    for (int64_t i = 0; i < n && rc == IG_OK; i++) {
        int64_t low = edge[i], center = edge[i + 1], high = edge[i + 2];
        double rise = (double)center - (double)low,
               fall = (double)high - (double)center;
        if (low == center)
            put(y, center, i, 1);
        for (int64_t j = clamp(low, rows); rise > 0 && j < clamp(center, rows); j++)
            put(y, j, i, ((double)j - (double)low) / rise);
        if (rise > 0)
            put(y, center, i, 1);
        for (int64_t j = clamp(center, rows); fall > 0 && j < clamp(high, rows); j++)
            put(y, j, i, ((double)high - (double)j) / fall);
    }
    igi_free(edge);
    return rc;
}

#define INT(v_)                                                                        \
    {                                                                                  \
        .rank = 0, .data = (const double[])                                            \
        {                                                                              \
            v_                                                                         \
        }                                                                              \
    }
#define HERTZ(v_)                                                                      \
    {                                                                                  \
        .rank = 0, .dtype = IG_FLOAT32, .data = (const double[])                       \
        {                                                                              \
            v_                                                                         \
        }                                                                              \
    }
static const mel_attrs doubles = {sizeof(mel_attrs), IG_FLOAT64};
static const ig_sample samples[] = {
    {.name = "eight_bins",
     IGI_INPUTS(INT(8), INT(16), INT(8192), HERTZ(0), HERTZ(4096))},
    {.name = "doubles",
     .attrs = &doubles,
     IGI_INPUTS(INT(5), INT(64), INT(16000), HERTZ(125), HERTZ(7600))},
    {.name = "beyond_the_spectrum",
     IGI_INPUTS(INT(4), INT(8), INT(100), HERTZ(0), HERTZ(4000))},
    {.name = "no_bins", IGI_INPUTS(INT(0), INT(8), INT(100), HERTZ(0), HERTZ(40))},
    {0},
};

IG_OPERATOR(MelWeightMatrix) = {
    IG_OP_HEAD,
    .name = "MelWeightMatrix",
    .since = 17,
    .doc = "Triangles over the bins of a spectrum, evenly spaced on the mel scale: a "
           "matrix that turns spectra into mel spectra.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(mel_attrs),
    .infer = mel_infer,
    .gradient = ig_gradient_none,
    .reference = mel_reference,
    .samples = samples,
};
