/* One step of a recurrent layer: the state times R for all gates of a block of VW
 * hidden units, then gates and the new state in registers.
 *
 * R is packed [block][k][gate][VW], so that a step reads it once, in order: at one
 * sequence that reading is the whole cost. Blocks come outermost, and all sequences
 * pass a block while its weights are in L2. Rows are spread evenly over tiles of up to
 * CELL_MR; a single row takes several chains a gate, as chains of dependent
 * multiply-adds wait for each other. No prefetching: it slows down reads that come
 * from L2 and L3. */

#if VW == 16
#define CELL_MR 4
#else
#define CELL_MR 2
#endif
#define CELL_NG 4 /* gates at most */

/* ---- activations: ORDER: recurrent activation (operators/common_recurrent.h) ---- */

typedef vf (*cell_fn)(vf x, vf a, vf b);

#define CELL_FN(name_, expr_)                                                          \
    static vf cell_fn_##name_(vf x, vf a, vf b)                                        \
    {                                                                                  \
        (void)a;                                                                       \
        (void)b;                                                                       \
        return expr_;                                                                  \
    }
CELL_FN(relu, vmax(vset1(0.0f), x))
CELL_FN(tanh, v_tanh(x))
CELL_FN(sigmoid, v_sigmoid(x))
CELL_FN(affine, vfma(a, x, b))
CELL_FN(leaky_relu, vsel(vlt(x, vset1(0.0f)), vmul(a, x), x))
CELL_FN(thresholded_relu, vsel(vlt(x, a), vset1(0.0f), x))
CELL_FN(scaled_tanh, vmul(a, v_tanh(vmul(b, x))))
CELL_FN(hard_sigmoid, v_hard_sigmoid(x, a, b))
CELL_FN(elu, v_elu(x, a))
CELL_FN(softsign, vdiv(x, vadd(vset1(1.0f), vabs(x))))
CELL_FN(softplus, v_softplus(x))
#undef CELL_FN

static const cell_fn cell_fns[] = {
    cell_fn_relu,        cell_fn_tanh,         cell_fn_sigmoid,
    cell_fn_affine,      cell_fn_leaky_relu,   cell_fn_thresholded_relu,
    cell_fn_scaled_tanh, cell_fn_hard_sigmoid, cell_fn_elu,
    cell_fn_softsign,    cell_fn_softplus,
};

VEC_INLINE vf cell_act(const igi_cell_step *s, int f, vf x)
{
    x = vmin(vset1(s->clip), vmax(vset1(-s->clip), x)); /* NaN passes */
    return cell_fns[s->fn[f]](x, vset1(s->alpha[f]), vset1(s->beta[f]));
}

/* ---- products ---- */

/* out[row][gate] = h[row] . r[gate] of one block; m and g are constants. */
VEC_INLINE void cell_products(const int m,
                              const int g,
                              const igi_cell_step *s,
                              const float *r,
                              const float *h,
                              float *out)
{
    vf acc[CELL_MR][CELL_NG];
    const int64_t ld = s->ld * (int64_t)sizeof(float), ld3 = 3 * ld;
    const char *p = (const char *)h;
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < g; j++)
            acc[i][j] = vset1(0.0f);
    }
    for (int64_t k = s->hidden; k > 0; k--) {
        VEC_KEEP(p);
        vf rv[CELL_NG];
        VEC_UNROLL
        for (int j = 0; j < g; j++)
            rv[j] = vload(r + j * VW);
        VEC_UNROLL
        for (int i = 0; i < m; i++) {
            vf hv = vset1(*(const float *)(const void *)(p + (i == 3 ? ld3 : i * ld)));
            VEC_UNROLL
            for (int j = 0; j < g; j++)
                acc[i][j] = vfma(hv, rv[j], acc[i][j]);
        }
        p += sizeof(float);
        r += g * VW;
    }
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < g; j++)
            vstore(out + (i * CELL_NG + j) * VW, acc[i][j]);
    }
}

