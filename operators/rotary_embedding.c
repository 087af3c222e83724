/* RotaryEmbedding: pairs (a, b) of a head's row turn by the angle of their position:
 *   a' = cos a - sin b, b' = sin a + cos b.
 * Pair j is elements (j, j + n / 2) of the first n, or (2 j, 2 j + 1) when interleaved;
 * what follows them is copied. Angles come as caches, one row a position (with
 * position_ids) or a token. */
#include <inttypes.h>

#include "operators/common_float.h"
#include "operators/common_grad.h"
#include "operators/common_move.h"

IG_USES_OP(Gather);
IG_USES_OP(GatherGrad);
IG_USES_OP(Neg);
IG_USES_OP(Reshape);
IG_USES_OP(RotaryEmbedding);
IG_USES_OP(Slice);
IG_USES_OP(Transpose);

enum { X, COS, SIN, IDS };

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "[batch, heads, tokens, size] or [batch, tokens, heads * size]."),
    IG_PORT("cos_cache",
            'T',
            "[positions, n / 2], or [batch, tokens, n / 2] without position_ids."),
    IG_PORT("sin_cache", 'T', "Shape of cos_cache."),
    IG_PORT("position_ids",
            'M',
            "Position of each token [batch, tokens].",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Shape of X."),
    {0},
};
/* float64 is more than ONNX has. */
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'M', IG_T(INT64)}, {0}};

typedef struct {
    uint32_t struct_size;
    int64_t interleaved, num_heads, rotary_embedding_dim;
} rotary_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(rotary_attrs,
                interleaved,
                0,
                "1: pairs are neighbours; 0: they lie n / 2 apart.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(rotary_attrs,
                num_heads,
                0,
                "Heads of an X of rank 3.",
                .min = 0,
                .max = INT32_MAX),
    IG_ATTR_INT(rotary_attrs,
                rotary_embedding_dim,
                0,
                "n, the elements of a head that turn; 0: all.",
                .min = 0,
                .max = INT32_MAX),
    {0},
};

/* ---- infer ---- */

static ig_status check_caches(ig_infer *x, int64_t batch, int64_t tokens, int64_t half)
{
    const ig_type *ids = x->n_in > IDS ? x->in[IDS] : NULL;
    for (int port = COS; port <= SIN; port++) {
        const int64_t *d = ig_type_dims(x->in[port]);
        if (x->in[port]->rank != (ids ? 2 : 3))
            return ig_infer_fail(x, "the caches must have rank %d %s position_ids",
                                 ids ? 2 : 3, ids ? "with" : "without");
        IG_TRY(ig_infer_equal(x, d[ids ? 1 : 2], half,
                              "the last dim of a cache and half of what turns", NULL));
        if (!ids)
            IG_TRY(ig_infer_equal(x, d[0], batch, "batches of X and a cache", NULL));
        IG_TRY(ig_infer_equal(x, d[ids ? 0 : 1],
                              ids ? ig_type_dims(x->in[COS])[0] : tokens,
                              "rows of the caches", NULL));
    }
    if (!ids)
        return IG_OK;
    if (ids->rank != 2)
        return ig_infer_fail(x, "position_ids must have rank 2");
    IG_TRY(ig_infer_equal(x, ig_type_dims(ids)[0], batch,
                          "batches of X and position_ids", NULL));
    return ig_infer_equal(x, ig_type_dims(ids)[1], tokens,
                          "tokens of X and position_ids", NULL);
}

static ig_status rotary_infer(ig_infer *x)
{
    const rotary_attrs *a = x->attrs;
    const int64_t *d = ig_type_dims(x->in[X]);
    const bool packed = x->in[X]->rank == 3;
    if (!packed && x->in[X]->rank != 4)
        return ig_infer_fail(x, "X must have rank 3 or 4");
    if (packed && (a->num_heads < 1 || (d[2] >= 0 && d[2] % a->num_heads)))
        return ig_infer_fail(
            x, "an X of rank 3 needs num_heads, of which its last dim is a multiple");
    int64_t size = packed ? ig_dim_div(x->syms, d[2], a->num_heads) : d[3];
    int64_t n = a->rotary_embedding_dim ? a->rotary_embedding_dim : size;
    if (n >= 0 && (n % 2 || (size >= 0 && n > size)))
        return ig_infer_fail(
            x, "%" PRId64 " elements of a head of %" PRId64 " cannot turn in pairs", n,
            size);
    IG_TRY(check_caches(x, d[0], packed ? d[1] : d[2], ig_dim_div(x->syms, n, 2)));
    return ig_infer_copy(x, 0, X);
}

/* ---- gradient ---- */

static ig_var slice(ig_grad *g, ig_var v, int64_t start, ig_var end, int64_t step)
{
    const int64_t last = -1;
    ig_var in[5] = {v, ig_grad_ints(g, &start, 1), end, ig_grad_ints(g, &last, 1),
                    ig_grad_ints(g, &step, 1)},
           out;
    (void)ig_emit_n(g, IG_OP(Slice), NULL, in, 5, &out, 1);
    return out;
}

