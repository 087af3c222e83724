/* ingot::RecurrentGrad in float32, as matrix products: the layer is run again, keeping
 * gates and states of all steps, then backward; weights get their gradients from one
 * product each at the end.
 *
 * Rows of the kept arrays are pairs (step, sequence) in the order of X, so every
 * product over all steps is a plain one. A direction at a time; threads split columns
 * of products and hidden units and meet between the two; each element is one chain in a
 * fixed order, whatever their number. Activations must have a slope that their value
 * tells (Sigmoid, Tanh, Relu); clip and input_forget are left to the reference. */
#include <string.h>

#include "graph/core/checked.h"
#include "operators/cpu/recurrent_grad.h"

/* ---- sizes ---- */

static bool packed(const igi_rgrad *p, int64_t n, int64_t k, int64_t *floats)
{
    size_t size;
    bool ok = igi_gemm_packed_size(p->isa, n, k, &size);
    *floats = ok ? (int64_t)size : 0;
    return ok;
}

static ig_status measure(ig_kernel_ctx *k, igi_rgrad *p)
{
    *p = (igi_rgrad){.k = k, .isa = igi_cpu_isa_best()};
    IG_TRY(igi_recurrent_read(k, &p->r));
    const igi_recurrent *r = &p->r;
    const int64_t h = r->hidden, gru = igi_rgrad_is_gru(p) ? 1 : 0;
    const int64_t lstm = r->cell == IGI_CELL_LSTM ? 1 : 0;
    p->rows = r->steps * r->batch;
    p->width = r->gates * h;
    p->zr = p->width - gru * h;
    p->ld_g = p->width + IGI_RGRAD_PAD;
    p->ld_h = h + IGI_RGRAD_PAD;
    p->ld_t = p->rows + IGI_RGRAD_PAD;
    int64_t n[IGI_RGRAD_ARRAYS] = {0};
    bool ok = packed(p, p->width, r->input, &n[IGI_RGRAD_W_IN]) &&
              packed(p, p->zr, h, &n[IGI_RGRAD_R_IN]) &&
              packed(p, h, gru * h, &n[IGI_RGRAD_RN_IN]) &&
              packed(p, h, p->zr, &n[IGI_RGRAD_R_BACK]) &&
              packed(p, h, gru * h, &n[IGI_RGRAD_RN_BACK]) &&
              packed(p, r->input, p->width, &n[IGI_RGRAD_W_BACK]) &&
              packed(p, r->input, p->rows, &n[IGI_RGRAD_X_PACK]) &&
              packed(p, h, p->rows, &n[IGI_RGRAD_H_PACK]) &&
              igi_mul_i64(p->rows, p->ld_g, &n[IGI_RGRAD_GATES]) &&
              igi_mul_i64(p->width, p->ld_t, &n[IGI_RGRAD_TURNED]) &&
              igi_mul_i64(p->rows, p->ld_h, &n[IGI_RGRAD_H_BEFORE]);
    n[IGI_RGRAD_PART] = gru * n[IGI_RGRAD_H_BEFORE];
    n[IGI_RGRAD_PART_TURNED] = gru * h * p->ld_t;
    n[IGI_RGRAD_C_BEFORE] = n[IGI_RGRAD_C_AFTER] = n[IGI_RGRAD_H_OF_C] =
        lstm * n[IGI_RGRAD_H_BEFORE];
    n[IGI_RGRAD_DH] = n[IGI_RGRAD_DC] = n[IGI_RGRAD_DPART] = r->batch * p->ld_h;
    n[IGI_RGRAD_BIAS] = p->width + h;
    n[IGI_RGRAD_DP] = 3 * h;
    size_t total = 0;
    for (int i = 0; i < IGI_RGRAD_ARRAYS; i++) {
        p->at[i] = total;
        ok = ok && igi_add_size(total, (size_t)n[i] + IGI_RGRAD_PAD, &total);
        total &= ~(size_t)(IGI_RGRAD_PAD - 1);
    }
    p->at[IGI_RGRAD_ARRAYS] = total;
    if (!ok || total > SIZE_MAX / sizeof(float) / 2)
        return ig_kernel_fail(k, IG_LIMIT, "its sequences are too large");
    return IG_OK;
}

