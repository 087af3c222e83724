/* Any bytes as an ONNX model that is loaded, optimised and run on made-up inputs with
 * tight limits: an error with a message, or results; twice the same ones. */
#include <stdlib.h>
#include <string.h>

#include <ingot/ingot.h>

#include "graph/core/dtype.h"
#include "graph/core/tensor.h"
#include "tests/support/fuzz.h"

enum { MOST = 16, ELEMENTS = 4096 };

#define LIMITS                                                                         \
    {                                                                                  \
        .memory_bytes = 1 << 24, .tensor_bytes = 1 << 20, .nodes = 500                 \
    }

/* Small numbers, among them 0, negatives and some that are no index of anything. */
static ig_tensor *made_up(const ig_type *t, unsigned seed)
{
    int64_t dims[IG_RANK_MAX], count = 1;
    ig_tensor *out = NULL;
    if (t->kind != IG_KIND_TENSOR || t->rank < 0 || t->dtype == IG_STRING)
        return NULL;
    for (int i = 0; i < t->rank; i++) {
        int64_t d = ig_type_dims(t)[i];
        dims[i] = d >= 0 ? d : (int64_t)(seed + (unsigned)i) % 4;
        if (dims[i] > ELEMENTS || (count *= dims[i]) > ELEMENTS)
            return NULL;
    }
    if (ig_tensor_new(&out, (ig_dtype)t->dtype, t->rank, dims) != IG_OK)
        return NULL;
    memset(ig_tensor_data(out), 0, ig_tensor_nbytes(out));
    for (int64_t i = 0; i < count; i++) {
        int64_t v =
            (int64_t)((seed * 2654435761u + (unsigned)i * 40503u) >> 7) % 11 - 3;
        if (ig_dtype_bits((ig_dtype)t->dtype) <= 64)
            igi_put_i64((ig_dtype)t->dtype, ig_tensor_data(out), i, v);
    }
    return out;
}

static ig_status run(ig_model *m, ig_tensor **in, ig_tensor **out)
{
    ig_run_opts o = {.deadline_s = 2, .limits = LIMITS};
    ig_tensor **at[MOST];
    for (int i = 0; i < MOST; i++)
        at[i] = &out[i];
    return ig_model_run(m, (ig_inputs){ig_model_n_inputs(m), in},
                        (ig_outputs){ig_model_n_outputs(m), at}, &o);
}

/* NaN has many forms, and a deadline may come in one of the runs: only bytes of runs
 * that succeed are compared. */
static void compare(ig_model *m, ig_tensor **a, ig_tensor **b)
{
    for (int i = 0; i < ig_model_n_outputs(m); i++)
        if (a[i] && b[i] && ig_tensor_dtype(a[i]) != IG_STRING &&
            (!igi_type_equal(&a[i]->v.type, &b[i]->v.type) ||
             memcmp(ig_tensor_data(a[i]), ig_tensor_data(b[i]),
                    ig_tensor_nbytes(a[i])) != 0))
            abort();
}

static void try_model(ig_model *m)
{
    ig_tensor *in[MOST] = {0}, *out[2][MOST] = {{0}};
    bool ready = ig_model_n_inputs(m) <= MOST && ig_model_n_outputs(m) <= MOST;
    for (int i = 0; ready && i < ig_model_n_inputs(m); i++)
        ready = (in[i] = made_up(ig_model_input_type(m, i), (unsigned)i + 1)) != NULL;
    if (ready) {
        ig_status first = run(m, in, out[0]);
        if (first != IG_OK && (!*ig_error_message() || first == IG_INTERNAL))
            abort();
        if (first == IG_OK && run(m, in, out[1]) == IG_OK)
            compare(m, out[0], out[1]);
    }
    for (int i = 0; i < MOST; i++) {
        ig_tensor_unref(in[i]);
        ig_tensor_unref(out[0][i]);
        ig_tensor_unref(out[1][i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ig_model *m = NULL;
    ig_model_opts o = {.threads = 1, .limits = LIMITS};
    ig_status rc = ig_model_load_bytes(&m, data, size, NULL, NULL, &o);
    if (rc == IG_OK)
        try_model(m);
    else if (m || !*ig_error_message() || rc == IG_INTERNAL)
        abort();
    ig_model_free(m);
    return 0;
}