/* The first or second elements of all pairs of v[..., size]. */
static ig_var pair_part(ig_grad *g, ig_var v, int part)
{
    const rotary_attrs *a = ig_grad_attrs(g);
    const igi_axis_attrs first = {sizeof(first), 0};
    const int64_t last = -1, two = 2;
    ig_var half = ig_emit2(g, IG_OP(Gather), &first, ig_grad_in_shape(g, COS),
                           ig_grad_ints(g, &last, 1));
    ig_var n = igi_emit_mul(g, half, ig_grad_ints(g, &two, 1));
    if (a->interleaved)
        return slice(g, v, part, n, 2);
    ig_var head = slice(g, v, 0, n, 1);
    if (part == 0)
        return slice(g, head, 0, half, 1);
    ig_var in[4] = {head, half, n, ig_grad_ints(g, &last, 1)}, out;
    (void)ig_emit_n(g, IG_OP(Slice), NULL, in, 4, &out, 1);
    return out;
}

/* [batch, tokens, heads, size] */
static ig_var by_tokens(ig_grad *g, ig_var v)
{
    const rotary_attrs *a = ig_grad_attrs(g);
    const int64_t perm[4] = {0, 2, 1, 3}, cut[4] = {0, 0, a->num_heads, -1};
    const igi_transpose_attrs turn = {sizeof(turn), {4, perm}};
    if (ig_grad_in_type(g, X)->rank == 4)
        return ig_emit1(g, IG_OP(Transpose), &turn, v);
    return ig_emit2(g, IG_OP(Reshape), NULL, v, ig_grad_ints(g, cut, 4));
}

/* A gradient [batch, tokens, n / 2] back to the rows of the cache. */
static ig_var to_cache(ig_grad *g, ig_var d, int port)
{
    const igi_axis_attrs rows = {sizeof(rows), 0};
    if (!ig_grad_in_type(g, IDS))
        return d;
    return ig_emit3(g, IG_OP(GatherGrad), &rows, d, ig_grad_in(g, IDS),
                    ig_grad_in_shape(g, port));
}

/* dX turns dy back; with pairs (a, b) of X and (c, d) of dy, summed over heads,
 * dcos = a c + b d and dsin = a d - b c. */
static ig_status rotary_gradient(ig_grad *g)
{
    const int64_t heads[1] = {2};
    ig_var dy = ig_grad_dy(g, 0);
    if (ig_grad_wants(g, X)) {
        ig_var in[4] = {dy, ig_grad_in(g, COS),
                        ig_emit1(g, IG_OP(Neg), NULL, ig_grad_in(g, SIN))},
               dx;
        bool ids = ig_grad_in_type(g, IDS) != NULL;
        if (ids)
            in[3] = ig_grad_in(g, IDS);
        (void)ig_emit_n(g, IG_OP(RotaryEmbedding), ig_grad_attrs(g), in, ids ? 4 : 3,
                        &dx, 1);
        ig_grad_set(g, X, dx);
    }
    if (!ig_grad_wants(g, COS) && !ig_grad_wants(g, SIN))
        return IG_OK;
    ig_var x = by_tokens(g, ig_grad_in(g, X)), part[2][2];
    dy = by_tokens(g, dy);
    for (int i = 0; i < 2; i++) {
        part[0][i] = pair_part(g, x, i);
        part[1][i] = pair_part(g, dy, i);
    }
    for (int port = COS; port <= SIN; port++) {
        bool turned = port == SIN;
        ig_var p = igi_emit_mul(g, part[0][0], part[1][turned]),
               q = igi_emit_mul(g, part[0][1], part[1][!turned]);
        ig_var d = turned ? igi_emit_sub(g, p, q) : igi_emit_add(g, p, q);
        d = igi_emit_squeeze(g, igi_emit_sum(g, d, heads, 1), heads, 1);
        ig_grad_set(g, port, to_cache(g, d, port));
    }
    return IG_OK;
}

/* ---- reference ---- */

typedef struct {
    const rotary_attrs *a;
    const void *x, *cos, *sin;
    void *y;
    int64_t size, n; /* of a head; elements that turn */
} rotary_call;

/* One head's row at `at`, with row `angle` of the caches. */
IGI_INLINE void rotary_row(ig_dtype T, const rotary_call *v, int64_t at, int64_t angle)
{
    const int64_t half = v->n / 2, step = v->a->interleaved ? 2 : 1,
                  apart = v->a->interleaved ? 1 : half;
    for (int64_t j = 0; j < half; j++) {
        const double c = igi_load(T, v->cos, angle * half + j),
                     s = igi_load(T, v->sin, angle * half + j);
        const double a = igi_load(T, v->x, at + j * step),
                     b = igi_load(T, v->x, at + j * step + apart);
        igi_store(T, v->y, at + j * step, c * a - s * b);
        igi_store(T, v->y, at + j * step + apart, s * a + c * b);
    }
    for (int64_t j = v->n; j < v->size; j++)
        igi_store(T, v->y, at + j, igi_load(T, v->x, at + j));
}

