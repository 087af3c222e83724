/* Weights of 2, 4 or 8 bits in blocks: bytes of the file become a tensor of that type
 * without a copy, and DequantizeLinear says the rest. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/tensor.h"
#include "importers/onnx/compose.h"
#include "importers/onnx/contrib.h"

static ig_dtype packed_type(igi_make *m, int64_t bits)
{
    if (bits != 2 && bits != 4 && bits != 8)
        igi_mk_refuse(m, "bits is %" PRId64 ", but must be 2, 4 or 8", bits);
    return bits == 2 ? IG_UINT2 : bits == 4 ? IG_UINT4 : IG_UINT8;
}

static void drop_base(void *data, void *base)
{
    (void)data;
    ig_tensor_unref(base);
}

/* The bytes of v, a constant, as [rows, columns] of a packed type: low bits first. */
static ig_value_id reread(igi_make *m,
                          ig_value_id v,
                          const char *what,
                          ig_dtype to,
                          int64_t rows,
                          int64_t columns)
{
    ig_tensor *t = igi_mk_constant(m, v, what), *out = NULL;
    const int64_t dims[2] = {rows, columns};
    int64_t count;
    size_t bytes;
    if (m->rc != IG_OK)
        return v;
    if (ig_tensor_dtype(t) != IG_UINT8 || !ig_tensor_is_contiguous(t) ||
        !igi_dims_count(2, dims, &count) || !igi_dtype_bytes(to, count, &bytes) ||
        bytes != ig_tensor_nbytes(t)) {
        m->rc = ig_fail(IG_INVALID_GRAPH,
                        "%s holds %zu bytes, which are not %" PRId64 " rows of %" PRId64
                        " numbers",
                        what, ig_tensor_nbytes(t), rows, columns);
        return v;
    }
    t = ig_tensor_ref(t);
    m->rc = ig_tensor_wrap(&out, to, 2, dims, ig_tensor_data(t), bytes, drop_base, t);
    if (m->rc != IG_OK) {
        ig_tensor_unref(t);
        return v;
    }
    out->st->flags |= t->st->flags & (IGI_READONLY | IGI_MAPPED);
    return igi_mk_tensor(m, out);
}

/* v[:, :columns]; in a copy, since few operators know packed types. */
static ig_value_id first_columns(igi_make *m, ig_value_id v, int64_t columns)
{
    ig_tensor *t = igi_mk_constant(m, v, "zero_points"), *out = NULL;
    if (m->rc != IG_OK)
        return v;
    const ig_dtype dtype = ig_tensor_dtype(t);
    const int64_t dims[2] = {ig_tensor_dim(t, 0), columns}, row = ig_tensor_dim(t, 1);
    m->rc = ig_tensor_new(&out, dtype, 2, dims);
    if (m->rc != IG_OK)
        return v;
    for (int64_t r = 0; r < dims[0]; r++)
        for (int64_t c = 0; c < columns; c++)
            igi_put_f64(dtype, ig_tensor_data(out), r * columns + c,
                        igi_get_f64(dtype, ig_tensor_data(t), r * row + c));
    return igi_mk_tensor(m, out);
}

typedef struct nbits {
    int64_t n, k, bits, block, blocks, padded; /* padded: k up to whole blocks */
    ig_dtype type;
} nbits;

/* The middle of the range, for each block. */
static ig_value_id middle(igi_make *m, const nbits *b)
{
    const int64_t dims[2] = {b->n, b->blocks};
    const int byte = b->bits == 8 ? 0x80 : b->bits == 4 ? 0x88 : 0xaa;
    ig_tensor *t;
    if (m->rc == IG_OK)
        m->rc = ig_tensor_new(&t, b->type, 2, dims);
    if (m->rc != IG_OK)
        return (ig_value_id){0};
    if (ig_tensor_nbytes(t))
        memset(ig_tensor_data(t), byte, ig_tensor_nbytes(t));
    return igi_mk_tensor(m, t);
}

static ig_value_id zero_points(igi_make *m, const nbits *b, ig_value_id given)
{
    const int64_t per = 8 / b->bits, row = (b->blocks + per - 1) / per * per;
    if (!given.i)
        return middle(m, b);
    ig_value_id v = reread(m, given, "zero_points", b->type, b->n, row);
    return row == b->blocks ? v : first_columns(m, v, b->blocks);
}

