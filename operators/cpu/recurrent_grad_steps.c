/* The steps of the RecurrentGrad kernel, forward and backward: products by threads'
 * columns, cells by threads' hidden units. */
#include <string.h>

#include "operators/cpu/recurrent_grad.h"

void igi_rgrad_multiply(const igi_rgrad *p, igi_rgrad_product v)
{
    int64_t lo, hi;
    igi_gemm g = {.m = v.m,
                  .n = v.n,
                  .k = v.k,
                  .a = v.a,
                  .lda = v.lda,
                  .b = igi_rgrad_array(p, v.b),
                  .c = v.c,
                  .ldc = v.ldc,
                  .epilogue = {.bias = v.bias,
                               .residual = v.add ? v.c : NULL,
                               .ld_residual = v.ldc}};
    ig_split(igi_gemm_panels(p->isa, v.n), 1, p->tid, p->nth, &lo, &hi);
    if (lo < hi)
        igi_gemm_run(p->isa, &g, 0, v.m, lo, hi, p->stop);
}

/* One step's rows of an array, as an operand. */
static float *rows_at(const igi_rgrad *p, int what, int64_t t, int64_t column)
{
    int64_t ld = what == IGI_RGRAD_GATES ? p->ld_g : p->ld_h;
    return igi_rgrad_array(p, what) + igi_rgrad_row(p, t, 0) * ld + column;
}

/* ---- activations ---- */

bool igi_rgrad_takes(const igi_rec_fn *f)
{
    return f->kind == IGI_REC_ACT_SIGMOID || f->kind == IGI_REC_ACT_TANH ||
           f->kind == IGI_REC_ACT_RELU;
}

static void activate(const igi_rgrad *p, int f, float *y, const float *x, int64_t n)
{
    igi_rec_act kind = p->r.fn[p->d][f].kind;
    p->isa->unary[kind == IGI_REC_ACT_SIGMOID ? IGI_UNARY_SIGMOID
                  : kind == IGI_REC_ACT_TANH  ? IGI_UNARY_TANH
                                              : IGI_UNARY_RELU](y, x, n, NULL);
}

/* The slope where the value is y. */
static float slope(igi_rec_act kind, float y)
{
    return kind == IGI_REC_ACT_SIGMOID ? y * (1 - y)
           : kind == IGI_REC_ACT_TANH  ? 1 - y * y
           : y > 0                     ? 1.0f
                                       : 0.0f;
}

/* ---- forward: one sequence's step, units [lo, hi) ---- */

static void
lstm_forward(const igi_rgrad *p, float *g, int64_t row, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden, at = row * p->ld_h, n = hi - lo;
    const float *before = igi_rgrad_array(p, IGI_RGRAD_C_BEFORE) + at,
                *w = igi_rgrad_input(p, IGI_REC_P);
    float *c = igi_rgrad_array(p, IGI_RGRAD_C_AFTER) + at;
    const float *peep = w ? w + p->d * 3 * h : NULL;
    for (int64_t j = lo; peep && j < hi; j++) {
        g[j] += peep[j] * before[j];
        g[2 * h + j] += peep[2 * h + j] * before[j];
    }
    activate(p, 0, g + lo, g + lo, n);
    activate(p, 0, g + 2 * h + lo, g + 2 * h + lo, n);
    activate(p, 1, g + 3 * h + lo, g + 3 * h + lo, n);
    for (int64_t j = lo; j < hi; j++)
        c[j] = g[2 * h + j] * before[j] + g[j] * g[3 * h + j];
    for (int64_t j = lo; peep && j < hi; j++)
        g[h + j] += peep[h + j] * c[j];
    activate(p, 0, g + h + lo, g + h + lo, n);
    activate(p, 2, igi_rgrad_array(p, IGI_RGRAD_H_OF_C) + at + lo, c + lo, n);
}

/* The new state into `out`; gates are activated already. */
static void new_state(
    const igi_rgrad *p, const float *g, int64_t row, float *out, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden, at = row * p->ld_h;
    const float *before = igi_rgrad_array(p, IGI_RGRAD_H_BEFORE) + at,
                *of_c = igi_rgrad_array(p, IGI_RGRAD_H_OF_C) + at;
    for (int64_t j = lo; j < hi; j++)
        out[j] = p->r.cell == IGI_CELL_LSTM ? g[h + j] * of_c[j]
                 : igi_rgrad_is_gru(p) ? (1 - g[j]) * g[2 * h + j] + g[j] * before[j]
                                       : g[j];
}

