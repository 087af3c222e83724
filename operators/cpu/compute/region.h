/* Cells over regions of interest: what igi_cpu_isa's `region` is given. */
#ifndef OPERATORS_CPU_COMPUTE_REGION_H
#define OPERATORS_CPU_COMPUTE_REGION_H

#include <stdint.h>

/* Weighted sums of a grid of cells over a plane of rows `ld` apart, by rows first: the
 * weight of an element is that of its row times that of its column. Columns count from
 * `low`. */
typedef struct igi_region {
    int64_t rows, columns; /* cells */
    int64_t ld;
    const int32_t *row_taps;   /* [rows] */
    const int32_t *row_index;  /* [rows][row_ld]: rows of the plane */
    const float *row_weight;   /* [rows][row_ld] */
    int64_t row_ld, low, wide; /* columns [low, low + wide) are read */
    int64_t column_taps;
    const int32_t *column_index; /* [column_taps] */
    const float *column_weight;  /* [column_taps][column_ld]: of each cell */
    int64_t column_ld;           /* a multiple of `vector`, zero behind the cells */
    float *mixed;                /* IGI_REGION_ROWS * wide floats */
} igi_region;

/* Rows of cells whose columns are summed together. */
#define IGI_REGION_ROWS 8

#endif
