/* The cells of RNN, LSTM and GRU on dual numbers, forward and backward in time; see
 * common_recurrent.h for what duals are good for.
 *
 * Everything is converted to duals once; sequences and directions are independent, so
 * one sequence is run at a time: forward over its steps, keeping the pre-activations
 * and states, then, for gradients, backward over them. Rows of gates lie as in W: RNN
 * (h), LSTM (i, o, f, c), GRU (z, r, h). */
#include "graph/core/alloc.h"
#include "operators/common_float.h"
#include "operators/common_recurrent.h"

typedef struct {
    double v, t;
} dual;

typedef struct {
    ig_kernel_ctx *k;
    igi_recurrent r;
    dual *in[IGI_REC_INPUTS];   /* zeros where absent */
    dual *grad[IGI_REC_INPUTS]; /* gradients only */
    dual *dy[3], *out[3];       /* of Y, Y_h, Y_c */
    /* of one sequence: by step, then one step's */
    dual *pre, *part, *h, *c; /* part, GRU only: R_h h + Rb_h, or r * h */
    dual *dpre, *drec, *dh, *dc, *dpart;
    void *block;
} run;

/* ---- duals ---- */

static dual add(dual a, dual b)
{
    return (dual){a.v + b.v, a.t + b.t};
}
static dual sub(dual a, dual b)
{
    return (dual){a.v - b.v, a.t - b.t};
}
static dual mul(dual a, dual b)
{
    return (dual){a.v * b.v, a.v * b.t + a.t * b.v};
}
static const dual one = {1, 0};

static dual dot(const dual *a, const dual *b, int64_t n)
{
    dual sum = {0, 0};
    for (int64_t i = 0; i < n; i++)
        sum = add(sum, mul(a[i], b[i]));
    return sum;
}
/* y += f * x */
static void axpy(dual *y, dual f, const dual *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = add(y[i], mul(f, x[i]));
}

/* Function f of direction d at the clipped x: its value, or its slope. */
static dual function(const run *w, int d, int f, dual x, bool slope)
{
    double at[3];
    const double clip = w->r.clip;
    bool inside = !(x.v > clip || x.v < -clip);
    igi_rec_fn_at(&w->r.fn[d][f], inside ? x.v : x.v > 0 ? clip : -clip, at);
    if (slope)
        return inside ? (dual){at[1], at[2] * x.t} : (dual){0, 0};
    return (dual){at[0], inside ? at[1] * x.t : 0};
}
static dual act(const run *w, int d, int f, dual x)
{
    return function(w, d, f, x, false);
}
static dual slope(const run *w, int d, int f, dual x)
{
    return function(w, d, f, x, true);
}

/* ---- where things lie ---- */

static int64_t rows_of(const run *w)
{
    return w->r.gates * w->r.hidden;
}
/* Row j of W, R and B in direction d. */
static int64_t w_at(const run *w, int d, int64_t j)
{
    return (d * rows_of(w) + j) * w->r.input;
}
static int64_t r_at(const run *w, int d, int64_t j)
{
    return (d * rows_of(w) + j) * w->r.hidden;
}
static int64_t b_at(const run *w, int d, int64_t j, bool recurrent)
{
    return (d * 2 + recurrent) * rows_of(w) + j;
}
static int64_t state_at(const run *w, int d, int64_t b)
{
    return d * w->r.h_dir + b * w->r.h_seq;
}
/* Rows whose product with the state is simply added; GRU's third gate is apart. */
static int64_t plain_rows(const run *w)
{
    return w->r.cell == IGI_CELL_GRU ? 2 * w->r.hidden : rows_of(w);
}

/* ---- forward ---- */

