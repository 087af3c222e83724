/* Products of strided matrices for references: one row of the result at a time, in
 * chunks of columns that accumulate on the stack. Floats accumulate in double, integers
 * modulo 2^64, which gives the right low bits for every width. */
#ifndef OPERATORS_COMMON_GEMM_H
#define OPERATORS_COMMON_GEMM_H

#include "operators/common_float.h"

typedef struct igi_matrix {
    const void *data;
    int64_t at, rs, cs; /* first element, row and column stride, in elements */
} igi_matrix;

typedef struct igi_product { /* a[m][depth] * b[depth][n] */
    igi_matrix a, b;
    int64_t m, n, depth;
    igi_pace pace;
} igi_product;

/* acc[j] = sum over k of a[row][k] * b[k][col + j], 0 <= j < n <= IGI_CHUNK. Polls. */
IGI_INLINE ig_status igi_product_float(
    ig_dtype T, igi_product *p, int64_t row, int64_t col, int64_t n, double *acc)
{
    const igi_matrix *a = &p->a, *b = &p->b;
    IG_TRY(igi_pace_go(&p->pace, p->depth * (n / 16 + 1)));
    for (int64_t j = 0; j < n; j++)
        acc[j] = 0;
    if (b->rs == 1 && b->cs != 1) { /* columns of b are contiguous: dot products */
        igi_line x = {a->data, a->at + row * a->rs, a->cs};
        for (int64_t j = 0; j < n; j++) {
            igi_line y = {b->data, b->at + (col + j) * b->cs, 1};
            acc[j] = igi_dot(T, x, y, p->depth);
        }
        return IG_OK;
    }
    for (int64_t k = 0; k < p->depth; k++) {
        double v = igi_load(T, a->data, a->at + row * a->rs + k * a->cs);
        igi_line y = {b->data, b->at + k * b->rs + col * b->cs, b->cs};
        igi_axpy(T, acc, v, y, n);
    }
    return IG_OK;
}

/* 32- and 64-bit integers by their width; signed ones of 32 bits are sign-extended. */
IGI_INLINE uint64_t igi_load_int(ig_dtype type, const void *p, int64_t i)
{
    switch (type) {
    case IG_INT32:
        return (uint64_t)(int64_t)((const int32_t *)p)[i];
    case IG_UINT32:
        return ((const uint32_t *)p)[i];
    default:
        return ((const uint64_t *)p)[i];
    }
}

IGI_INLINE void igi_store_int(ig_dtype type, void *p, int64_t i, uint64_t v)
{
    if (type == IG_INT32 || type == IG_UINT32)
        ((uint32_t *)p)[i] = (uint32_t)v;
    else
        ((uint64_t *)p)[i] = v;
}

IGI_INLINE ig_status igi_product_int(
    ig_dtype T, igi_product *p, int64_t row, int64_t col, int64_t n, uint64_t *acc)
{
    const igi_matrix *a = &p->a, *b = &p->b;
    IG_TRY(igi_pace_go(&p->pace, p->depth * (n / 16 + 1)));
    for (int64_t j = 0; j < n; j++)
        acc[j] = 0;
    for (int64_t k = 0; k < p->depth; k++) {
        uint64_t v = igi_load_int(T, a->data, a->at + row * a->rs + k * a->cs);
        int64_t from = b->at + k * b->rs + col * b->cs;
        for (int64_t j = 0; j < n; j++)
            acc[j] += v * igi_load_int(T, b->data, from + j * b->cs);
    }
    return IG_OK;
}

/* The integer cases beside IGI_EACH_FLOAT. */
#define IGI_EACH_WIDE_INT(...)                                                         \
    IGI_EACH_CASE_(IG_INT32, __VA_ARGS__)                                              \
    IGI_EACH_CASE_(IG_UINT32, __VA_ARGS__)                                             \
    IGI_EACH_CASE_(IG_INT64, __VA_ARGS__)                                              \
    IGI_EACH_CASE_(IG_UINT64, __VA_ARGS__)

#endif
