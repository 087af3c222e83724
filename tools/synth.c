/* Made-up tensors: zeros, ones, random. Random floats lie in [0, 1), random integers
 * are 0 or 1, which are valid as indices, masks and token numbers in most models. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/status.h"
#include "tools/inputs.h"

bool inputs_is_word(const char *word)
{
    return !strcmp(word, "zeros") || !strcmp(word, "ones") || !strcmp(word, "random") ||
           !strncmp(word, "random:", 7);
}

/* splitmix64: any seed is as good as any other. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void fill_random(ig_tensor *t, uint64_t seed)
{
    ig_dtype dtype = ig_tensor_dtype(t);
    bool real =
        igi_dtype_is_float(dtype) || dtype == IG_COMPLEX64 || dtype == IG_COMPLEX128;
    int64_t n = ig_tensor_numel(t);
    for (int64_t i = 0; i < n; i++) {
        uint64_t r = next(&seed);
        igi_put_f64(dtype, ig_tensor_data(t), i,
                    real ? (double)(r >> 40) * 0x1p-24 : (double)(r >> 63));
    }
}

ig_status inputs_synthesise(ig_tensor **out, const ig_type *type, const char *word)
{
    uint64_t seed = 0;
    char *end = NULL;
    if (!strncmp(word, "random:", 7)) {
        errno = 0;
        seed = strtoull(word + 7, &end, 10);
        if (errno || *end || end == word + 7)
            return ig_fail(IG_INVALID_ARGUMENT, "'%s': the seed is no number", word);
    }
    IG_TRY(ig_tensor_new(out, (ig_dtype)type->dtype, type->rank, ig_type_dims(type)));
    if (type->dtype == IG_STRING)
        return IG_OK;
    if (word[0] == 'r')
        fill_random(*out, seed);
    else if (word[0] == 'o')
        for (int64_t i = 0; i < ig_tensor_numel(*out); i++)
            igi_put_f64((ig_dtype)type->dtype, ig_tensor_data(*out), i, 1);
    return IG_OK;
}
