/* Linear quantization: shapes of scales, storing quotients, sums of integer products.
 */
#include "operators/common_quant.h"

#include <inttypes.h>

#include "operators/common_matmul.h"

/* ---- granularity ---- */

static bool is_one(const ig_type *t)
{
    return t->rank == 0 || (t->rank == 1 && ig_type_dims(t)[0] == 1);
}

/* Blocks along the axis: ceil(dim / block) of them. */
static ig_status check_blocks(ig_infer *x, int axis, int64_t block)
{
    const ig_type *v = x->in[0], *s = x->in[1];
    for (int i = 0; i < v->rank; i++) {
        int64_t want = ig_type_dims(v)[i];
        if (i == axis)
            want = ig_dim_div(x->syms, ig_dim_add(x->syms, want, block - 1), block);
        IG_TRY(ig_infer_equal(x, ig_type_dims(s)[i], want,
                              i == axis ? "blocks of the scale and of x"
                                        : "dims of the scale and of x",
                              NULL));
    }
    return IG_OK;
}

static ig_status check_scale(ig_infer *x, int64_t axis, int64_t block)
{
    const ig_type *v = x->in[0], *s = x->in[1];
    int at;
    if (is_one(s) && !(block && v->rank == 1))
        return IG_OK;
    if (s->rank != (block ? v->rank : 1))
        return ig_infer_fail(
            x,
            "the scale has rank %d; it must be a number, a vector along axis %" PRId64
            ", or with block_size a tensor of x's rank",
            s->rank, axis);
    IG_TRY(ig_infer_axis(x, axis, v->rank, false, &at));
    if (block)
        return check_blocks(x, at, block);
    if (ig_dim_is_symbol(ig_type_dims(s)[0])) /* may turn out to be 1 */
        return IG_OK;
    return ig_infer_equal(x, ig_type_dims(s)[0], ig_type_dims(v)[at],
                          "elements of the scale and of x along the axis", NULL);
}

ig_status igi_quant_infer(ig_infer *x, int64_t axis, int64_t block)
{
    const ig_type *s = x->in[1], *zero = x->n_in > 2 ? x->in[2] : NULL;
    IG_TRY(check_scale(x, axis, block));
    if (zero && !(is_one(zero) && is_one(s))) {
        if (zero->rank != s->rank)
            return ig_infer_fail(x, "scale and zero point must have one shape");
        for (int i = 0; i < s->rank; i++)
            IG_TRY(ig_infer_equal(x, ig_type_dims(zero)[i], ig_type_dims(s)[i],
                                  "dims of the zero point and the scale", NULL));
    }
    return ig_infer_copy(x, 0, 0);
}

void igi_quant_map_set(igi_quant_map *m,
                       const ig_tensor *x,
                       const ig_tensor *scale,
                       int64_t axis,
                       int64_t block)
{
    *m = (igi_quant_map){.axis = 1, .inner = ig_numel(x), .blocks = 1};
    bool one = ig_rank(scale) == 0 || (ig_rank(scale) == 1 && ig_dims(scale)[0] == 1);
    if (m->inner == 0)
        m->inner = 1;
    if (one && !(block && ig_rank(x) == 1))
        return;
    int at = (int)(axis < 0 ? axis + ig_rank(x) : axis);
    m->axis = ig_dims(x)[at] > 0 ? ig_dims(x)[at] : 1;
    m->inner = 1;
    for (int i = at + 1; i < ig_rank(x); i++)
        m->inner *= ig_dims(x)[i] > 0 ? ig_dims(x)[i] : 1;
    m->block = block;
    m->blocks = block ? ig_dims(scale)[at] : m->axis;
}

/* ---- elements ---- */

void igi_quant_range(ig_dtype type, int32_t *low, int32_t *high)
{
    int bits = ig_dtype_bits(type);
    bool is_signed = igi_dtype_is_signed(type);
    *low = is_signed ? -(1 << (bits - 1)) : 0;
    *high = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
}

void igi_quant_store(ig_tensor *y, int64_t i, double q, double zero, bool saturate)
{
    const ig_dtype type = ig_dtype_of(y);
    uint8_t *p = ig_data(y);
    if (type == IG_FLOAT4E2M1) {
        igi_packed_set(p, i, 4, igi_f32_to_f8(type, (float)(q + zero), true));
        return;
    }
    if (igi_dtype_is_float(type)) {
        p[i] = igi_f32_to_f8(type, (float)(q + zero), saturate);
        return;
    }
    int32_t low, high;
    igi_quant_range(type, &low, &high);
    q = rint(q) + zero;
    q = q > low ? q : low; /* also NaN */
    igi_put_i64(type, p, i, (int64_t)(q < high ? q : high));
}

void igi_quant_dynamic(float low, float high, float *scale, float *zero)
{
    *scale = high > low ? (high - low) / 255.0f : 1.0f;
    float z = 0.0f - low / *scale;
    z = z > 0.0f ? z : 0.0f; /* also NaN, of an infinite range */
    *zero = rintf(z < 255.0f ? z : 255.0f);
}

