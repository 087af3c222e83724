/* The int8 table in plain C: "vectors" of one lane. */
#include "operators/cpu/compute/int8_isa.h"

#include <math.h>
#include <string.h>

#define Q_INLINE   static inline
#define Q_KEEP(p_) ((void)(p_))
#define Q_UNROLL
#define QNAME    "portable"
#define QTABLE   igi_int8_isa_portable
#define QW       1
#define QNV      4
#define QMR      4
#define QELEMENT 2

typedef int32_t qi;
typedef float qf;

Q_INLINE qi qi_set1(int32_t x)
{
    return x;
}
Q_INLINE qi qi_load(const void *p)
{
    qi v;
    memcpy(&v, p, sizeof(v));
    return v;
}
#define qi_splat qi_load
Q_INLINE void qi_store(void *p, qi v)
{
    memcpy(p, &v, sizeof(v));
}
Q_INLINE qi qi_add(qi a, qi b)
{
    return (qi)((uint32_t)a + (uint32_t)b);
}
Q_INLINE qi qi_sub(qi a, qi b)
{
    return (qi)((uint32_t)a - (uint32_t)b);
}
Q_INLINE qi qi_mul(qi a, qi b)
{
    return (qi)((uint32_t)a * (uint32_t)b);
}
/* Two pairs of 16-bit numbers. */
Q_INLINE qi qi_dot(qi acc, qi a, qi b)
{
    int16_t u[2], v[2];
    memcpy(u, &a, sizeof(u));
    memcpy(v, &b, sizeof(v));
    return qi_add(acc, u[0] * v[0] + u[1] * v[1]);
}
Q_INLINE qi qi_min(qi a, qi b)
{
    return a < b ? a : b;
}
Q_INLINE qi qi_max(qi a, qi b)
{
    return a > b ? a : b;
}
Q_INLINE qi qi_load_u8(const void *p)
{
    return *(const uint8_t *)p;
}
Q_INLINE qi qi_load_s8(const void *p)
{
    return *(const int8_t *)p;
}
Q_INLINE void qi_store_bytes(uint8_t *p, qi v)
{
    *p = (uint8_t)v;
}
/* To nearest even; NaN and what is too small gives INT32_MIN. */
Q_INLINE qi qi_from(qf v)
{
    return v > -2147483648.0f ? (qi)rintf(v) : INT32_MIN;
}
Q_INLINE qf qf_from(qi v)
{
    return (qf)v;
}
Q_INLINE qf qf_set1(float v)
{
    return v;
}
Q_INLINE qf qf_load(const float *p)
{
    return *p;
}
Q_INLINE void qf_store(float *p, qf v)
{
    *p = v;
}
Q_INLINE qf qf_add(qf a, qf b)
{
    return a + b;
}
Q_INLINE qf qf_sub(qf a, qf b)
{
    return a - b;
}
Q_INLINE qf qf_mul(qf a, qf b)
{
    return a * b;
}
Q_INLINE qf qf_div(qf a, qf b)
{
    return a / b;
}
Q_INLINE qf qf_min(qf a, qf b)
{
    return a < b ? a : b;
}
Q_INLINE qf qf_max(qf a, qf b)
{
    return a > b ? a : b;
}

#include "operators/cpu/compute/int8.inc.h"