static void lstm_forward(run *w, int d, dual *pre, int64_t s)
{
    const int64_t n = w->r.hidden;
    const dual *p = w->in[IGI_REC_P] + d * 3 * n, *before = w->c + s * n;
    dual *h = w->h + (s + 1) * n, *c = w->c + (s + 1) * n;
    for (int64_t j = 0; j < n; j++) {
        pre[j] = add(pre[j], mul(p[j], before[j]));
        pre[2 * n + j] = add(pre[2 * n + j], mul(p[2 * n + j], before[j]));
        dual i = act(w, d, 0, pre[j]), g = act(w, d, 1, pre[3 * n + j]);
        dual f = w->r.option ? sub(one, i) : act(w, d, 0, pre[2 * n + j]);
        c[j] = add(mul(f, before[j]), mul(i, g));
        pre[n + j] = add(pre[n + j], mul(p[n + j], c[j]));
        h[j] = mul(act(w, d, 0, pre[n + j]), act(w, d, 2, c[j]));
    }
}

static void gru_forward(run *w, int d, dual *pre, int64_t s)
{
    const int64_t n = w->r.hidden;
    const dual *before = w->h + s * n, *bias = w->in[IGI_REC_B] + b_at(w, d, 2 * n, 1);
    const dual *r = w->in[IGI_REC_R] + r_at(w, d, 2 * n);
    dual *h = w->h + (s + 1) * n, *part = w->part + s * n;
    for (int64_t j = 0; j < n; j++) {
        dual reset = act(w, d, 0, pre[n + j]);
        if (w->r.option) {
            part[j] = add(bias[j], dot(r + j * n, before, n));
            pre[2 * n + j] = add(pre[2 * n + j], mul(reset, part[j]));
        } else {
            part[j] = mul(reset, before[j]);
        }
    }
    for (int64_t j = 0; j < n; j++) {
        if (!w->r.option)
            pre[2 * n + j] = add(pre[2 * n + j], add(bias[j], dot(r + j * n, part, n)));
        dual z = act(w, d, 0, pre[j]), fresh = act(w, d, 1, pre[2 * n + j]);
        h[j] = add(mul(sub(one, z), fresh), mul(z, before[j]));
    }
}

static void step_forward(run *w, int d, int64_t b, int64_t s)
{
    const int64_t n = w->r.hidden, rows = rows_of(w), plain = plain_rows(w);
    const int64_t at = igi_recurrent_step(&w->r, d, b, s);
    const dual *x = w->in[IGI_REC_X] + at * w->r.x_step + b * w->r.x_seq;
    const dual *before = w->h + s * n, *bias = w->in[IGI_REC_B];
    dual *pre = w->pre + s * rows;
    for (int64_t j = 0; j < rows; j++) {
        pre[j] = add(bias[b_at(w, d, j, false)],
                     dot(w->in[IGI_REC_W] + w_at(w, d, j), x, w->r.input));
        if (j < plain)
            pre[j] = add(pre[j], add(bias[b_at(w, d, j, true)],
                                     dot(w->in[IGI_REC_R] + r_at(w, d, j), before, n)));
    }
    if (w->r.cell == IGI_CELL_LSTM)
        lstm_forward(w, d, pre, s);
    else if (w->r.cell == IGI_CELL_GRU)
        gru_forward(w, d, pre, s);
    else
        for (int64_t j = 0; j < n; j++)
            w->h[(s + 1) * n + j] = act(w, d, 0, pre[j]);
    dual *y = w->out[0] + at * w->r.y_step + d * w->r.y_dir + b * w->r.y_seq;
    memcpy(y, w->h + (s + 1) * n, (size_t)n * sizeof(dual));
}

static ig_status sequence_forward(run *w, int d, int64_t b)
{
    const int64_t n = w->r.hidden, length = igi_recurrent_length(&w->r, b);
    const int64_t at = state_at(w, d, b);
    const size_t bytes = (size_t)n * sizeof(dual);
    memcpy(w->h, w->in[IGI_REC_H0] + at, bytes);
    memcpy(w->c, w->in[IGI_REC_C0] + at, bytes);
    for (int64_t s = 0; s < length; s++) {
        IG_TRY(ig_poll(w->k));
        step_forward(w, d, b, s);
    }
    memcpy(w->out[1] + at, w->h + length * n, bytes);
    memcpy(w->out[2] + at, w->c + length * n, bytes);
    return IG_OK;
}

/* ---- backward: dpre, drec (the part of R's products), dh and dc of the step before */