ig_status igi_quant_bytes_check(ig_infer *x, int64_t type, int64_t low, int64_t high)
{
    int32_t least, most;
    if (!(IGI_QUANT_BYTES >> type & 1))
        return ig_infer_fail(x, "`to` must be uint8 or int8");
    igi_quant_range((ig_dtype)type, &least, &most);
    if (low < least || high > most || low > high)
        return ig_infer_fail(x,
                             "bounds [%" PRId64 ", %" PRId64 "]: they must lie in [%d, "
                             "%d]",
                             low, high, least, most);
    return IG_OK;
}

ig_status igi_quant_zero_check(ig_infer *x, int port, int64_t zero)
{
    if (port >= x->n_in || !x->in[port])
        return IG_OK;
    int32_t least, most;
    igi_quant_range((ig_dtype)x->in[port]->dtype, &least, &most);
    if (zero < least || zero > most)
        return ig_infer_fail(x, "zero point %" PRId64 " of %s lies outside [%d, %d]",
                             zero, x->op->inputs[port].name, least, most);
    return IG_OK;
}

/* ---- matrices ---- */

ig_status igi_quant_matrix_infer(ig_infer *x, int port, int of)
{
    const ig_type *t = x->n_in > port ? x->in[port] : NULL, *m = x->in[of];
    const char *name = x->op->inputs[port].name;
    if (!t || is_one(t) || m->rank < 1)
        return IG_OK;
    bool left = of == 0;
    int lines = left ? m->rank - 2 : m->rank - 1;
    if (t->rank == 1 && m->rank > 1)
        return ig_infer_equal(x, ig_type_dims(t)[0], ig_type_dims(m)[lines],
                              left ? "elements of a parameter of A and rows of A"
                                   : "elements of a parameter of B and columns of B",
                              NULL);
    if (t->rank != m->rank || m->rank < 2)
        return ig_infer_fail(
            x, "%s must be a number, a vector of one a %s, or have the rank of %s",
            name, left ? "row" : "column", x->op->inputs[of].name);
    for (int i = 0; i < t->rank; i++) {
        int64_t want = i < t->rank - 2 || i == lines ? ig_type_dims(m)[i] : 1;
        if (ig_type_dims(t)[i] != 1)
            IG_TRY(ig_infer_equal(x, ig_type_dims(t)[i], want,
                                  "dims of a parameter and of its matrix", NULL));
    }
    return IG_OK;
}

igi_quant_line
igi_quant_line_of(const ig_kernel_ctx *k, int port, int batch, int64_t item)
{
    igi_quant_line line = {.t = ig_in(k, port)};
    if (!line.t)
        return line;
    int rank = ig_rank(line.t);
    int64_t lines = rank ? ig_dims(line.t)[rank - 1] : 1;
    if (rank > 1)
        lines *= ig_dims(line.t)[rank - 2];
    line.step = lines > 1;
    if (rank > 2) /* as many batch dims as its operand, so y has no fewer */
        line.at = igi_batch_offset(line.t, lines, ig_dims(ig_out(k, 0)), batch, item);
    return line;
}

ig_status igi_quant_each_product(ig_kernel_ctx *k,
                                 const igi_quant_ports *ports,
                                 igi_quant_product_fn f)
{
    const ig_tensor *a = ig_in(k, ports->a), *b = ig_in(k, ports->b), *y = ig_out(k, 0);
    igi_mat_mul_shape s;
    igi_mat_mul_set(&s, a, b, y);
    igi_pace pace = igi_pace_of(k);
    for (int64_t i = 0; i < s.items; i++) {
        igi_quant_product p = {
            .a = a,
            .b = b,
            .a_zero = igi_quant_line_of(k, ports->a_zero, s.batch, i),
            .b_zero = igi_quant_line_of(k, ports->b_zero, s.batch, i),
            .m = s.m,
            .n = s.n,
            .depth = s.depth,
            .a_at = igi_batch_offset(a, s.m * s.depth, ig_dims(y), s.batch, i),
            .b_at = igi_batch_offset(b, s.depth * s.n, ig_dims(y), s.batch, i),
            .y_at = i * s.m * s.n,
            .batch = s.batch,
            .item = i};
        p.pace = pace;
        IG_TRY(f(k, &p));
        pace = p.pace;
    }
    return IG_OK;
}

double igi_quant_dot(const igi_quant_product *p, int64_t row, int64_t col)
{
    const ig_dtype at = ig_dtype_of(p->a), bt = ig_dtype_of(p->b);
    double za = igi_quant_line_get(&p->a_zero, row, 0),
           zb = igi_quant_line_get(&p->b_zero, col, 0), sum = 0;
    for (int64_t i = 0; i < p->depth; i++)
        sum += (igi_get_f64(at, ig_data(p->a), p->a_at + row * p->depth + i) - za) *
               (igi_get_f64(bt, ig_data(p->b), p->b_at + i * p->n + col) - zb);
    return sum;
}

/* ---- convolutions ---- */

