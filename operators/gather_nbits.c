/* ingot::GatherNBits: rows of a table of integers of 2, 4 or 8 bits in blocks along its
 * rows, as floats; made by the optimiser from a Gather of a DequantizeLinear of
 * constants (embeddings of language models), which would write out the whole table. */
#include "operators/common_fused.h"
#include "operators/common_move.h"
#include "operators/common_nbits.h"

enum { W, INDICES, SCALE, ZERO };
static const ig_port inputs[] = {
    IG_PORT("w", 'W', "Integers [rows, columns]."),
    IG_PORT("indices", 'I', "Indices in [-rows, rows - 1]."),
    IG_PORT("scale",
            'T',
            "One a block: [rows, blocks], columns divided by block_size, rounded up."),
    IG_PORT(
        "zero", 'W', "Zero points, shape of scale; absent: 0.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Rows [dims of indices, columns]."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'W', IGI_NBITS_TYPES},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_gather_nbits_attrs,
                block_size,
                32,
                "Neighbours of a row that share a scale.",
                .min = 1,
                .max = INT32_MAX),
    {0},
};

static ig_status gather_infer(ig_infer *x)
{
    const igi_gather_nbits_attrs *a = x->attrs;
    int64_t dims[IG_RANK_MAX + 1];
    const int rank = x->in[INDICES]->rank;
    if (x->in[W]->rank != 2)
        return ig_infer_fail(x, "w must have rank 2");
    IG_TRY(igi_nbits_infer(x, W, SCALE, ZERO, 1, a->block_size));
    for (int i = 0; i < rank; i++)
        dims[i] = ig_type_dims(x->in[INDICES])[i];
    dims[rank] = ig_type_dims(x->in[W])[1];
    return ig_infer_set(x, 0, rank + 1, dims); /* checks the rank */
}

static ig_status gather_reference(ig_kernel_ctx *k)
{
    const igi_gather_nbits_attrs *a = k->attrs;
    const ig_tensor *indices = ig_in(k, INDICES);
    ig_tensor *y = ig_out(k, 0);
    const igi_nbits_table t = {ig_in(k, W), ig_in(k, SCALE), ig_in(k, ZERO), 1,
                               a->block_size};
    const int64_t rows = ig_dims(t.w)[0], columns = ig_dims(t.w)[1];
    igi_pace pace = igi_pace_of(k);
    IG_TRY(igi_indices_check(k, indices, rows));
    for (int64_t i = 0; i < ig_numel(indices); i++) {
        const int64_t row =
            igi_index(igi_get_i64(ig_dtype_of(indices), ig_data(indices), i), rows);
        IG_TRY(igi_pace_go(&pace, 4 * columns));
        for (int64_t j = 0; j < columns; j++)
            igi_store(ig_dtype_of(y), ig_data(y), i * columns + j,
                      igi_nbits_at(&t, row, j));
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_gather_nbits_attrs)
static const igi_gather_nbits_attrs of_two = {HEAD, .block_size = 2};
static const igi_gather_nbits_attrs of_all = {HEAD, .block_size = 32};
static const ig_sample samples[] = {
    {.name = "rows",
     .attrs = &of_two,
     IGI_INPUTS(IGI_IN(4, 5),
                {IG_SHAPE_IN(2, 3), IGI_DATA(IG_INT64, 3, 0, 0, -1, -4, 1)},
                IGI_IN(4, 3),
                IGI_IN(4, 3)),
     .no_gradient = true},
    {.name = "one",
     .attrs = &of_all,
     IGI_INPUTS(IGI_IN(3, 4), {.rank = 0, IGI_DATA(IG_INT64, 1)}, IGI_IN(3, 1)),
     .no_gradient = true},
    {.name = "none",
     .attrs = &of_all,
     IGI_INPUTS(IGI_IN(3, 4), {IG_SHAPE_IN(0), .dtype = IG_INT64}, IGI_IN(3, 1)),
     .no_gradient = true},
    {0},
};

IG_OPERATOR(GatherNBits) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "GatherNBits",
    .since = 1,
    .doc = "Rows of (w - zero) * scale, one scale and zero point for block_size "
           "neighbours of a row. Internal: the optimiser makes it after gradients are "
           "taken.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_gather_nbits_attrs),
    .infer = gather_infer,
    .gradient = ig_gradient_forbidden,
    .reference = gather_reference,
    .samples = samples,
};
