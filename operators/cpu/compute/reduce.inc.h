/* Reductions in a fixed order.
 *
 * A row is cut in blocks of IGI_REDUCE_BLOCK; a block runs in four vectors of lanes;
 * lanes fold pairwise, blocks fold as a binary tree (a counter whose carries merge
 * equal-sized partials, so the tree needs only 64 slots). The order depends on n alone,
 * and the error of a sum grows with log n. */

VEC_INLINE float reduce_identity(igi_reduction op)
{
    return op == IGI_REDUCE_MAX    ? -INFINITY
           : op == IGI_REDUCE_MIN  ? INFINITY
           : op == IGI_REDUCE_PROD ? 1.0f
                                   : 0.0f;
}

/* acc op= x, x an element. */
VEC_INLINE vf reduce_step(const igi_reduction op, vf acc, vf x)
{
    switch (op) {
    case IGI_REDUCE_SUM_SQ:
        return vfma(x, x, acc);
    case IGI_REDUCE_SUM_ABS:
        return vadd(acc, vabs(x));
    case IGI_REDUCE_PROD:
        return vmul(acc, x);
    case IGI_REDUCE_MAX:
        return v_max_nan(acc, x);
    case IGI_REDUCE_MIN:
        return v_min_nan(acc, x);
    default:
        return vadd(acc, x);
    }
}

/* Two partial results into one. */
VEC_INLINE vf reduce_join(const igi_reduction op, vf a, vf b)
{
    bool sum = op == IGI_REDUCE_SUM_SQ || op == IGI_REDUCE_SUM_ABS;
    return reduce_step(sum ? IGI_REDUCE_SUM : op, a, b);
}

VEC_INLINE float reduce_join1(const igi_reduction op, float a, float b)
{
    switch (op) {
    case IGI_REDUCE_PROD:
        return a * b;
    case IGI_REDUCE_MAX:
        return a > b || a != a ? a : b;
    case IGI_REDUCE_MIN:
        return a < b || a != a ? a : b;
    default:
        return a + b;
    }
}