ig_status
igi_quant_conv_infer(ig_infer *x, int xp, int wp, const int *ports, uint32_t channels)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[xp]->rank;
    if (x->in[wp]->rank != rank || rank < 3)
        return ig_infer_fail(x, "x and w must have the same rank, at least 3");
    const int64_t *wd = ig_type_dims(x->in[wp]);
    IG_TRY(igi_conv_infer(x, x->attrs, rank, ig_type_dims(x->in[xp]), wd, dims));
    for (; *ports >= 0; ports++) {
        const ig_type *t = x->n_in > *ports ? x->in[*ports] : NULL;
        if (!t || is_one(t))
            continue;
        if (t->rank != 1 || !(channels >> *ports & 1))
            return ig_infer_fail(
                x, "%s must be a number%s", x->op->inputs[*ports].name,
                channels >> *ports & 1 ? " or a vector of one an output channel" : "");
        IG_TRY(ig_infer_equal(x, ig_type_dims(t)[0], wd[0],
                              "elements of a parameter and output channels", NULL));
    }
    return ig_infer_set(x, 0, rank, dims);
}

void igi_quant_conv_set(
    igi_quant_conv *c, const ig_kernel_ctx *k, int x, int x_zero, int w, int w_zero)
{
    const ig_tensor *xt = ig_in(k, x), *wt = ig_in(k, w);
    *c = (igi_quant_conv){.v = {.x = ig_data(xt), .w = ig_data(wt), .pixel = 1},
                          .x_signed = igi_dtype_is_signed(ig_dtype_of(xt)),
                          .w_signed = igi_dtype_is_signed(ig_dtype_of(wt)),
                          .x_zero = (int32_t)igi_scalar_i64(ig_in(k, x_zero), 0),
                          .w_zero = ig_in(k, w_zero)};
    igi_conv_set(&c->v.c, k->attrs, ig_rank(xt), ig_dims(xt), ig_dims(wt),
                 ig_dims(ig_out(k, 0)));
    c->y_channel = c->v.c.out_plane;
    c->y_pixel = 1;
    c->v.channel = c->v.c.in_plane;
    c->v.item = c->v.c.group * c->v.c.c * c->v.channel;
}

/* One tap of one channel: acc[o] += weight * (x - zero) for the positions it meets. */
static void add_tap(const igi_quant_conv *c,
                    int32_t weight,
                    int64_t at,
                    int64_t step,
                    int64_t n,
                    int32_t *acc)
{
    for (int64_t o = 0; o < n; o++) {
        int32_t v = igi_load_byte(c->x_signed, c->v.x, at + o * step) - c->x_zero;
        acc[o] = (int32_t)((uint32_t)acc[o] + (uint32_t)(weight * v));
    }
}

static void
conv_row(const igi_quant_conv *q, int64_t row, int64_t lo, int64_t hi, int32_t *acc)
{
    const igi_conv_call *v = &q->v;
    const igi_conv *c = &v->c;
    const igi_window_axis *a = igi_conv_row_axis(c);
    int64_t many = q->w_zero ? ig_numel(q->w_zero) : 1;
    int32_t zero = q->w_zero ? (int32_t)igi_quant_zero(q->w_zero, many > 1 ? v->m : 0)
                             : q->w_number;
    memset(acc, 0, (size_t)(hi - lo) * sizeof(*acc));
    for (int64_t tap = 0; tap < c->taps; tap++) {
        int64_t from, to, in_row = igi_window_in_row(&c->w, row, tap / a->kernel);
        igi_window_taps(a, tap % a->kernel, lo, hi, &from, &to);
        if (in_row < 0 || from >= to)
            continue;
        int64_t column = from * a->stride + tap % a->kernel * a->dilation - a->pad;
        int64_t at = v->n * v->item + v->m / c->m * c->c * v->channel +
                     (in_row * a->in + column) * v->pixel;
        for (int64_t ch = 0; ch < c->c; ch++) {
            int64_t w_at = (v->m * c->c + ch) * c->taps + tap;
            add_tap(q, igi_load_byte(q->w_signed, v->w, w_at) - zero,
                    at + ch * v->channel, a->stride * v->pixel, to - from,
                    acc + (from - lo));
        }
    }
}

ig_status
igi_quant_conv_run(ig_kernel_ctx *k, igi_quant_conv *c, igi_quant_conv_fn f, void *user)
{
    int32_t acc[IGI_CHUNK];
    igi_conv_call *v = &c->v;
    v->pace = igi_pace_of(k);
    const int64_t width = igi_conv_row_axis(&v->c)->out;
    const int64_t channels = v->c.group * v->c.m, rows = v->c.w.out_outer;
    for (v->n = 0; v->n < v->c.batch; v->n++)
        for (v->m = 0; v->m < channels; v->m++) {
            for (int64_t i = 0; i < rows; i++) {
                IG_TRY(igi_pace_go(&v->pace, v->c.c * v->c.taps * (width / 16 + 1)));
                int64_t at = v->n * channels * v->c.out_plane + v->m * c->y_channel +
                             i * width * c->y_pixel;
                for (int64_t lo = 0, hi; lo < width; lo = hi) {
                    hi = igi_chunk_end(lo, width);
                    conv_row(c, i, lo, hi, acc);
                    f(c, user, at + lo * c->y_pixel, hi - lo, acc);
                }
            }
        }
    return IG_OK;
}