/* Step s of all sequences after the products: states of the next step. */
static void finish_forward(const igi_rgrad *p, int64_t s, int64_t lo, int64_t hi)
{
    const int64_t t = igi_rgrad_time(p, s), bytes = (hi - lo) * (int64_t)sizeof(float);
    const bool lstm = p->r.cell == IGI_CELL_LSTM, last = s + 1 == p->r.steps;
    for (int64_t b = 0; b < p->r.batch; b++) {
        int64_t row = igi_rgrad_row(p, t, b);
        int64_t next = last ? row : igi_rgrad_row(p, igi_rgrad_time(p, s + 1), b);
        float *g = igi_rgrad_array(p, IGI_RGRAD_GATES) + row * p->ld_g;
        const float *h = igi_rgrad_array(p, IGI_RGRAD_H_BEFORE) + row * p->ld_h;
        const float *c = igi_rgrad_array(p, IGI_RGRAD_C_BEFORE) + row * p->ld_h;
        if (igi_rgrad_active(p, t, b) && lstm)
            lstm_forward(p, g, row, lo, hi);
        else if (igi_rgrad_active(p, t, b))
            activate(p, igi_rgrad_is_gru(p), g + p->width - p->r.hidden + lo,
                     g + p->width - p->r.hidden + lo, hi - lo);
        if (last)
            continue;
        float *to = igi_rgrad_array(p, IGI_RGRAD_H_BEFORE) + next * p->ld_h;
        if (igi_rgrad_active(p, t, b))
            new_state(p, g, row, to, lo, hi);
        else
            memcpy(to + lo, h + lo, (size_t)bytes);
        if (lstm)
            memcpy(igi_rgrad_array(p, IGI_RGRAD_C_BEFORE) + next * p->ld_h + lo,
                   (igi_rgrad_active(p, t, b)
                        ? igi_rgrad_array(p, IGI_RGRAD_C_AFTER) + row * p->ld_h
                        : c) +
                       lo,
                   (size_t)bytes);
    }
}

/* GRU: z and r, and what the last gate's product with the state needs. */
static void gru_reset(const igi_rgrad *p, int64_t t, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden;
    for (int64_t b = 0; b < p->r.batch; b++) {
        int64_t row = igi_rgrad_row(p, t, b);
        float *g = igi_rgrad_array(p, IGI_RGRAD_GATES) + row * p->ld_g,
              *part = igi_rgrad_array(p, IGI_RGRAD_PART) + row * p->ld_h;
        const float *before = igi_rgrad_array(p, IGI_RGRAD_H_BEFORE) + row * p->ld_h;
        activate(p, 0, g + lo, g + lo, hi - lo);
        activate(p, 0, g + h + lo, g + h + lo, hi - lo);
        for (int64_t j = lo; j < hi; j++) {
            if (p->r.option)
                g[2 * h + j] += g[h + j] * part[j];
            else
                part[j] = g[h + j] * before[j];
        }
    }
}

void igi_rgrad_forward(const igi_rgrad *p, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden, n = p->r.batch, step = igi_rgrad_row_step(p);
    const float *bias = igi_rgrad_array(p, IGI_RGRAD_BIAS);
    igi_rgrad_multiply(p, (igi_rgrad_product){p->rows, p->width, p->r.input,
                                              igi_rgrad_input(p, IGI_REC_X), p->r.input,
                                              IGI_RGRAD_W_IN,
                                              igi_rgrad_array(p, IGI_RGRAD_GATES),
                                              p->ld_g, bias, false});
    ig_barrier(p->k);
    for (int64_t s = 0; s < p->r.steps; s++) {
        const int64_t t = igi_rgrad_time(p, s), ld_g = step * p->ld_g,
                      ld_h = step * p->ld_h;
        const float *state = rows_at(p, IGI_RGRAD_H_BEFORE, t, 0);
        igi_rgrad_multiply(p, (igi_rgrad_product){
                                  n, p->zr, h, state, ld_h, IGI_RGRAD_R_IN,
                                  rows_at(p, IGI_RGRAD_GATES, t, 0), ld_g, NULL, true});
        if (igi_rgrad_is_gru(p) && p->r.option)
            igi_rgrad_multiply(p, (igi_rgrad_product){n, h, h, state, ld_h,
                                                      IGI_RGRAD_RN_IN,
                                                      rows_at(p, IGI_RGRAD_PART, t, 0),
                                                      ld_h, bias + p->width, false});
        ig_barrier(p->k);
        if (igi_rgrad_is_gru(p))
            gru_reset(p, t, lo, hi);
        if (igi_rgrad_is_gru(p) && !p->r.option) {
            ig_barrier(p->k);
            igi_rgrad_multiply(
                p, (igi_rgrad_product){
                       n, h, h, rows_at(p, IGI_RGRAD_PART, t, 0), ld_h, IGI_RGRAD_RN_IN,
                       rows_at(p, IGI_RGRAD_GATES, t, 2 * h), ld_g, NULL, true});
            ig_barrier(p->k);
        }
        finish_forward(p, s, lo, hi);
        ig_barrier(p->k);
    }
}