/* B as real [n, k]. Zero points are packed like B, or of the type of the scales: then
 * (q - zero) * scale is written out. */
static ig_value_id dequantized(igi_make *m, const nbits *b)
{
    ig_value_id w = reread(m, igi_mk_in(m, 1), "B", b->type, b->n, b->padded);
    ig_value_id scale = igi_mk_reshape(m, igi_mk_in(m, 2), IGI_LIST(b->n, b->blocks));
    ig_value_id zero = igi_mk_in(m, 3);
    const ig_dtype dtype = igi_mk_dtype(m, scale);
    if (!zero.i || igi_mk_dtype(m, zero) == IG_UINT8) {
        w = igi_mk(m, IGI_IN(w, scale, zero_points(m, b, zero)),
                   "DequantizeLinear axis=1 block_size=%" PRId64, b->block);
    } else {
        w = igi_mk_reshape(m, igi_mk_cast(m, w, dtype),
                           IGI_LIST(b->n, b->blocks, b->block));
        zero = igi_mk_reshape(m, zero, IGI_LIST(b->n, b->blocks, 1));
        scale = igi_mk_unsqueeze(m, scale, IGI_LIST(2));
        w = igi_mk(m, IGI_IN(igi_mk(m, IGI_IN(w, zero), "Sub"), scale), "Mul");
        w = igi_mk_reshape(m, w, IGI_LIST(b->n, b->padded));
    }
    return b->padded == b->k ? w
                             : igi_mk(m,
                                      IGI_IN(w, igi_mk_ints(m, IGI_LIST(0)),
                                             igi_mk_ints(m, IGI_LIST(b->k)),
                                             igi_mk_ints(m, IGI_LIST(1))),
                                      "Slice");
}

/* A [..., k] by the transpose of B [n, k]. Inputs: A, B, scales, zero points?, g_idx?,
 * bias?. */
ig_status igi_ms_mat_mul_nbits(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    nbits b = {.n = igi_mk_int(&m, "N", 0),
               .k = igi_mk_int(&m, "K", 0),
               .bits = igi_mk_int(&m, "bits", 4),
               .block = igi_mk_int(&m, "block_size", 0)};
    igi_mk_ignore(&m, "accuracy_level"); /* a permission to compute with less */
    b.type = packed_type(&m, b.bits);
    if (b.n < 1 || b.k < 1 || b.block < 16 || b.block > 65536 || b.k > INT64_MAX / 2 ||
        (b.block & (b.block - 1)))
        igi_mk_refuse(&m, "N and K must be positive, block_size a power of 2 from 16");
    if (igi_mk_has(&m, 4))
        igi_mk_refuse(&m, "input g_idx is not supported");
    if (igi_mk_int(&m, "weight_prepacked", 0))
        igi_mk_refuse(&m, "weight_prepacked must be 0");
    if (m.rc != IG_OK)
        return m.rc;
    b.blocks = (b.k + b.block - 1) / b.block;
    b.padded = b.blocks * b.block;
    ig_value_id w = igi_mk(&m, IGI_IN(dequantized(&m, &b)), "Transpose perm=1,0");
    ig_value_id y = igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), w), "MatMul");
    if (igi_mk_has(&m, 5))
        y = igi_mk(&m, IGI_IN(y, igi_mk_in(&m, 5)), "Add");
    return igi_mk_give(&m, y);
}

/* ---- four bits that stand for a float ---- */

/* FP4: a sign and three bits; NF4: quantiles of the normal distribution, in [-1, 1]. */
static const double fours[2][16] = {
    {0.0, 0.005208333333, 0.66666667, 1.0, 0.33333333, 0.5, 0.16666667, 0.25, -0.0,
     -0.005208333333, -0.66666667, -1.0, -0.33333333, -0.5, -0.16666667, -0.25},
    {-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
     -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
     0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
     0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0},
};

