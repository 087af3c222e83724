/* float64: pointwise functions of two arrays and reductions as plain loops, which the
 * compiler turns into vectors of this instruction set. */

#define F64_LOOP(name_, suffix_, a_, b_, expr_)                                        \
    static void f64_##name_##_##suffix_(double *y, const double *pa, const double *pb, \
                                        int64_t n)                                     \
    {                                                                                  \
        if (n <= 0)                                                                    \
            return;                                                                    \
        const double a0 = pa[0], b0 = pb[0];                                           \
        (void)a0;                                                                      \
        (void)b0;                                                                      \
        for (int64_t i = 0; i < n; i++) {                                              \
            const double a = a_, b = b_;                                               \
            y[i] = expr_;                                                              \
        }                                                                              \
    }
#define F64_BINARY(name_, expr_)                                                       \
    F64_LOOP(name_, vv, pa[i], pb[i], expr_)                                           \
    F64_LOOP(name_, vs, pa[i], b0, expr_)                                              \
    F64_LOOP(name_, sv, a0, pb[i], expr_)
F64_BINARY(add, a + b)
F64_BINARY(sub, a - b)
F64_BINARY(mul, a *b)
F64_BINARY(div, a / b)
F64_BINARY(min, a != a || a < b ? a : b)
F64_BINARY(max, a != a || a > b ? a : b)
#undef F64_BINARY
#undef F64_LOOP

#define F64_ROW(name_)                                                                 \
    {                                                                                  \
        f64_##name_##_vv, f64_##name_##_vs, f64_##name_##_sv                           \
    }
/* ORDER: binary; Pow is left to the references. */
#define F64_TABLE                                                                      \
    {                                                                                  \
        F64_ROW(add), F64_ROW(sub), F64_ROW(mul), F64_ROW(div), F64_ROW(min),          \
            F64_ROW(max),                                                              \
    }

/* Lanes of a long row; runs of rows, so that the error of long sums stays small. */
#define F64_LANES 16
#define F64_RUN   64

VEC_INLINE double f64_identity(const igi_reduction op)
{
    return op == IGI_REDUCE_MAX ? -(double)INFINITY : 0;
}

VEC_INLINE double f64_step(const igi_reduction op, double a, double x)
{
    if (op == IGI_REDUCE_MAX)
        return a > x || a != a ? a : x;
    return a + x;
}

/* The lanes of n values; the order depends on n alone. */
VEC_INLINE double f64_reduce_row(const igi_reduction op, const double *x, int64_t n)
{
    double lane[F64_LANES], all = f64_identity(op);
    for (int64_t i = 0; i < n;) {
        const int64_t end = n - i < F64_RUN * F64_LANES ? n : i + F64_RUN * F64_LANES;
        for (int s = 0; s < F64_LANES; s++)
            lane[s] = f64_identity(op);
        for (; i + F64_LANES <= end; i += F64_LANES)
            for (int s = 0; s < F64_LANES; s++)
                lane[s] = f64_step(op, lane[s], x[i + s]);
        for (int s = 0; i < end; i++, s++)
            lane[s] = f64_step(op, lane[s], x[i]);
        for (int width = F64_LANES / 2; width > 0; width /= 2)
            for (int s = 0; s < width; s++)
                lane[s] = f64_step(op, lane[s], lane[s + width]);
        all = f64_step(op, all, lane[0]);
    }
    return all;
}

/* y[inner] = op over axis of x[axis][inner], a strip of columns at a time. */
VEC_INLINE void f64_reduce_columns(
    const igi_reduction op, double *y, const double *x, int64_t axis, int64_t inner)
{
    double total[F64_LANES], run[F64_LANES];
    for (int64_t c = 0; c < inner; c += F64_LANES) {
        const int n = inner - c < F64_LANES ? (int)(inner - c) : F64_LANES;
        for (int s = 0; s < n; s++)
            total[s] = f64_identity(op);
        for (int64_t i = 0; i < axis;) {
            const int64_t end = axis - i < F64_RUN ? axis : i + F64_RUN;
            for (int s = 0; s < n; s++)
                run[s] = f64_identity(op);
            for (; i < end; i++)
                for (int s = 0; s < n; s++)
                    run[s] = f64_step(op, run[s], x[i * inner + c + s]);
            for (int s = 0; s < n; s++)
                total[s] = f64_step(op, total[s], run[s]);
        }
        for (int s = 0; s < n; s++)
            y[c + s] = total[s];
    }
}

VEC_INLINE void f64_reduce_op(const igi_reduction op,
                              double *y,
                              const double *x,
                              int64_t outer,
                              int64_t axis,
                              int64_t inner)
{
    for (int64_t o = 0; o < outer; o++, x += axis * inner, y += inner) {
        if (inner == 1)
            *y = f64_reduce_row(op, x, axis);
        else
            f64_reduce_columns(op, y, x, axis, inner);
    }
}

static void reduce_axis_f64(igi_reduction op,
                            double *y,
                            const double *x,
                            int64_t outer,
                            int64_t axis,
                            int64_t inner)
{
    if (op == IGI_REDUCE_MAX)
        f64_reduce_op(IGI_REDUCE_MAX, y, x, outer, axis, inner);
    else
        f64_reduce_op(IGI_REDUCE_SUM, y, x, outer, axis, inner);
}