/* The same for one row: chain c of n takes k = c mod n. */
VEC_INLINE void cell_product(
    const int n, const int g, int64_t depth, const float *r, const float *h, float *out)
{
    vf acc[4][CELL_NG];
    int64_t k = 0;
    VEC_UNROLL
    for (int c = 0; c < n; c++) {
        VEC_UNROLL
        for (int j = 0; j < g; j++)
            acc[c][j] = vset1(0.0f);
    }
    for (; k + n <= depth; k += n) {
        VEC_UNROLL
        for (int c = 0; c < n; c++) {
            vf hv = vset1(h[k + c]);
            VEC_UNROLL
            for (int j = 0; j < g; j++)
                acc[c][j] = vfma(hv, vload(r + (c * g + j) * VW), acc[c][j]);
        }
        r += n * g * VW;
    }
    for (; k < depth; k++, r += g * VW) {
        vf hv = vset1(h[k]);
        VEC_UNROLL
        for (int j = 0; j < g; j++)
            acc[0][j] = vfma(hv, vload(r + j * VW), acc[0][j]);
    }
    VEC_UNROLL
    for (int j = 0; j < g; j++) {
        vf sum = vadd(acc[0][j], acc[1][j]);
        if (n == 4)
            sum = vadd(sum, vadd(acc[2][j], acc[3][j]));
        vstore(out + j * VW, sum);
    }
}

typedef void (*cell_products_fn)(const igi_cell_step *s,
                                 const float *r,
                                 const float *h,
                                 float *out);
#define CELL_PRODUCTS(m_, g_)                                                          \
    static void cell_products_##m_##_##g_(const igi_cell_step *s, const float *r,      \
                                          const float *h, float *out)                  \
    {                                                                                  \
        cell_products(m_, g_, s, r, h, out);                                           \
    }
#define CELL_LONE(g_, chains_)                                                         \
    static void cell_products_lone_##g_(const igi_cell_step *s, const float *r,        \
                                        const float *h, float *out)                    \
    {                                                                                  \
        cell_product(chains_, g_, s->hidden, r, h, out);                               \
    }
#define CELL_ROW(m_)                                                                   \
    {                                                                                  \
        cell_products_##m_##_1, cell_products_##m_##_2, cell_products_##m_##_3,        \
            cell_products_##m_##_4                                                     \
    }
#define CELL_HEIGHT(m_)                                                                \
    CELL_PRODUCTS(m_, 1)                                                               \
    CELL_PRODUCTS(m_, 2)                                                               \
    CELL_PRODUCTS(m_, 3)                                                               \
    CELL_PRODUCTS(m_, 4)
CELL_LONE(1, 4)
CELL_LONE(2, 4)
CELL_LONE(3, 2)
CELL_LONE(4, 2)
CELL_HEIGHT(1)
CELL_HEIGHT(2)
#if VW == 16
CELL_HEIGHT(3)
CELL_HEIGHT(4)
#endif
/* By rows of the tile; 0: the only row of the call. */
static const cell_products_fn cell_table[CELL_MR + 1][CELL_NG] = {
    CELL_ROW(lone), CELL_ROW(1), CELL_ROW(2),
#if VW == 16
    CELL_ROW(3),    CELL_ROW(4),
#endif
};

/* ---- gates: one sequence, one block; `r` its products, `x` what X and biases give */

VEC_INLINE vf cell_lstm(const igi_cell_step *s,
                        const float *r,
                        const float *x,
                        int64_t row,
                        int64_t unit,
                        bool active)
{
    float *c = s->c + row * s->ld + unit;
    vf before = vload(c), pre[4];
    VEC_UNROLL
    for (int j = 0; j < 4; j++)
        pre[j] = vadd(vload(x + j * VW), vload(r + j * VW));
    if (s->p) {
        pre[0] = vfma(vload(s->p + unit), before, pre[0]);
        pre[2] = vfma(vload(s->p + 2 * s->ld + unit), before, pre[2]);
    }
    vf i = cell_act(s, 0, pre[0]);
    vf f = s->option ? vsub(vset1(1.0f), i) : cell_act(s, 0, pre[2]);
    vf now = vfma(f, before, vmul(i, cell_act(s, 1, pre[3])));
    if (s->p)
        pre[1] = vfma(vload(s->p + s->ld + unit), now, pre[1]);
    if (active)
        vstore(c, now);
    return vmul(cell_act(s, 0, pre[1]), cell_act(s, 2, now));
}