static void lstm_backward(run *w, int d, const dual *pre, int64_t s)
{
    const int64_t n = w->r.hidden;
    const dual *p = w->in[IGI_REC_P] + d * 3 * n;
    const dual *before = w->c + s * n, *c = w->c + (s + 1) * n;
    dual *dp = w->grad[IGI_REC_P] + d * 3 * n, *di = w->dpre;
    dual *d_o = di + n, *df = di + 2 * n, *dg = di + 3 * n;
    for (int64_t j = 0; j < n; j++) {
        dual i = act(w, d, 0, pre[j]), o = act(w, d, 0, pre[n + j]);
        dual f = w->r.option ? sub(one, i) : act(w, d, 0, pre[2 * n + j]);
        dual g = act(w, d, 1, pre[3 * n + j]), dh = w->dh[j];
        d_o[j] = mul(mul(dh, act(w, d, 2, c[j])), slope(w, d, 0, pre[n + j]));
        dual dc = add(w->dc[j], mul(mul(dh, o), slope(w, d, 2, c[j])));
        dc = add(dc, mul(d_o[j], p[n + j]));
        dual gain = w->r.option ? sub(g, before[j]) : g;
        di[j] = mul(mul(dc, gain), slope(w, d, 0, pre[j]));
        df[j] = w->r.option ? (dual){0, 0}
                            : mul(mul(dc, before[j]), slope(w, d, 0, pre[2 * n + j]));
        dg[j] = mul(mul(dc, i), slope(w, d, 1, pre[3 * n + j]));
        dp[j] = add(dp[j], mul(di[j], before[j]));
        dp[n + j] = add(dp[n + j], mul(d_o[j], c[j]));
        dp[2 * n + j] = add(dp[2 * n + j], mul(df[j], before[j]));
        w->dc[j] = add(mul(dc, f), add(mul(di[j], p[j]), mul(df[j], p[2 * n + j])));
        w->dh[j] = (dual){0, 0};
    }
}

static void gru_backward(run *w, int d, const dual *pre, int64_t s)
{
    const int64_t n = w->r.hidden;
    const dual *before = w->h + s * n, *part = w->part + s * n;
    const int64_t at = r_at(w, d, 2 * n);
    const dual *r = w->in[IGI_REC_R] + at;
    dual *dr = w->grad[IGI_REC_R] + at, *dz = w->dpre, *dreset = dz + n,
         *dfresh = dz + 2 * n;
    memset(w->dpart, 0, (size_t)n * sizeof(dual));
    for (int64_t j = 0; j < n; j++) {
        dual z = act(w, d, 0, pre[j]), fresh = act(w, d, 1, pre[2 * n + j]);
        dual dh = w->dh[j];
        dz[j] = mul(mul(dh, sub(before[j], fresh)), slope(w, d, 0, pre[j]));
        dfresh[j] = mul(mul(dh, sub(one, z)), slope(w, d, 1, pre[2 * n + j]));
        w->dh[j] = mul(dh, z);
        w->drec[2 * n + j] = dfresh[j];
        if (!w->r.option) { /* R_h (r * h): here, as its input is not the state */
            axpy(w->dpart, dfresh[j], r + j * n, n);
            axpy(dr + j * n, dfresh[j], part, n);
        }
    }
    for (int64_t j = 0; j < n; j++) {
        dual reset = act(w, d, 0, pre[n + j]), dgate;
        if (w->r.option) {
            dgate = mul(dfresh[j], part[j]);
            w->drec[2 * n + j] = mul(dfresh[j], reset);
            axpy(w->dh, w->drec[2 * n + j], r + j * n, n);
            axpy(dr + j * n, w->drec[2 * n + j], before, n);
        } else {
            dgate = mul(w->dpart[j], before[j]);
            w->dh[j] = add(w->dh[j], mul(w->dpart[j], reset));
        }
        dreset[j] = mul(dgate, slope(w, d, 0, pre[n + j]));
    }
}