/* ---- backward: gates become gradients of pre-activations ---- */

static void lstm_backward(
    const igi_rgrad *p, float *g, int64_t row, int64_t b, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden, at = row * p->ld_h;
    const igi_rec_fn *fn = p->r.fn[p->d];
    const float *before = igi_rgrad_array(p, IGI_RGRAD_C_BEFORE) + at,
                *c = igi_rgrad_array(p, IGI_RGRAD_C_AFTER) + at;
    const float *of_c = igi_rgrad_array(p, IGI_RGRAD_H_OF_C) + at,
                *w = igi_rgrad_input(p, IGI_REC_P);
    float *dh = igi_rgrad_array(p, IGI_RGRAD_DH) + b * p->ld_h,
          *dc = igi_rgrad_array(p, IGI_RGRAD_DC) + b * p->ld_h;
    float *dp = igi_rgrad_array(p, IGI_RGRAD_DP);
    const float *peep = w ? w + p->d * 3 * h : NULL;
    for (int64_t j = lo; j < hi; j++) {
        float i = g[j], o = g[h + j], f = g[2 * h + j], x = g[3 * h + j];
        float d_o = dh[j] * of_c[j] * slope(fn[0].kind, o);
        float d = dc[j] + dh[j] * o * slope(fn[2].kind, of_c[j]);
        if (peep)
            d += d_o * peep[h + j];
        float di = d * x * slope(fn[0].kind, i);
        float df = d * before[j] * slope(fn[0].kind, f);
        g[j] = di;
        g[h + j] = d_o;
        g[2 * h + j] = df;
        g[3 * h + j] = d * i * slope(fn[1].kind, x);
        dc[j] = d * f;
        dh[j] = 0;
        if (!peep)
            continue;
        dc[j] += di * peep[j] + df * peep[2 * h + j];
        dp[j] += di * before[j];
        dp[h + j] += d_o * c[j];
        dp[2 * h + j] += df * before[j];
    }
}

/* z and the last gate; with linear_before_reset also r. */
static void gru_backward(
    const igi_rgrad *p, float *g, int64_t row, int64_t b, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden, at = row * p->ld_h;
    const igi_rec_fn *fn = p->r.fn[p->d];
    const float *before = igi_rgrad_array(p, IGI_RGRAD_H_BEFORE) + at;
    float *dh = igi_rgrad_array(p, IGI_RGRAD_DH) + b * p->ld_h,
          *part = igi_rgrad_array(p, IGI_RGRAD_PART) + at;
    for (int64_t j = lo; j < hi; j++) {
        float z = g[j], r = g[h + j], x = g[2 * h + j];
        float dx = dh[j] * (1 - z) * slope(fn[1].kind, x);
        g[j] = dh[j] * (before[j] - x) * slope(fn[0].kind, z);
        g[2 * h + j] = dx;
        dh[j] *= z;
        if (p->r.option) {
            g[h + j] = dx * part[j] * slope(fn[0].kind, r);
            part[j] = dx * r;
        }
    }
}

