/* Cells of regions of interest: rows of the plane are mixed, a vector of columns a
 * step; then the mixed rows times the weights of columns, a vector of cells a step. */

/* mixed[wide] of one row of cells. */
static void region_mix(const igi_region *r, int64_t row, float *mixed, const float *x)
{
    const int32_t *index = r->row_index + row * r->row_ld;
    const float *weight = r->row_weight + row * r->row_ld;
    for (int64_t i = 0; i < r->wide; i += VW) {
        const bool masked = r->wide - i < VW;
        const vm tail = vtail(masked ? r->wide - i : VW);
        vf acc = vset1(0.0f);
        for (int64_t t = 0; t < r->row_taps[row]; t++) {
            const float *from = x + index[t] * r->ld + r->low + i;
            acc = vfma(vset1(weight[t]), gemm_load(from, masked, tail), acc);
        }
        if (masked)
            vstore_tail(mixed + i, tail, acc);
        else
            vstore(mixed + i, acc);
    }
}

/* Cells [cell, cell + VW) of n rows; rows from n on are copies of the last. */
VEC_INLINE void region_cells(const igi_region *r, int64_t n, int64_t cell, float *y)
{
    const float *from[IGI_REGION_ROWS];
    vf acc[IGI_REGION_ROWS];
    VEC_UNROLL
    for (int i = 0; i < IGI_REGION_ROWS; i++) {
        from[i] = r->mixed + (i < n ? i : n - 1) * r->wide;
        acc[i] = vset1(0.0f);
    }
    for (int64_t t = 0; t < r->column_taps; t++) {
        const vf weight = vload(r->column_weight + t * r->column_ld + cell);
        const int64_t at = r->column_index[t] - r->low;
        VEC_UNROLL
        for (int i = 0; i < IGI_REGION_ROWS; i++)
            acc[i] = vfma(vset1(from[i][at]), weight, acc[i]);
    }
    const vm tail = vtail(r->columns - cell < VW ? r->columns - cell : VW);
    VEC_UNROLL
    for (int i = 0; i < IGI_REGION_ROWS; i++)
        if (i < n)
            vstore_tail(y + i * r->columns + cell, tail, acc[i]);
}

static void region(const igi_region *r, float *y, const float *x)
{
    for (int64_t row = 0; row < r->rows; row += IGI_REGION_ROWS) {
        const int64_t left = r->rows - row;
        const int64_t n = left < IGI_REGION_ROWS ? left : IGI_REGION_ROWS;
        for (int64_t i = 0; i < n; i++)
            region_mix(r, row + i, r->mixed + i * r->wide, x);
        for (int64_t cell = 0; cell < r->columns; cell += VW)
            region_cells(r, n, cell, y + row * r->columns);
    }
}
