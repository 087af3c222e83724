/* The variant for every CPU: the compiler's 16-byte vectors. */
#include "operators/cpu/compute/isa.h"

#include <math.h>
#include <string.h>

#include "graph/core/dtype.h"

#define VEC_INLINE    static inline __attribute__((always_inline))
#define IGI_CPU_TABLE igi_cpu_isa_portable

#include "operators/cpu/compute/vec_portable.h"

#include "operators/cpu/compute/body.inc.h"