VEC_INLINE float reduce_lanes(const igi_reduction op, vf x)
{
    float lane[VW];
    if (op == IGI_REDUCE_SUM || op == IGI_REDUCE_SUM_SQ || op == IGI_REDUCE_SUM_ABS)
        return vsum(x);
    if (op == IGI_REDUCE_MAX && !vany(vnan(x)))
        return vmost(x);
    if (op == IGI_REDUCE_MIN && !vany(vnan(x)))
        return -vmost(vneg(x));
    vstore(lane, x);
    for (int width = VW / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lane[i] = reduce_join1(op, lane[i], lane[i + width]);
    return lane[0];
}

/* n <= IGI_REDUCE_BLOCK. */
VEC_INLINE float reduce_block(const igi_reduction op, const float *x, int64_t n)
{
    const vf identity = vset1(reduce_identity(op));
    vf acc[4] = {identity, identity, identity, identity};
    int64_t i = 0;
    for (; i + 4 * VW <= n; i += 4 * VW) {
        VEC_UNROLL
        for (int s = 0; s < 4; s++)
            acc[s] = reduce_step(op, acc[s], vload(x + i + s * VW));
    }
    for (; i + VW <= n; i += VW)
        acc[0] = reduce_step(op, acc[0], vload(x + i));
    if (i < n) {
        float rest[VW];
        vstore(rest, identity);
        memcpy(rest, x + i, (size_t)(n - i) * sizeof(float));
        acc[1] = reduce_step(op, acc[1], vload(rest));
    }
    return reduce_lanes(op, reduce_join(op, reduce_join(op, acc[0], acc[1]),
                                        reduce_join(op, acc[2], acc[3])));
}

typedef struct reduce_tree {
    float slot[64];
    int top;
} reduce_tree;

/* Adds partial number `index`, counted from 0. */
VEC_INLINE void
reduce_push(const igi_reduction op, reduce_tree *t, int64_t index, float x)
{
    for (; index & 1; index >>= 1)
        x = reduce_join1(op, t->slot[--t->top], x);
    t->slot[t->top++] = x;
}

VEC_INLINE float reduce_pop(const igi_reduction op, reduce_tree *t)
{
    if (t->top == 0)
        return reduce_identity(op);
    float x = t->slot[--t->top];
    while (t->top > 0)
        x = reduce_join1(op, t->slot[--t->top], x);
    return x;
}

/* Runs STATEMENT_(OP) with the operation as a constant. */
#define REDUCE_SWITCH(op_, statement_)                                                 \
    switch (op_) {                                                                     \
    case IGI_REDUCE_SUM_SQ:                                                            \
        statement_(IGI_REDUCE_SUM_SQ);                                                 \
        break;                                                                         \
    case IGI_REDUCE_SUM_ABS:                                                           \
        statement_(IGI_REDUCE_SUM_ABS);                                                \
        break;                                                                         \
    case IGI_REDUCE_PROD:                                                              \
        statement_(IGI_REDUCE_PROD);                                                   \
        break;                                                                         \
    case IGI_REDUCE_MAX:                                                               \
        statement_(IGI_REDUCE_MAX);                                                    \
        break;                                                                         \
    case IGI_REDUCE_MIN:                                                               \
        statement_(IGI_REDUCE_MIN);                                                    \
        break;                                                                         \
    default:                                                                           \
        statement_(IGI_REDUCE_SUM);                                                    \
        break;                                                                         \
    }

static void reduce_blocks(
    igi_reduction op, float *partial, const float *x, int64_t n, int64_t lo, int64_t hi)
{
#define BLOCKS(op_)                                                                    \
    for (int64_t i = lo; i < hi; i++) {                                                \
        const int64_t at = i * IGI_REDUCE_BLOCK, left = n - at;                        \
        partial[i] = reduce_block(op_, x + at,                                         \
                                  left < IGI_REDUCE_BLOCK ? left : IGI_REDUCE_BLOCK);  \
    }
    REDUCE_SWITCH(op, BLOCKS)
#undef BLOCKS
}

static float reduce_combine(igi_reduction op, const float *partial, int64_t count)
{
    reduce_tree t = {.top = 0};
    for (int64_t i = 0; i < count; i++)
        reduce_push(op, &t, i, partial[i]);
    return reduce_pop(op, &t);
}

static float reduce(igi_reduction op, const float *x, int64_t n)
{
    reduce_tree t = {.top = 0};
    const int64_t blocks = (n + IGI_REDUCE_BLOCK - 1) / IGI_REDUCE_BLOCK;
    float partial;
    if (blocks == 1) {
        reduce_blocks(op, &partial, x, n, 0, 1);
        return partial;
    }
    for (int64_t i = 0; i < blocks; i++) {
        const int64_t at = i * IGI_REDUCE_BLOCK;
        reduce_blocks(op, &partial, x + at, n - at, 0, 1);
        reduce_push(op, &t, i, partial);
    }
    return reduce_pop(op, &t);
}

/* `nv` vectors of columns, the last masked: runs of 64 rows, then runs, so that the
 * error of long sums stays small. */
#define REDUCE_RUN 64
VEC_INLINE void reduce_columns(const igi_reduction op,
                               const int nv,
                               vm tail,
                               float *y,
                               const float *x,
                               int64_t axis,
                               int64_t inner)
{
    const vf identity = vset1(reduce_identity(op));
    vf total[4] = {identity, identity, identity, identity};
    for (int64_t i = 0; i < axis;) {
        const int64_t end = i + REDUCE_RUN < axis ? i + REDUCE_RUN : axis;
        vf acc[4] = {identity, identity, identity, identity};
        for (; i < end; i++) {
            VEC_UNROLL
            for (int j = 0; j < nv; j++) {
                const float *p = x + i * inner + j * VW;
                acc[j] =
                    reduce_step(op, acc[j], nv == 1 ? vload_tail(p, tail) : vload(p));
            }
        }
        VEC_UNROLL
        for (int j = 0; j < nv; j++)
            total[j] = reduce_join(op, total[j], acc[j]);
    }
    VEC_UNROLL
    for (int j = 0; j < nv; j++) {
        if (nv == 1)
            vstore_tail(y, tail, total[j]);
        else
            vstore(y + j * VW, total[j]);
    }
}

static void reduce_axis(igi_reduction op,
                        float *y,
                        const float *x,
                        int64_t outer,
                        int64_t axis,
                        int64_t inner)
{
    for (int64_t o = 0; o < outer; o++, x += axis * inner, y += inner) {
        if (inner == 1) {
            *y = reduce(op, x, axis);
            continue;
        }
        int64_t c = 0;
#define COLUMNS4(op_) reduce_columns(op_, 4, vtail(VW), y + c, x + c, axis, inner)
#define COLUMNS1(op_) reduce_columns(op_, 1, tail, y + c, x + c, axis, inner)
        for (; c + 4 * VW <= inner; c += 4 * VW)
            REDUCE_SWITCH(op, COLUMNS4)
        for (; c < inner; c += VW) {
            const vm tail = vtail(inner - c < VW ? inner - c : VW);
            REDUCE_SWITCH(op, COLUMNS1)
        }
#undef COLUMNS4
#undef COLUMNS1
    }
}

/* The first (last) element equal to `best`, which is among them or NaN. */
static int64_t find_value(const float *x, int64_t n, float best, bool last)
{
    const bool nan = best != best;
    const vf b = vset1(best);
    int64_t s = 0;
    for (; s + VW <= n; s += VW) {
        const vf v = vload(last ? x + n - VW - s : x + s);
        if (nan ? vany(vnan(v)) : vany(veq(v, b)))
            break;
    }
    for (; s < n; s++) {
        const int64_t i = last ? n - 1 - s : s;
        if (nan ? x[i] != x[i] : x[i] == best)
            return i;
    }
    return 0;
}

#define ARG_SHORT 24

/* Whether v takes the place of `best`, which stands before it. */
VEC_INLINE bool arg_wins(const igi_reduction op, float v, float best, bool last)
{
    const bool wins = op == IGI_REDUCE_MIN ? v < best : v > best;
    const bool tie = (v == best) | ((v != v) & (best != best));
    return wins | (tie & last) | ((v != v) & (best == best));
}

/* Short rows, without branches. */
VEC_INLINE int64_t arg_short(const igi_reduction op,
                             const float *x,
                             int64_t n,
                             bool last)
{
    int64_t at = 0;
    float best = x[0];
    for (int64_t i = 1; i < n; i++) {
        const bool wins = arg_wins(op, x[i], best, last);
        at = wins ? i : at;
        best = wins ? x[i] : best;
    }
    return at;
}

/* One pass: the best block, then where in it. */
VEC_INLINE int64_t arg_row(const igi_reduction op, const float *x, int64_t n, bool last)
{
    if (n < ARG_SHORT)
        return arg_short(op, x, n, last);
    int64_t block = 0;
    float best = 0.0f;
    for (int64_t i = 0; i < n; i += IGI_REDUCE_BLOCK) {
        const float v = reduce_block(
            op, x + i, n - i < IGI_REDUCE_BLOCK ? n - i : IGI_REDUCE_BLOCK);
        if (i == 0 || arg_wins(op, v, best, last)) {
            best = v;
            block = i;
        }
    }
    const int64_t rest = n - block;
    return block + find_value(x + block,
                              rest < IGI_REDUCE_BLOCK ? rest : IGI_REDUCE_BLOCK, best,
                              last);
}

#undef ARG_SHORT

static int64_t argmax(const float *x, int64_t n, bool last)
{
    return arg_row(IGI_REDUCE_MAX, x, n, last);
}

static int64_t argmin(const float *x, int64_t n, bool last)
{
    return arg_row(IGI_REDUCE_MIN, x, n, last);
}

/* `nv` vectors of columns, the last masked; positions are floats. */
VEC_INLINE void arg_strip(const int nv,
                          int64_t cols,
                          int64_t *y,
                          const float *x,
                          int64_t axis,
                          int64_t inner,
                          const bool least,
                          const bool last)
{
    const vm tail = vtail(cols < VW ? cols : VW);
    vf best[4], at[4];
    VEC_UNROLL
    for (int j = 0; j < nv; j++) {
        best[j] = nv == 1 ? vload_tail(x, tail) : vload(x + j * VW);
        at[j] = vset1(0.0f);
    }
    for (int64_t i = 1; i < axis; i++) {
        const vf here = vset1((float)i);
        VEC_UNROLL
        for (int j = 0; j < nv; j++) {
            const float *p = x + i * inner + j * VW;
            const vf v = nv == 1 ? vload_tail(p, tail) : vload(p);
            const vf a = least ? v : best[j], b = least ? best[j] : v;
            const vm wins = last ? vle(a, b) : vlt(a, b), nan = vnan(v);
            /* NaN wins over numbers; over NaN as over an equal one. */
            const vf of_nan = last ? here : vsel(vnan(best[j]), at[j], here);
            at[j] = vsel(nan, of_nan, vsel(wins, here, at[j]));
            best[j] = vsel(nan, v, vsel(wins, v, best[j]));
        }
    }
    VEC_UNROLL
    for (int j = 0; j < nv; j++) {
        float lane[VW];
        vstore(lane, at[j]);
        for (int64_t l = 0; l < VW && j * VW + l < cols; l++)
            y[j * VW + l] = (int64_t)lane[l];
    }
}

VEC_INLINE void arg_columns_of(int64_t *y,
                               const float *x,
                               int64_t axis,
                               int64_t inner,
                               int64_t n,
                               const bool least,
                               const bool last)
{
    int64_t c = 0;
    for (; c + 4 * VW <= n; c += 4 * VW)
        arg_strip(4, 4 * VW, y + c, x + c, axis, inner, least, last);
    for (; c < n; c += VW)
        arg_strip(1, n - c < VW ? n - c : VW, y + c, x + c, axis, inner, least, last);
}

static void arg_columns(int64_t *y,
                        const float *x,
                        int64_t axis,
                        int64_t inner,
                        int64_t n,
                        bool least,
                        bool last)
{
    if (last)
        least ? arg_columns_of(y, x, axis, inner, n, true, true)
              : arg_columns_of(y, x, axis, inner, n, false, true);
    else
        least ? arg_columns_of(y, x, axis, inner, n, true, false)
              : arg_columns_of(y, x, axis, inner, n, false, false);
}
