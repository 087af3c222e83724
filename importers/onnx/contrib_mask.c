/* Which keys a query sees, as com.microsoft's attention operators say it. */
#include "importers/onnx/contrib_attention.h"

#include <math.h>

/* `filter` where `seen` is false, else 0; [B, 1, 1 or S, T]. */
static ig_value_id
additive(igi_make *m, ig_value_id seen, ig_dtype dtype, double filter)
{
    ig_value_id zero = igi_mk_number(m, dtype, 0),
                off = igi_mk_number(m, dtype, filter);
    return igi_mk(m, IGI_IN(seen, zero, off), "Where");
}

/* positions [T] against bounds [B]: bool [B, 1, 1, T] */
static ig_value_id
below(igi_make *m, ig_value_id keys, ig_value_id bounds, const char *op)
{
    ig_value_id at = igi_mk_range(m, keys);
    bounds = igi_mk_cast(m, bounds, IG_INT64);
    bounds = igi_mk_reshape(m, bounds, IGI_LIST(-1, 1, 1, 1));
    return igi_mk(m, IGI_IN(at, bounds), "%s", op);
}

/* 1: lengths; 2: ends and starts; 0: neither; -1: the run knows. */
static int lists_of(igi_make *m, ig_value_id mask, ig_value_id x)
{
    const ig_type *a = ig_graph_value_type(m->n->b->g, mask);
    const ig_type *b = ig_graph_value_type(m->n->b->g, x);
    if (m->rc != IG_OK || !a || !b || a->rank != 1 || b->rank < 1)
        return 0;
    int64_t n = ig_type_dims(a)[0], batch = ig_type_dims(b)[0];
    if (n == batch)
        return 1;
    if (n < 0 || batch < 0)
        return -1;
    return n == 2 * batch ? 2 : 0;
}

/* Ends and starts of a list of unknown size: zeros fill it up to 2 batch, which fails
 * for a list that is longer. */
static ig_value_id filled(igi_make *m, ig_value_id mask, ig_value_id batch)
{
    ig_value_id both = igi_mk(m, IGI_IN(batch, batch), "Add");
    ig_value_id more = igi_mk(m, IGI_IN(both, igi_mk_size(m, mask, 0)), "Sub");
    ig_value_id zero = igi_mk_number(m, igi_mk_dtype(m, mask), 0);
    zero = igi_mk(m, IGI_IN(zero, more), "Expand");
    return igi_mk(m, IGI_IN(mask, zero), "Concat axis=0");
}

/* bool [B, 1, 1 or S, T] or what broadcasts to it */
static ig_value_id
seen_of(igi_make *m, ig_value_id mask, ig_value_id x, const igi_ms_sizes *s)
{
    int rank = igi_mk_rank(m, mask), lists = rank == 1 ? lists_of(m, mask, x) : 0;
    if (rank == 2 || rank == 3) {
        ig_value_id zero = igi_mk_number(m, igi_mk_dtype(m, mask), 0);
        ig_value_id seen = igi_mk(m, IGI_IN(mask, zero), "Greater");
        seen = rank == 2 ? igi_mk_unsqueeze(m, seen, IGI_LIST(1, 2))
                         : igi_mk_unsqueeze(m, seen, IGI_LIST(1));
        /* Attention would take one that is too short for the first keys' */
        return igi_mk(m, IGI_IN(seen, s->keys), "Expand");
    }
    if (lists == 1)
        return below(m, s->keys, mask, "Less");
    if (lists == 0) {
        igi_mk_refuse(m,
                      "a mask of rank %d is supported as lengths [batch], as ends "
                      "and starts [2 batch], or as [batch, ..., keys]",
                      rank);
        return mask;
    }
    ig_value_id half[2];
    igi_mk_many(m, IGI_IN(lists == 2 ? mask : filled(m, mask, s->batch)), half, 2,
                "Split num_outputs=2");
    return igi_mk(m,
                  IGI_IN(below(m, s->keys, half[0], "Less"),
                         below(m, s->keys, half[1], "GreaterOrEqual")),
                  "And");
}

ig_value_id igi_ms_padding(igi_make *m,
                           ig_value_id mask,
                           ig_value_id x,
                           const igi_ms_sizes *s,
                           ig_dtype dtype,
                           double filter)
{
    return additive(m, seen_of(m, mask, x, s), dtype, filter);
}

ig_value_id igi_ms_causal(igi_make *m, const igi_ms_sizes *s)
{
    ig_value_id row = igi_mk_range(m, s->queries), column = igi_mk_range(m, s->keys);
    if (s->past.i)
        row = igi_mk(m, IGI_IN(row, s->past), "Add");
    row = igi_mk_unsqueeze(m, row, IGI_LIST(1));
    return igi_mk(m, IGI_IN(column, row), "LessOrEqual");
}

ig_value_id
igi_ms_where(igi_make *m, ig_value_id seen, ig_value_id mask, ig_dtype dtype)
{
    if (!mask.i)
        mask = igi_mk_number(m, dtype, 0);
    return igi_mk(m, IGI_IN(seen, mask, igi_mk_number(m, dtype, -(double)INFINITY)),
                  "Where");
}
