/* Any bytes as a .safetensors file: an error, or tensors whose memory is all there. */
#include <stdlib.h>

#include "importers/data/safetensors.h"
#include "tests/support/fuzz.h"

static ig_status touch(void *user, const char *name, ig_tensor *t)
{
    const unsigned char *p = ig_tensor_data(t);
    unsigned *sum = user;
    for (size_t i = 0; i < ig_tensor_nbytes(t); i++)
        *sum += p[i];
    for (; *name; name++)
        *sum += (unsigned char)*name;
    return IG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned sum = 0;
    ig_status rc = igi_safetensors_read_bytes(data, size, NULL, touch, &sum);
    if (rc == IG_INTERNAL || (rc != IG_OK && !*ig_error_message()))
        abort();
    return 0;
}