static void pack(const igi_rgrad *p,
                 int to,
                 const float *b,
                 int64_t rs,
                 int64_t cs,
                 int64_t n,
                 int64_t k)
{
    int64_t lo, hi;
    igi_gemm_source s = {.b = b, .rs = rs, .cs = cs, .n = n, .k = k, .scale = 1};
    ig_split(igi_gemm_panels(p->isa, n), 1, p->tid, p->nth, &lo, &hi);
    igi_gemm_pack(p->isa, igi_rgrad_array(p, to), &s, lo, hi);
}

/* ---- a direction ---- */

static void set_up(const igi_rgrad *p, int64_t lo, int64_t hi)
{
    const igi_recurrent *r = &p->r;
    const int64_t h = r->hidden, first = igi_rgrad_time(p, 0);
    const float *w = igi_rgrad_input(p, IGI_REC_W) + p->d * p->width * r->input;
    const float *rr = igi_rgrad_input(p, IGI_REC_R) + p->d * p->width * h;
    pack(p, IGI_RGRAD_W_IN, w, 1, r->input, p->width, r->input);
    pack(p, IGI_RGRAD_R_IN, rr, 1, h, p->zr, h);
    pack(p, IGI_RGRAD_R_BACK, rr, h, 1, h, p->zr);
    if (igi_kout(p->k, 0))
        pack(p, IGI_RGRAD_W_BACK, w, r->input, 1, r->input, p->width);
    if (igi_rgrad_is_gru(p)) {
        pack(p, IGI_RGRAD_RN_IN, rr + p->zr * h, 1, h, h, h);
        pack(p, IGI_RGRAD_RN_BACK, rr + p->zr * h, h, 1, h, h);
    }
    const float *of[] = {igi_rgrad_input(p, IGI_REC_H0), igi_rgrad_input(p, IGI_REC_C0),
                         igi_rgrad_input(p, IGI_REC_INPUTS + 1),
                         igi_rgrad_input(p, IGI_REC_INPUTS + 2)};
    const bool lstm = r->cell == IGI_CELL_LSTM;
    for (int64_t b = 0; b < r->batch; b++) {
        int64_t at = igi_rgrad_row(p, first, b) * p->ld_h,
                from = p->d * r->h_dir + b * r->h_seq;
        float *to[] = {igi_rgrad_array(p, IGI_RGRAD_H_BEFORE) + at,
                       lstm ? igi_rgrad_array(p, IGI_RGRAD_C_BEFORE) + at : NULL,
                       igi_rgrad_array(p, IGI_RGRAD_DH) + b * p->ld_h,
                       igi_rgrad_array(p, IGI_RGRAD_DC) + b * p->ld_h};
        for (int i = 0; i < 4; i++)
            for (int64_t j = lo; to[i] && j < hi; j++)
                to[i][j] = of[i] ? of[i][from + j] : 0;
    }
    const float *bias = igi_rgrad_input(p, IGI_REC_B);
    if (bias)
        bias += p->d * 2 * p->width;
    float *sum = igi_rgrad_array(p, IGI_RGRAD_BIAS),
          *dp = igi_rgrad_array(p, IGI_RGRAD_DP);
    const bool apart = igi_rgrad_is_gru(p) && r->option;
    for (int64_t i = 0; i < r->gates; i++)
        for (int64_t j = i * h + lo; j < i * h + hi; j++)
            sum[j] = !bias             ? 0
                     : apart && i == 2 ? bias[j]
                                       : bias[j] + bias[p->width + j];
    for (int64_t j = lo; j < hi; j++)
        sum[p->width + j] = bias && apart ? bias[p->width + 2 * h + j] : 0;
    for (int i = 0; i < 3; i++)
        for (int64_t j = i * h + lo; j < i * h + hi; j++)
            dp[j] = 0;
}

/* dst[column][row] = src[row][column] for columns [lo, hi). */
static void
turn(const igi_rgrad *p, int to, int from, int64_t ld, int64_t lo, int64_t hi)
{
    if (lo < hi)
        p->isa->transpose_32(igi_rgrad_array(p, to) + lo * p->ld_t, p->ld_t,
                             igi_rgrad_array(p, from) + lo, ld, p->rows, hi - lo);
}

