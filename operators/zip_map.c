/* ZipMap: each row of scores as a map from class labels to them. */
#include "operators/common_flow.h"
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    ig_ints classlabels_int64s;
    ig_strings classlabels_strings;
} zip_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(zip_attrs, classlabels_int64s, "Labels; one list must be given."),
    IG_ATTR_STRINGS(zip_attrs, classlabels_strings, "Labels that are strings."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Scores [N, classes], or [classes] as one row."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Z", 'T', "N maps from labels to scores.", .flags = IG_SEQ | IG_NODIFF),
    {0}};
static const ig_type_rule types[] = {{'T', IG_T(FLOAT32)}, {0}};

static igi_labels labels_of(const void *attrs_)
{
    const zip_attrs *a = attrs_;
    return (igi_labels){a->classlabels_int64s, a->classlabels_strings};
}

/* map(labels, float32 of rank 0) over *value. */
static ig_type map_type(const igi_labels *l, ig_type *value)
{
    *value = (ig_type){.dtype = IG_FLOAT32, .rank = 0};
    return (ig_type){.kind = IG_KIND_MAP,
                     .dtype = l->strings.v ? IG_STRING : IG_INT64,
                     .rank = -1,
                     .u.elem = value};
}

static ig_status zip_infer(ig_infer *x)
{
    const igi_labels l = labels_of(x->attrs);
    int64_t rows, columns;
    ig_type value, map = map_type(&l, &value);
    if (!l.ints.v == !l.strings.v)
        return ig_infer_fail(
            x, "one of classlabels_int64s and classlabels_strings must be given");
    IG_TRY(igi_ml_infer_matrix(x, 0, &rows, &columns));
    if (columns >= 0 && columns != igi_labels_count(&l))
        return ig_infer_fail(x, "%lld labels for %lld columns",
                             (long long)igi_labels_count(&l), (long long)columns);
    return igi_infer_wrap(x, 0, IG_KIND_SEQUENCE, &map);
}

static ig_status keys_of(const igi_labels *l, ig_tensor **out)
{
    const int64_t n = igi_labels_count(l);
    if (l->strings.v)
        return ig_tensor_new_strings(out, 1, &n, l->strings.v);
    return ig_tensor_new_copy(out, IG_INT64, 1, &n, l->ints.v,
                              (size_t)n * sizeof(*l->ints.v));
}

/* One row, with room for its values in `value`. */
static ig_status make_row(const ig_type *map,
                          ig_tensor *keys,
                          const float *scores,
                          ig_value **value,
                          ig_value **out)
{
    const int64_t n = ig_numel(keys);
    int64_t made = 0;
    ig_status rc = IG_OK;
    for (; rc == IG_OK && made < n; made++) {
        ig_tensor *t = NULL;
        rc = ig_tensor_new_copy(&t, IG_FLOAT32, 0, NULL, &scores[made], sizeof(float));
        value[made] = ig_tensor_value(t);
    }
    if (rc == IG_OK)
        rc = igi_dict_new(out, map, keys, value);
    while (made-- > 0)
        ig_value_unref(value[made]);
    return rc;
}

enum { ITEM_BYTES = 600 }; /* of a score's tensor and its place in a map, about */

/* A map for each row: far more than the scores themselves take. */
static ig_status charge(ig_kernel_ctx *k, int64_t rows, int64_t columns)
{
    int64_t items, bytes;
    if (!igi_add_i64(columns, 1, &items) || !igi_mul_i64(items, rows, &items) ||
        !igi_mul_i64(items, ITEM_BYTES, &bytes))
        bytes = INT64_MAX;
    return ig_charge(k, bytes);
}

static ig_status zip_reference(ig_kernel_ctx *k)
{
    const igi_labels l = labels_of(k->attrs);
    int64_t rows, columns;
    ig_type value, map = map_type(&l, &value);
    ig_tensor *keys = NULL;
    igi_ml_matrix(ig_in(k, 0), &rows, &columns);
    if (columns != igi_labels_count(&l))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "%lld labels for %lld columns",
                              (long long)igi_labels_count(&l), (long long)columns);
    IG_TRY(charge(k, rows, columns));
    ig_value **row = igi_calloc((size_t)rows + 1, sizeof(*row));
    ig_value **scratch = igi_calloc((size_t)columns + 1, sizeof(*scratch));
    ig_status rc = row && scratch ? keys_of(&l, &keys) : IG_OUT_OF_MEMORY;
    igi_pace pace = igi_pace_of(k);
    for (int64_t i = 0; rc == IG_OK && i < rows; i++) {
        rc = igi_pace_go(&pace, 512 * (columns + 1));
        if (rc == IG_OK)
            rc = make_row(&map, keys, (const float *)ig_data(ig_in(k, 0)) + i * columns,
                          scratch, &row[i]);
    }
    if (rc == IG_OK)
        rc = igi_give_sequence(k, 0, &map, row, rows);
    for (int64_t i = 0; row && i < rows; i++)
        ig_value_unref(row[i]);
    ig_tensor_unref(keys);
    igi_free(scratch);
    igi_free(row);
    return rc;
}

static const zip_attrs by_number = {.struct_size = sizeof(zip_attrs),
                                    .classlabels_int64s = IGI_INTS(7, -2, 3)};
static const zip_attrs by_name = {
    .struct_size = sizeof(zip_attrs),
    .classlabels_strings = {2, (const char *const[]){"cat", "dog"}}};
static const ig_sample samples[] = {
    {.name = "numbers", .attrs = &by_number, IGI_INPUTS(IGI_IN(2, 3))},
    {.name = "strings", .attrs = &by_name, IGI_INPUTS(IGI_IN(3, 2))},
    {.name = "one_row", .attrs = &by_name, IGI_INPUTS(IGI_IN(1, 2))},
    {.name = "vector", .attrs = &by_name, IGI_INPUTS(IGI_IN(2))},
    {.name = "empty", .attrs = &by_name, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(ZipMap) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "ZipMap",
    .since = 1,
    .flags = IG_OP_UNRANKED, /* that the items are maps hangs on no rank */
    .doc = "Rows of scores as maps from class labels to scores.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(zip_attrs),
    .infer = zip_infer,
    .gradient = ig_gradient_none, /* nothing that differentiates reads such maps */
    .reference = zip_reference,
    .samples = samples,
};
