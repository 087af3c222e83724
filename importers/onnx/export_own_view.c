/* ViewRead and ViewWrite in ONNX: the elements of a view are named one by one, over the
 * flattened data. Their places are constants, so geometry and sizes must be known. */
#include "importers/onnx/export_own.h"

#include "graph/core/alloc.h"

static const int64_t flat[1] = {-1};

static const char *flattened(igi_own *w, const char *x)
{
    return igi_own_put2(w, "Reshape", x, igi_own_list(w, flat, 1));
}

/* Places of the view's elements, in its row-major order, as int64[n]. */
static const char *places(igi_own *w, const ig_type *view)
{
    const ig_tensor *g = igi_value_at(w->o->g, w->n->in[1])->constant;
    int64_t n = 0, at[IG_RANK_MAX] = {0}, *list;
    size_t bytes;
    if (!g || view->rank < 0 || !igi_dims_count(view->rank, ig_type_dims(view), &n) ||
        igi_tensor_count(g) != view->rank + 1 ||
        !igi_dtype_bytes(IG_INT64, n, &bytes)) {
        w->rc = ig_fail(
            IG_UNSUPPORTED,
            "it cannot be written as ONNX: the geometry of its view is not constant");
        return "";
    }
    list = igi_alloc(bytes + 1);
    if (!list) {
        w->rc = IG_OUT_OF_MEMORY;
        return "";
    }
    const int64_t *geometry = (const int64_t *)(const void *)g->data;
    for (int64_t i = 0; i < n; i++) {
        list[i] = geometry[0];
        for (int a = 0; a < view->rank; a++)
            list[i] += at[a] * geometry[a + 1];
        for (int a = view->rank - 1; a >= 0 && ++at[a] == ig_type_dims(view)[a]; a--)
            at[a] = 0;
    }
    const char *name = igi_own_list(w, list, n);
    igi_free(list);
    return name;
}

void igi_own_view_read(igi_own *w)
{
    const ig_type *y = &igi_value_at(w->o->g, w->n->out[0])->type;
    const char *got =
        igi_own_put2(w, "Gather", flattened(w, igi_own_in(w, 0)), places(w, y));
    igi_own_finish(w, "Reshape", got, igi_own_in(w, 2));
    igi_own_set_int(w, "allowzero", 1);
}

void igi_own_view_write(igi_own *w)
{
    bool add = *(const int64_t *)igi_own_attr(w, "accumulate") != 0;
    const char *data = flattened(w, igi_own_in(w, 0)),
               *updates = flattened(w, igi_own_in(w, 2));
    const char *at = places(w, igi_own_type_in(w, 2));
    const char *out = igi_own_put_as(w, NULL, "ScatterElements", data, at, updates);
    if (add)
        igi_own_set_string(w, "reduction", "add");
    igi_own_finish(w, "Reshape", out, igi_own_put1(w, "Shape", igi_own_in(w, 0)));
    igi_own_set_int(w, "allowzero", 1);
}
