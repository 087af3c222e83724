/* Pointwise functions of two arrays, or of an array and one number. */

VEC_INLINE vf v_min_nan(vf a, vf b)
{
    return vsel(vnan(a), a, vmin(a, b));
}
VEC_INLINE vf v_max_nan(vf a, vf b)
{
    return vsel(vnan(a), a, vmax(a, b));
}

#define BINARY_LOOP(suffix_, name_, a_full_, b_full_, a_tail_, b_tail_, f_)            \
    static void binary_##name_##_##suffix_(float *y, const float *pa, const float *pb, \
                                           int64_t n)                                  \
    {                                                                                  \
        if (n <= 0)                                                                    \
            return;                                                                    \
        const vf a0 = vset1(pa[0]), b0 = vset1(pb[0]);                                 \
        (void)a0;                                                                      \
        (void)b0;                                                                      \
        int64_t i = 0;                                                                 \
        for (; i + VW <= n; i += VW)                                                   \
            vstore(y + i, f_(a_full_, b_full_));                                       \
        if (i < n) {                                                                   \
            vm tail = vtail(n - i);                                                    \
            vstore_tail(y + i, tail, f_(a_tail_, b_tail_));                            \
        }                                                                              \
    }
#define LOAD_A vload(pa + i)
#define LOAD_B vload(pb + i)
#define TAIL_A vload_tail(pa + i, tail)
#define TAIL_B vload_tail(pb + i, tail)
#define BINARY(name_, f_)                                                              \
    BINARY_LOOP(vv, name_, LOAD_A, LOAD_B, TAIL_A, TAIL_B, f_)                         \
    BINARY_LOOP(vs, name_, LOAD_A, b0, TAIL_A, b0, f_)                                 \
    BINARY_LOOP(sv, name_, a0, LOAD_B, a0, TAIL_B, f_)

BINARY(add, vadd)
BINARY(sub, vsub)
BINARY(mul, vmul)
BINARY(div, vdiv)
BINARY(min, v_min_nan)
BINARY(max, v_max_nan)
#undef BINARY
#undef BINARY_LOOP
#undef LOAD_A
#undef LOAD_B
#undef TAIL_A
#undef TAIL_B

static void binary_pow_vv(float *y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = powf(a[i], b[i]);
}

/* Squares and cubes are what models write as Pow. */
static void binary_pow_vs(float *y, const float *a, const float *b, int64_t n)
{
    if (n <= 0)
        return;
    const float e = b[0];
    if (e == 2.0f) {
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] * a[i];
    } else if (e == 3.0f) {
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] * a[i] * a[i];
    } else {
        for (int64_t i = 0; i < n; i++)
            y[i] = powf(a[i], e);
    }
}

static void binary_pow_sv(float *y, const float *a, const float *b, int64_t n)
{
    if (n <= 0)
        return;
    const float base = a[0];
    for (int64_t i = 0; i < n; i++)
        y[i] = powf(base, b[i]);
}
