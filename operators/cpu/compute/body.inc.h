/* Everything that exists once per instruction set. isa_*.c includes this after the
 * vector type, with IGI_CPU_TABLE naming the table to define; all functions are static.
 */

#if defined(__clang__)
#define VEC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define VEC_UNROLL _Pragma("GCC unroll 16")
#endif
/* Hides where a pointer comes from. */
#define VEC_KEEP(p_) __asm__ volatile("" : "+r"(p_))

#include "operators/cpu/compute/vecmath.inc.h"

#include "operators/cpu/compute/binary.inc.h"

#include "operators/cpu/compute/gemm.inc.h"

#include "operators/cpu/compute/gemm_few.inc.h"
#include "operators/cpu/compute/gemm_small.inc.h"

#include "operators/cpu/compute/nbits.inc.h"

#include "operators/cpu/compute/reduce.inc.h"

#include "operators/cpu/compute/keys.inc.h"

#include "operators/cpu/compute/boxes.inc.h"

#include "operators/cpu/compute/rows.inc.h"

#include "operators/cpu/compute/pool.inc.h"

#include "operators/cpu/compute/region.inc.h"

#include "operators/cpu/compute/f64.inc.h"

#include "operators/cpu/compute/half.inc.h"

#include "operators/cpu/compute/transpose.inc.h"

#include "operators/cpu/compute/recurrent.inc.h"
#include "operators/cpu/compute/step.inc.h"

#include "operators/cpu/compute/patches.inc.h"

#include "operators/cpu/compute/depthwise.inc.h"

#include "operators/cpu/compute/winograd.inc.h"

#include "operators/cpu/compute/fft.inc.h"

#define BINARY_ROW(name_)                                                              \
    {                                                                                  \
        binary_##name_##_vv, binary_##name_##_vs, binary_##name_##_sv                  \
    }

static const igi_cpu_isa igi_cpu_table = {
    .name = VEC_NAME,
    .level = VEC_LEVEL,
    .vector = VW,
    .gemm_panel = GEMM_PANEL,
    .gemm_rows = GEMM_MR,
    .unary = UNARY_TABLE,
    .binary = /* ORDER: binary */
    {
        [IGI_BINARY_ADD] = BINARY_ROW(add),
        [IGI_BINARY_SUB] = BINARY_ROW(sub),
        [IGI_BINARY_MUL] = BINARY_ROW(mul),
        [IGI_BINARY_DIV] = BINARY_ROW(div),
        [IGI_BINARY_MIN] = BINARY_ROW(min),
        [IGI_BINARY_MAX] = BINARY_ROW(max),
        [IGI_BINARY_POW] = BINARY_ROW(pow),
    },
    .binary_f64 = F64_TABLE,
    .gemm = gemm,
    .gemm_dot = gemm_dot,
    .gemm_few = gemm_few,
    .gemm_f64 = gemm_f64,
    .nbits_rows = nbits_rows,
    .nbits_panel = nbits_panel,
    .reduce = reduce,
    .reduce_blocks = reduce_blocks,
    .reduce_combine = reduce_combine,
    .reduce_axis = reduce_axis,
    .reduce_axis_f64 = reduce_axis_f64,
    .argmax = argmax,
    .argmin = argmin,
    .arg_columns = arg_columns,
    .key_above = KEY_TABLE,
    .exp_sum = exp_sum_row,
    .softmax_row = softmax_row,
    .log_softmax_row = log_softmax_row,
    .layer_norm_row = layer_norm_row,
    .rms_norm_row = rms_norm_row,
    .moments = moments,
    .standard_row = standard_row,
    .widen_f16 = widen_f16,
    .widen_bf16 = widen_bf16,
    .narrow_f16 = narrow_f16,
    .narrow_bf16 = narrow_bf16,
    .transpose_32 = transpose_32,
    .patches = patches,
    .add_rows = add_rows,
    .depthwise = depthwise,
    .winograd_weights = winograd_weights,
    .winograd_input = winograd_input,
    .winograd_output = winograd_output,
    .fft = fft_lines,
    .fft_times = fft_times,
    .fft_weigh = fft_weigh,
    .fft_unpack = fft_unpack,
    .cell_block = VW,
    .cell_step = cell_step,
    .region = region,
    .adam = adam,
    .relu_grad = relu_grad,
    .max_pool_row = max_pool_row,
    .avg_pool_row = avg_pool_row,
    .global_avg_pool = global_avg_pool,
    .overlaps = overlaps,
};

const igi_cpu_isa *IGI_CPU_TABLE(void)
{
    return &igi_cpu_table;
}
