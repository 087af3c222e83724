/* Memory of the host for the plugin's states: its own, since the plugin ABI has no
 * allocator. */
#include <stdlib.h>

#include "operators/gpu/cuda.h"

void *gpu_heap(size_t count, size_t size)
{
    return calloc(count, size);
}

void gpu_heap_free(void *p)
{
    free(p);
}