/* Rows beyond their sequence: gradients there are 0, but 0 times an infinity in X is
 * not. */
static void clear_resting(const igi_rgrad *p)
{
    const int64_t width = p->isa->gemm_panel;
    int64_t lo, hi;
    ig_split(igi_gemm_panels(p->isa, p->r.input), 1, p->tid, p->nth, &lo, &hi);
    for (int64_t b = 0; b < p->r.batch; b++)
        for (int64_t t = igi_recurrent_length(&p->r, b); t < p->r.steps; t++)
            for (int64_t i = lo; i < hi; i++)
                memset(igi_rgrad_array(p, IGI_RGRAD_X_PACK) +
                           (i * p->rows + igi_rgrad_row(p, t, b)) * width,
                       0, (size_t)width * sizeof(float));
}

static float *output(const igi_rgrad *p, int i, int64_t each)
{
    float *t = igi_kf32(igi_kout(p->k, i));
    return t ? t + p->d * each : NULL;
}

/* Sums of the rows [lo, hi) of a transposed array. */
static void
sum_rows(const igi_rgrad *p, float *to, const float *from, int64_t lo, int64_t hi)
{
    for (int64_t j = lo; j < hi; j++)
        to[j] = p->isa->reduce(IGI_REDUCE_SUM, from + j * p->ld_t, p->rows);
}

static void put_biases(const igi_rgrad *p, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden;
    float *db = output(p, 3, 2 * p->width);
    for (int64_t i = 0; db && i < p->r.gates; i++) {
        sum_rows(p, db, igi_rgrad_array(p, IGI_RGRAD_TURNED), i * h + lo, i * h + hi);
        memcpy(db + p->width + i * h + lo, db + i * h + lo,
               (size_t)(hi - lo) * sizeof(float));
    }
    if (db && igi_rgrad_is_gru(p) && p->r.option)
        sum_rows(p, db + p->width + 2 * h, igi_rgrad_array(p, IGI_RGRAD_PART_TURNED),
                 lo, hi);
}

static void put_states(const igi_rgrad *p, int64_t lo, int64_t hi)
{
    const igi_recurrent *r = &p->r;
    float *dh0 = output(p, 4, r->h_dir), *dc0 = output(p, 5, r->h_dir);
    float *dp = output(p, 6, 3 * r->hidden);
    for (int64_t b = 0; b < r->batch; b++)
        for (int64_t j = lo; j < hi; j++) {
            if (dh0)
                dh0[b * r->h_seq + j] =
                    igi_rgrad_array(p, IGI_RGRAD_DH)[b * p->ld_h + j];
            if (dc0)
                dc0[b * r->h_seq + j] =
                    igi_rgrad_array(p, IGI_RGRAD_DC)[b * p->ld_h + j];
        }
    for (int i = 0; dp && i < 3; i++)
        for (int64_t j = i * r->hidden + lo; j < i * r->hidden + hi; j++)
            dp[j] = igi_rgrad_array(p, IGI_RGRAD_DP)[j];
}

/* dX, dW, dR from the gradients of all pre-activations. */
static void put_products(const igi_rgrad *p)
{
    const int64_t h = p->r.hidden, in = p->r.input;
    float *dx = output(p, 0, 0), *dw = output(p, 1, p->width * in);
    float *dr = output(p, 2, p->width * h);
    const float *turned = igi_rgrad_array(p, IGI_RGRAD_TURNED);
    if (dx)
        igi_rgrad_multiply(p, (igi_rgrad_product){p->rows, in, p->width,
                                                  igi_rgrad_array(p, IGI_RGRAD_GATES),
                                                  p->ld_g, IGI_RGRAD_W_BACK, dx, in,
                                                  NULL, p->d > 0});
    if (dw)
        igi_rgrad_multiply(p,
                           (igi_rgrad_product){p->width, in, p->rows, turned, p->ld_t,
                                               IGI_RGRAD_X_PACK, dw, in, NULL, false});
    if (!dr)
        return;
    igi_rgrad_multiply(p, (igi_rgrad_product){p->zr, h, p->rows, turned, p->ld_t,
                                              IGI_RGRAD_H_PACK, dr, h, NULL, false});
    if (!igi_rgrad_is_gru(p))
        return;
    const float *last = turned + p->zr * p->ld_t;
    if (p->r.option) {
        last = igi_rgrad_array(
            p, IGI_RGRAD_PART_TURNED); /* the right operand is the state as well */
    } else {
        ig_barrier(p->k); /* IGI_RGRAD_H_PACK was read */
        pack(p, IGI_RGRAD_H_PACK, igi_rgrad_array(p, IGI_RGRAD_PART), p->ld_h, 1, h,
             p->rows);
        ig_barrier(p->k);
    }
    igi_rgrad_multiply(p, (igi_rgrad_product){h, h, p->rows, last, p->ld_t,
                                              IGI_RGRAD_H_PACK, dr + p->zr * h, h, NULL,
                                              false});
}