/* (1 - z) n + z h */
VEC_INLINE vf cell_mix(vf z, vf fresh, vf before)
{
    return vfma(z, before, vmul(vsub(vset1(1.0f), z), fresh));
}

VEC_INLINE vf cell_gru_linear(
    const igi_cell_step *s, const float *r, const float *x, int64_t row, int64_t unit)
{
    vf z = cell_act(s, 0, vadd(vload(x), vload(r)));
    vf reset = cell_act(s, 0, vadd(vload(x + VW), vload(r + VW)));
    vf part = vadd(vload(r + 2 * VW), vload(s->rb + unit));
    vf fresh = cell_act(s, 1, vfma(reset, part, vload(x + 2 * VW)));
    return cell_mix(z, fresh, vload(s->h + row * s->ld + unit));
}

/* The new state; of CELL_GRU_RESET r * h, z being kept in c. */
VEC_INLINE vf cell_new(const igi_cell_step *s,
                       const float *r,
                       const float *x,
                       int64_t row,
                       int64_t unit,
                       bool active)
{
    float *z = s->c + row * s->ld + unit;
    const float *h = s->h + row * s->ld + unit;
    switch (s->kind) {
    case IGI_CELL_STEP_LSTM:
        return cell_lstm(s, r, x, row, unit, active);
    case IGI_CELL_STEP_GRU_LINEAR:
        return cell_gru_linear(s, r, x, row, unit);
    case IGI_CELL_STEP_GRU_RESET:
        vstore(z, cell_act(s, 0, vadd(vload(x), vload(r))));
        return vmul(cell_act(s, 0, vadd(vload(x + VW), vload(r + VW))), vload(h));
    case IGI_CELL_STEP_GRU_NEW:
        return cell_mix(vload(z), cell_act(s, 1, vadd(vload(x + 2 * VW), vload(r))),
                        vload(s->before + row * s->ld + unit));
    default:
        return cell_act(s, 0, vadd(vload(x), vload(r)));
    }
}

static void
cell_finish(const igi_cell_step *s, int64_t row, int64_t unit, const float *r)
{
    const bool active = !s->lens || s->t < s->lens[row];
    const float *x = s->x + row * s->ld_x + unit * s->gates;
    vf now = cell_new(s, r, x, row, unit, active);
    if (!active) /* the state stays; GRU_RESET's result is not used then */
        now = vload(s->before + row * s->ld + unit);
    vstore(s->out + row * s->ld + unit, now);
    if (!s->y)
        return;
    float *y = s->y + row * s->ld_y + unit;
    now = active ? now : vset1(0.0f);
    if (s->hidden - unit >= VW)
        vstore(y, now);
    else
        vstore_tail(y, vtail(s->hidden - unit), now);
}

static void cell_step(const igi_cell_step *s, int64_t block_lo, int64_t block_hi)
{
    const int products = s->kind == IGI_CELL_STEP_GRU_RESET ? 2
                         : s->kind == IGI_CELL_STEP_GRU_NEW ? 1
                                                            : s->gates;
    const int64_t tiles = (s->rows + CELL_MR - 1) / CELL_MR;
    for (int64_t i = block_lo; i < block_hi; i++) {
        /* There and back: what a step read last is still in L2 for the next one. */
        const int64_t block = s->t % 2 ? block_hi - 1 - (i - block_lo) : i;
        const float *r = s->r + block * s->hidden * products * VW;
        for (int64_t tile = 0; tile < tiles; tile++) {
            float out[CELL_MR * CELL_NG * VW];
            int64_t lo = tile * s->rows / tiles, hi = (tile + 1) * s->rows / tiles;
            cell_table[s->rows > 1 ? hi - lo : 0][products - 1](s, r, s->h + lo * s->ld,
                                                                out);
            for (int64_t row = lo; row < hi; row++)
                cell_finish(s, row, block * VW, out + (row - lo) * CELL_NG * VW);
        }
    }
}