static void step_backward(run *w, int d, int64_t b, int64_t s)
{
    const int64_t n = w->r.hidden, rows = rows_of(w), plain = plain_rows(w);
    const int64_t at = igi_recurrent_step(&w->r, d, b, s);
    const int64_t x_at = at * w->r.x_step + b * w->r.x_seq;
    const dual *dy = w->dy[0] + at * w->r.y_step + d * w->r.y_dir + b * w->r.y_seq;
    const dual *pre = w->pre + s * rows, *before = w->h + s * n;
    for (int64_t j = 0; j < n; j++)
        w->dh[j] = add(w->dh[j], dy[j]);
    if (w->r.cell == IGI_CELL_LSTM)
        lstm_backward(w, d, pre, s);
    else if (w->r.cell == IGI_CELL_GRU)
        gru_backward(w, d, pre, s);
    else
        for (int64_t j = 0; j < n; j++) {
            w->dpre[j] = mul(w->dh[j], slope(w, d, 0, pre[j]));
            w->dh[j] = (dual){0, 0};
        }
    for (int64_t j = 0; j < rows; j++) {
        dual *db = w->grad[IGI_REC_B], g = w->dpre[j];
        dual rec = j < plain ? g : w->drec[j];
        db[b_at(w, d, j, false)] = add(db[b_at(w, d, j, false)], g);
        db[b_at(w, d, j, true)] = add(db[b_at(w, d, j, true)], rec);
        axpy(w->grad[IGI_REC_W] + w_at(w, d, j), g, w->in[IGI_REC_X] + x_at,
             w->r.input);
        axpy(w->grad[IGI_REC_X] + x_at, g, w->in[IGI_REC_W] + w_at(w, d, j),
             w->r.input);
        if (j >= plain)
            continue;
        axpy(w->grad[IGI_REC_R] + r_at(w, d, j), g, before, n);
        axpy(w->dh, g, w->in[IGI_REC_R] + r_at(w, d, j), n);
    }
}

static ig_status sequence_backward(run *w, int d, int64_t b)
{
    const int64_t n = w->r.hidden, at = state_at(w, d, b);
    const size_t bytes = (size_t)n * sizeof(dual);
    memcpy(w->dh, w->dy[1] + at, bytes);
    memcpy(w->dc, w->dy[2] + at, bytes);
    for (int64_t s = igi_recurrent_length(&w->r, b); s-- > 0;) {
        IG_TRY(ig_poll(w->k));
        step_backward(w, d, b, s);
    }
    memcpy(w->grad[IGI_REC_H0] + at, w->dh, bytes);
    memcpy(w->grad[IGI_REC_C0] + at, w->dc, bytes);
    return IG_OK;
}

/* ---- memory and conversion ---- */

/* Elements of the eight inputs, then of Y, Y_h, Y_c. */
static void counts(const run *w, int64_t n[IGI_REC_COTANGENTS])
{
    const igi_recurrent *r = &w->r;
    int64_t rows = r->dirs * rows_of(w), state = r->dirs * r->batch * r->hidden;
    n[IGI_REC_X] = r->steps * r->batch * r->input;
    n[IGI_REC_W] = rows * r->input;
    n[IGI_REC_R] = rows * r->hidden;
    n[IGI_REC_B] = 2 * rows;
    n[IGI_REC_LENS] = 0;
    n[IGI_REC_H0] = n[IGI_REC_C0] = state;
    n[IGI_REC_P] = 3 * r->dirs * r->hidden;
    n[IGI_REC_INPUTS] = r->steps * state;
    n[IGI_REC_INPUTS + 1] = n[IGI_REC_INPUTS + 2] = state;
}

/* One block for all arrays; factors were checked when X, W, R and Y got their shapes.
 */