/* `count` of them in v, a constant, high bits first; zeros fill up whole blocks. */
static ig_value_id spelled(
    igi_make *m, ig_value_id v, int64_t type, ig_dtype to, int64_t count, int64_t block)
{
    ig_tensor *t = igi_mk_constant(m, v, "B"), *out = NULL;
    const int64_t dims[2] = {count / block + (count % block != 0), block};
    if (m->rc != IG_OK)
        return v;
    if (ig_tensor_dtype(t) != IG_UINT8 || !ig_tensor_is_contiguous(t) ||
        ig_tensor_nbytes(t) != (size_t)(count / 2 + count % 2)) {
        m->rc =
            ig_fail(IG_INVALID_GRAPH,
                    "B holds %zu bytes, which are not %" PRId64 " numbers of four bits",
                    ig_tensor_nbytes(t), count);
        return v;
    }
    m->rc = ig_tensor_new(&out, to, 2, dims);
    if (m->rc != IG_OK)
        return v;
    const uint8_t *from = ig_tensor_data(t);
    for (int64_t i = 0; i < dims[0] * block; i++)
        igi_put_f64(to, ig_tensor_data(out), i,
                    i < count ? fours[type][from[i / 2] >> (i % 2 ? 0 : 4) & 15] : 0);
    return igi_mk_tensor(m, out);
}

/* A [..., k] by the transpose of B [n, k]. Inputs: A, B, the largest absolute value of
 * each block of all of B. */
ig_status igi_ms_mat_mul_bnb4(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    int64_t rows = igi_mk_int(&m, "N", 0), columns = igi_mk_int(&m, "K", 0);
    int64_t block = igi_mk_int(&m, "block_size", 0);
    int64_t type = igi_mk_int(&m, "quant_type", -1), count = 0;
    const int64_t dims[2] = {rows, columns};
    igi_mk_ignore(&m, "training_mode"); /* whether B's derivative will be asked for */
    if (rows < 1 || columns < 1 || !igi_dims_count(2, dims, &count) ||
        count > INT64_MAX / 2 || block < 16 || block > 65536 || (block & (block - 1)))
        igi_mk_refuse(&m, "N and K must be positive, block_size a power of 2 from 16");
    if (type != 0 && type != 1)
        igi_mk_refuse(&m, "quant_type must be 0 or 1");
    if (igi_mk_int(&m, "transB", 1) == 0)
        igi_mk_refuse(&m, "transB must be 1"); /* 0: of training */
    if (m.rc != IG_OK)
        return m.rc;
    ig_value_id scale = igi_mk_in(&m, 2);
    ig_value_id w =
        spelled(&m, igi_mk_in(&m, 1), type, igi_mk_dtype(&m, scale), count, block);
    w = igi_mk(&m, IGI_IN(w, igi_mk_reshape(&m, scale, IGI_LIST(-1, 1))), "Mul");
    if (count % block != 0)
        w = igi_mk(&m,
                   IGI_IN(igi_mk_reshape(&m, w, IGI_LIST(-1)),
                          igi_mk_ints(&m, IGI_LIST(0)),
                          igi_mk_ints(&m, IGI_LIST(count))),
                   "Slice");
    w = igi_mk(&m, IGI_IN(igi_mk_reshape(&m, w, dims, 2)), "Transpose perm=1,0");
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), w), "MatMul"));
}

/* ---- tables ---- */

/* Rows of a quantized table. Inputs: data, indices, scales, zero points?. */
ig_status igi_ms_gather_block_quantized(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id table = igi_mk_in(&m, 0), zero = igi_mk_in(&m, 3);
    int64_t axis = igi_mk_int(&m, "gather_axis", 0);
    int64_t along = igi_mk_int(&m, "quantize_axis", 1);
    int64_t block = igi_mk_int(&m, "block_size", 128), bits = igi_mk_int(&m, "bits", 4);
    if (igi_mk_dtype(&m, table) == IG_UINT8) {
        nbits b = {.n = igi_mk_dim(&m, table, 0), .bits = bits, .block = block};
        b.type = packed_type(&m, bits);
        if (igi_mk_rank(&m, table) != 2 || (along != 1 && along != -1) || axis != 0)
            igi_mk_refuse(&m,
                          "data of uint8 must be [rows, bytes], quantized by columns");
        if (m.rc != IG_OK)
            return m.rc;
        b.padded = igi_mk_dim(&m, table, 1) * (8 / bits);
        b.blocks = igi_mk_dim(&m, igi_mk_in(&m, 2), 1);
        table = reread(&m, table, "data", b.type, b.n, b.padded);
        zero = zero_points(&m, &b, zero);
    }
    table =
        igi_mk(&m, IGI_IN(table, igi_mk_in(&m, 2), zero),
               "DequantizeLinear axis=%" PRId64 " block_size=%" PRId64, along, block);
    return igi_mk_give(
        &m, igi_mk(&m, IGI_IN(table, igi_mk_in(&m, 1)), "Gather axis=%" PRId64, axis));
}