static void run_direction(const igi_rgrad *p)
{
    const int64_t h = p->r.hidden;
    int64_t lo, hi, from, to;
    ig_split(h, IGI_RGRAD_PAD, p->tid, p->nth, &lo, &hi);
    set_up(p, lo, hi);
    ig_barrier(p->k);
    igi_rgrad_forward(p, lo, hi);
    igi_rgrad_backward(p, lo, hi);
    ig_split(p->width, IGI_RGRAD_PAD, p->tid, p->nth, &from, &to);
    turn(p, IGI_RGRAD_TURNED, IGI_RGRAD_GATES, p->ld_g, from, to);
    if (igi_rgrad_is_gru(p))
        turn(p, IGI_RGRAD_PART_TURNED, IGI_RGRAD_PART, p->ld_h, lo, hi);
    pack(p, IGI_RGRAD_X_PACK, igi_rgrad_input(p, IGI_REC_X), p->r.input, 1, p->r.input,
         p->rows);
    clear_resting(p);
    pack(p, IGI_RGRAD_H_PACK, igi_rgrad_array(p, IGI_RGRAD_H_BEFORE), p->ld_h, 1, h,
         p->rows);
    ig_barrier(p->k);
    put_biases(p, lo, hi);
    put_states(p, lo, hi);
    put_products(p);
    ig_barrier(p->k);
}

/* ---- the kernel ---- */

static ig_status grad_supports(const ig_kernel_ctx *k)
{
    igi_recurrent r;
    IG_TRY(igi_recurrent_read(k, &r));
    static const int functions[] = {1, 3, 2}; /* ORDER: cell */
    for (int d = 0; d < r.dirs; d++)
        for (int f = 0; f < functions[r.cell]; f++)
            if (!igi_rgrad_takes(&r.fn[d][f]))
                return ig_reject("an activation other than Sigmoid, Tanh and Relu");
    if (((const igi_recurrent_attrs *)k->attrs)->clip > 0)
        return ig_reject("clip");
    if (r.cell == IGI_CELL_LSTM && r.option)
        return ig_reject("input_forget");
    return IG_OK;
}

static ig_status grad_prepare(ig_kernel_ctx *k)
{
    igi_rgrad p;
    IG_TRY(measure(k, &p));
    k->scratch_bytes =
        (p.at[IGI_RGRAD_ARRAYS] / (size_t)k->threads + 1) * sizeof(float);
    return IG_OK;
}

static ig_status grad_run(ig_kernel_ctx *k, int tid, int nth)
{
    igi_rgrad p;
    IG_TRY(measure(k, &p));
    IG_TRY(igi_recurrent_lengths(k, &p.r));
    igi_stop stop = igi_kstop(k);
    p.stop = &stop;
    p.tid = tid;
    p.nth = nth;
    for (p.d = 0; p.d < p.r.dirs; p.d++)
        run_direction(&p);
    return igi_kstop_status(&stop);
}

IG_KERNELS(recurrent_grad) = {
    {IG_KERNEL_HEAD, .op = "ingot::RecurrentGrad", .name = "products",
     .types = IG_T(FLOAT32), .needs = IG_KERNEL_HEAVY | IG_NEED_NONEMPTY,
     .supports = grad_supports, .prepare = grad_prepare, .run_team = grad_run},
    {0},
};