/* Without linear_before_reset: r, once IGI_RGRAD_DPART has the gradient of r * h. */
static void gru_reset_backward(const igi_rgrad *p, int64_t t, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden;
    const igi_rec_act kind = p->r.fn[p->d][0].kind;
    for (int64_t b = 0; b < p->r.batch; b++) {
        int64_t row = igi_rgrad_row(p, t, b);
        float *g = igi_rgrad_array(p, IGI_RGRAD_GATES) + row * p->ld_g;
        const float *before = igi_rgrad_array(p, IGI_RGRAD_H_BEFORE) + row * p->ld_h;
        const float *q = igi_rgrad_array(p, IGI_RGRAD_DPART) + b * p->ld_h;
        float *dh = igi_rgrad_array(p, IGI_RGRAD_DH) + b * p->ld_h;
        for (int64_t j = lo; igi_rgrad_active(p, t, b) && j < hi; j++) {
            float r = g[h + j];
            g[h + j] = q[j] * before[j] * slope(kind, r);
            dh[j] += q[j] * r;
        }
    }
}

static void begin_backward(const igi_rgrad *p, int64_t t, int64_t lo, int64_t hi)
{
    const float *dy = igi_rgrad_input(p, IGI_REC_INPUTS);
    const int64_t h = p->r.hidden;
    const igi_rec_act kind = p->r.fn[p->d][0].kind;
    for (int64_t b = 0; b < p->r.batch; b++) {
        int64_t row = igi_rgrad_row(p, t, b);
        float *g = igi_rgrad_array(p, IGI_RGRAD_GATES) + row * p->ld_g,
              *dh = igi_rgrad_array(p, IGI_RGRAD_DH) + b * p->ld_h;
        if (!igi_rgrad_active(p, t, b)) { /* the state passed through */
            for (int64_t i = 0; i < p->r.gates; i++)
                memset(g + i * h + lo, 0, (size_t)(hi - lo) * sizeof(float));
            if (igi_rgrad_is_gru(p))
                memset(igi_rgrad_array(p, IGI_RGRAD_PART) + row * p->ld_h + lo, 0,
                       (size_t)(hi - lo) * sizeof(float));
            continue;
        }
        const float *y =
            dy ? dy + t * p->r.y_step + p->d * p->r.y_dir + b * p->r.y_seq : NULL;
        for (int64_t j = lo; y && j < hi; j++)
            dh[j] += y[j];
        if (p->r.cell == IGI_CELL_LSTM)
            lstm_backward(p, g, row, b, lo, hi);
        else if (igi_rgrad_is_gru(p))
            gru_backward(p, g, row, b, lo, hi);
        else
            for (int64_t j = lo; j < hi; j++) {
                g[j] = dh[j] * slope(kind, g[j]);
                dh[j] = 0;
            }
    }
}

void igi_rgrad_backward(const igi_rgrad *p, int64_t lo, int64_t hi)
{
    const int64_t h = p->r.hidden, n = p->r.batch, step = igi_rgrad_row_step(p);
    for (int64_t s = p->r.steps; s-- > 0;) {
        const int64_t t = igi_rgrad_time(p, s), ld_g = step * p->ld_g,
                      ld_h = step * p->ld_h;
        float *dh = igi_rgrad_array(p, IGI_RGRAD_DH);
        begin_backward(p, t, lo, hi);
        ig_barrier(p->k);
        if (igi_rgrad_is_gru(p) && !p->r.option) {
            igi_rgrad_multiply(
                p, (igi_rgrad_product){n, h, h, rows_at(p, IGI_RGRAD_GATES, t, 2 * h),
                                       ld_g, IGI_RGRAD_RN_BACK,
                                       igi_rgrad_array(p, IGI_RGRAD_DPART), p->ld_h,
                                       NULL, false});
            ig_barrier(p->k);
            gru_reset_backward(p, t, lo, hi);
            ig_barrier(p->k);
        } else if (igi_rgrad_is_gru(p)) {
            igi_rgrad_multiply(
                p, (igi_rgrad_product){n, h, h, rows_at(p, IGI_RGRAD_PART, t, 0), ld_h,
                                       IGI_RGRAD_RN_BACK, dh, p->ld_h, NULL, true});
        }
        /* sequences that rest add 0 */
        igi_rgrad_multiply(
            p, (igi_rgrad_product){n, h, p->zr, rows_at(p, IGI_RGRAD_GATES, t, 0), ld_g,
                                   IGI_RGRAD_R_BACK, dh, p->ld_h, NULL, true});
        ig_barrier(p->k);
    }
}