static ig_status make_room(run *w, bool gradient)
{
    int64_t n[IGI_REC_COTANGENTS], h = w->r.hidden, rows = rows_of(w), total = 0;
    struct {
        dual **p;
        int64_t n;
    } parts[40];
    int used = 0;
    counts(w, n);
#define PART(p_, n_) (parts[used].p = &(p_), parts[used++].n = (n_))
    for (int i = 0; i < IGI_REC_INPUTS; i++) {
        PART(w->in[i], n[i]);
        PART(w->grad[i], gradient ? n[i] : 0);
    }
    for (int i = 0; i < 3; i++) {
        PART(w->out[i], n[IGI_REC_INPUTS + i]);
        PART(w->dy[i], gradient ? n[IGI_REC_INPUTS + i] : 0);
    }
    PART(w->pre, w->r.steps * rows);
    PART(w->part, w->r.cell == IGI_CELL_GRU ? w->r.steps * h : 0);
    PART(w->h, (w->r.steps + 1) * h);
    PART(w->c, (w->r.steps + 1) * h);
    PART(w->dpre, rows);
    PART(w->drec, rows);
    PART(w->dh, h);
    PART(w->dc, h);
    PART(w->dpart, h);
#undef PART
    for (int i = 0; i < used; i++)
        if (!igi_add_i64(total, parts[i].n, &total))
            return ig_kernel_fail(w->k, IG_LIMIT, "its sequences are too large");
    dual *at = w->block = igi_calloc((size_t)total, sizeof(dual));
    if (!at)
        return IG_OUT_OF_MEMORY;
    for (int i = 0; i < used; at += parts[i++].n)
        *parts[i].p = at;
    return IG_OK;
}

static void load(dual *to, const ig_tensor *t, bool tangent)
{
    for (int64_t i = 0; t && i < ig_numel(t); i++) {
        double v = igi_get_f64(ig_dtype_of(t), ig_data(t), i);
        *(tangent ? &to[i].t : &to[i].v) = v;
    }
}

static void store(ig_tensor *t, const dual *from, bool tangent)
{
    for (int64_t i = 0; t && i < ig_numel(t); i++)
        igi_put_f64(ig_dtype_of(t), ig_data(t), i, tangent ? from[i].t : from[i].v);
}

static ig_status begin(run *w, ig_kernel_ctx *k, bool gradient, bool tangents)
{
    *w = (run){.k = k};
    IG_TRY(igi_recurrent_read(k, &w->r));
    IG_TRY(igi_recurrent_lengths(k, &w->r));
    IG_TRY(make_room(w, gradient));
    for (int i = 0; i < IGI_REC_INPUTS; i++)
        if (i != IGI_REC_LENS)
            load(w->in[i], ig_in(k, i), false);
    for (int i = 0; gradient && i < 3; i++)
        load(w->dy[i], ig_in(k, IGI_REC_INPUTS + i), false);
    for (int i = 0; tangents && i < IGI_REC_GRADS; i++)
        load(w->in[igi_recurrent_input_of(i)], ig_in(k, IGI_REC_COTANGENTS + i), true);
    return IG_OK;
}

static ig_status run_all(run *w, bool gradient)
{
    for (int d = 0; d < w->r.dirs; d++)
        for (int64_t b = 0; b < w->r.batch; b++) {
            IG_TRY(sequence_forward(w, d, b));
            if (gradient)
                IG_TRY(sequence_backward(w, d, b));
        }
    return IG_OK;
}

ig_status igi_recurrent_forward(ig_kernel_ctx *k)
{
    run w;
    ig_status rc = begin(&w, k, false, false);
    if (rc == IG_OK)
        rc = run_all(&w, false);
    for (int i = 0; rc == IG_OK && i < 3; i++)
        store(ig_out(k, i), w.out[i], false);
    igi_free(w.block);
    return rc;
}

/* The seven gradients; their tangents with `second`, and those of Y, Y_h, Y_c. */
static ig_status run_gradient(ig_kernel_ctx *k, bool second)
{
    run w;
    ig_status rc = begin(&w, k, true, second);
    if (rc == IG_OK)
        rc = run_all(&w, true);
    for (int i = 0; rc == IG_OK && i < IGI_REC_GRADS; i++)
        store(ig_out(k, i), w.grad[igi_recurrent_input_of(i)], second);
    for (int i = 0; rc == IG_OK && second && i < 3; i++)
        store(ig_out(k, IGI_REC_GRADS + i), w.out[i], true);
    igi_free(w.block);
    return rc;
}

ig_status igi_recurrent_backward(ig_kernel_ctx *k)
{
    return run_gradient(k, false);
}

ig_status igi_recurrent_second(ig_kernel_ctx *k)
{
    return run_gradient(k, true);
}