static ig_status rotary_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, X), *ids = ig_in(k, IDS), *cos = ig_in(k, COS);
    const int64_t *d = ig_dims(x);
    const bool packed = ig_rank(x) == 3;
    rotary_call v = {.a = k->attrs,
                     .x = ig_data(x),
                     .cos = ig_data(cos),
                     .sin = ig_data(ig_in(k, SIN)),
                     .y = ig_data(ig_out(k, 0))};
    const int64_t heads = packed ? v.a->num_heads : d[1], tokens = packed ? d[1] : d[2];
    v.size = packed ? d[2] / heads : d[3];
    v.n = 2 * ig_dims(cos)[ig_rank(cos) - 1];
    if (ids)
        IG_TRY(igi_indices_check(k, ids, ig_dims(cos)[0]));
    for (int64_t b = 0; b < d[0]; b++) {
        for (int64_t t = 0; t < tokens; t++) {
            int64_t angle = b * tokens + t;
            if (ids) {
                angle = ((const int64_t *)ig_data(ids))[angle];
                angle += angle < 0 ? ig_dims(cos)[0] : 0;
            }
            for (int64_t h = 0; h < heads; h++) {
                int64_t row = packed ? (b * tokens + t) * heads + h
                                     : (b * heads + h) * tokens + t;
                IGI_EACH_FLOAT(k, ig_dtype_of(x),
                               rotary_row(T, &v, row * v.size, angle));
            }
        }
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(rotary_attrs)
static const rotary_attrs neighbours = {HEAD, .interleaved = 1};
static const rotary_attrs packed2 = {HEAD, .num_heads = 2};
static const rotary_attrs part = {HEAD, .rotary_embedding_dim = 4};
static const rotary_attrs part_packed = {HEAD, .num_heads = 2, .interleaved = 1,
                                         .rotary_embedding_dim = 2};

static const ig_sample samples[] = {
    {.name = "by_position",
     IGI_INPUTS(IGI_IN(2, 3, 2, 4),
                IGI_IN(5, 2),
                IGI_IN(5, 2),
                {IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT64, 4, 0, 1, 4)})},
    {.name = "by_token",
     IGI_INPUTS(IGI_IN(2, 3, 2, 4), IGI_IN(2, 2, 2), IGI_IN(2, 2, 2))},
    {.name = "interleaved",
     .attrs = &neighbours,
     IGI_INPUTS(IGI_IN(1, 2, 2, 6), IGI_IN(1, 2, 3), IGI_IN(1, 2, 3))},
    {.name = "packed",
     .attrs = &packed2,
     IGI_INPUTS(IGI_IN(2, 2, 8), IGI_IN(2, 2, 2), IGI_IN(2, 2, 2))},
    {.name = "a_part_turns",
     .attrs = &part,
     IGI_INPUTS(IGI_IN(1, 2, 3, 6), IGI_IN(1, 3, 2), IGI_IN(1, 3, 2))},
    {.name = "a_part_of_packed_heads_turns",
     .attrs = &part_packed,
     IGI_INPUTS(IGI_IN(1, 2, 10),
                IGI_IN(3, 1),
                IGI_IN(3, 1),
                {IG_SHAPE_IN(1, 2), IGI_DATA(IG_INT64, -1, 1)})},
    {.name = "no_tokens",
     IGI_INPUTS(IGI_IN(1, 2, 0, 4), IGI_IN(1, 0, 2), IGI_IN(1, 0, 2))},
    {.name = "size_one",
     IGI_INPUTS(IGI_IN(1, 1, 1, 2), IGI_IN(1, 1, 1), IGI_IN(1, 1, 1))},
    {0},
};

static const ig_save saves[] = {
    IG_SAVE_IN(X, IG_BIT(COS) | IG_BIT(SIN)),
    IG_SAVE_IN(COS, IG_BIT(X)),
    IG_SAVE_IN(SIN, IG_BIT(X)),
    IG_SAVE_IN(IDS, IG_BIT(X) | IG_BIT(COS) | IG_BIT(SIN)),
    {0},
};

IG_OPERATOR(RotaryEmbedding) = {
    IG_OP_HEAD,
    .name = "RotaryEmbedding",
    .since = 23,
    .doc =
        "Turns pairs of elements of every head by the angles of the tokens' positions, "
        "given by their cosines and sines.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(rotary_attrs),
    .infer = rotary_infer,
    .gradient = rotary_gradient,
    .saves = saves,
    .reference = rotary_reference,
    .samples = samples,
};
