/* Numbers of every type as signed integers of their size that order as they do: NaN is
 * above all, -0 as 0. */
#ifndef OPERATORS_CPU_COMPUTE_KEYS_H
#define OPERATORS_CPU_COMPUTE_KEYS_H

#include <stdint.h>

typedef enum igi_key {
    IGI_KEY_I8 = 0,
    IGI_KEY_I16,
    IGI_KEY_I32,
    IGI_KEY_I64,
    IGI_KEY_U8,
    IGI_KEY_U16,
    IGI_KEY_U32,
    IGI_KEY_U64,
    IGI_KEY_F16,
    IGI_KEY_BF16,
    IGI_KEY_F32,
    IGI_KEY_F64,
    IGI_KEY_COUNT
} igi_key;

/* Each as ROW_(name, integer type, key of its bits b). Floats are sign and magnitude;
 * without branches, so that loops become vectors. */
#define IGI_KEY_INT_(T_, b)              (b)
#define IGI_KEY_UINT_(T_, b)             ((T_)((b) ^ (T_)((uint64_t)1 << (8 * sizeof(T_) - 1))))
#define IGI_KEY_SIGN_(T_, b)             ((T_)((b) >> (8 * sizeof(T_) - 1))) /* -1 or 0 */
#define IGI_KEY_NAN_(T_, b, most_, inf_) ((T_) - (T_)(((b) & (most_)) > (inf_)))
#define IGI_KEY_FLOAT_(T_, b, most_, inf_)                                             \
    ((T_)((((((b) & (most_)) ^ IGI_KEY_SIGN_(T_, b)) - IGI_KEY_SIGN_(T_, b)) &         \
           ~IGI_KEY_NAN_(T_, b, most_, inf_)) |                                        \
          ((most_)&IGI_KEY_NAN_(T_, b, most_, inf_))))
#define IGI_KEY_F16_(T_, b)  IGI_KEY_FLOAT_(T_, b, INT16_MAX, 0x7c00)
#define IGI_KEY_BF16_(T_, b) IGI_KEY_FLOAT_(T_, b, INT16_MAX, 0x7f80)
#define IGI_KEY_F32_(T_, b)  IGI_KEY_FLOAT_(T_, b, INT32_MAX, 0x7f800000)
#define IGI_KEY_F64_(T_, b)                                                            \
    IGI_KEY_FLOAT_(T_, b, INT64_MAX, INT64_C(0x7ff0000000000000))
/* ORDER: igi_key */
#define IGI_KEY_ROWS(ROW_)                                                             \
    ROW_(i8, int8_t, IGI_KEY_INT_)                                                     \
    ROW_(i16, int16_t, IGI_KEY_INT_)                                                   \
    ROW_(i32, int32_t, IGI_KEY_INT_)                                                   \
    ROW_(i64, int64_t, IGI_KEY_INT_)                                                   \
    ROW_(u8, int8_t, IGI_KEY_UINT_)                                                    \
    ROW_(u16, int16_t, IGI_KEY_UINT_)                                                  \
    ROW_(u32, int32_t, IGI_KEY_UINT_)                                                  \
    ROW_(u64, int64_t, IGI_KEY_UINT_)                                                  \
    ROW_(f16, int16_t, IGI_KEY_F16_)                                                   \
    ROW_(bf16, int16_t, IGI_KEY_BF16_)                                                 \
    ROW_(f32, int32_t, IGI_KEY_F32_)                                                   \
    ROW_(f64, int64_t, IGI_KEY_F64_)

/* The first i of [from, n) with key(x[i]) ^ flip above `than`, or n. */
typedef int64_t (*igi_key_above_fn)(
    const void *x, int64_t from, int64_t n, int64_t flip, int64_t than);

#endif
