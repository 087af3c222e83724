// Pads: which element of the smaller tensor each element of the padded one is.

#include "operators/common_move.h"

#include <inttypes.h>

#include "graph/core/alloc.h"

// ORDER: pad_modes
const char *const igi_pad_modes[] = {"constant", "reflect", "edge", "wrap", NULL};

// Far beyond every tensor, and small enough that sums cannot overflow.
static bool pad_sane(int64_t pad)
{
    const int64_t most = INT64_C(1) << 60;
    return pad >= -most && pad <= most;
}

ig_status igi_pads_read(const ig_kernel_ctx *k,
                        const ig_tensor *pads,
                        const ig_tensor *axes,
                        int rank,
                        igi_pads *p)
{
    int64_t axis[IG_RANK_MAX], pad[2 * IG_RANK_MAX];
    uint64_t seen = 0;
    memset(p, 0, sizeof(*p));
    int n = axes ? igi_read_ints(axes, axis, IG_RANK_MAX) : rank;
    int n_pad = igi_read_ints(pads, pad, 2 * IG_RANK_MAX);
    if (n < 0 || n > rank || n_pad != 2 * n)
        return ig_kernel_fail(
            k, IG_INVALID_ARGUMENT,
            "pads has %d elements, but %d axes need %d (-1: too many)", n_pad, n,
            2 * n);
    for (int i = 0; i < n; i++) {
        int64_t a;
        IG_TRY(igi_axis_once(k, axes ? axis[i] : i, i, rank, &seen, &a));
        p->begin[a] = pad[i];
        p->end[a] = pad[n + i];
        if (!pad_sane(pad[i]) || !pad_sane(pad[n + i]))
            return ig_kernel_fail(k, IG_LIMIT,
                                  "pads of axis %" PRId64 " are beyond 2^60", a);
    }
    return IG_OK;
}

// Source of position i, counted from the first kept element, among n kept elements (n >
// 0).
static int64_t pad_source(int64_t mode, int64_t i, int64_t n)
{
    int64_t period = mode == IGI_PAD_WRAP ? n : 2 * (n - 1);
    if (mode == IGI_PAD_EDGE)
        return i < 0 ? 0 : i < n ? i : n - 1;
    if (period == 0)
        return 0; // a single element mirrored in itself
    int64_t at = i % period;
    at += at < 0 ? period : 0;
    return at < n ? at : period - at;
}

// Negative pads cut first; the other modes then extend what is left.
static ig_status map_axis(const ig_kernel_ctx *k,
                          int axis,
                          int64_t dim,
                          int64_t padded,
                          const igi_pads *p,
                          int64_t *map)
{
    int64_t mode = ((const igi_pad_attrs *)k->attrs)->mode;
    int64_t begin = p->begin[axis], end = p->end[axis], total;
    if (!igi_add_i64(begin, end, &total) || !igi_add_i64(total, dim, &total) ||
        total != padded)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axis %d: size %" PRId64 " with pads %" PRId64
                              " and %" PRId64 " does not give %" PRId64,
                              axis, dim, begin, end, padded);
    int64_t lo = begin < 0 ? -begin : 0, hi = dim + (end < 0 ? end : 0);
    if (mode != IGI_PAD_CONSTANT && padded > 0 && lo >= hi)
        return ig_kernel_fail(
            k, IG_INVALID_ARGUMENT,
            "axis %d has no elements to pad with; only mode constant can", axis);
    for (int64_t i = 0; i < padded; i++) {
        int64_t from = i - begin;
        bool inside = from >= lo && from < hi;
        if (!inside)
            from = mode == IGI_PAD_CONSTANT ? -1
                                            : lo + pad_source(mode, from - lo, hi - lo);
        map[i] = from;
    }
    return IG_OK;
}

ig_status igi_pad_map_make(const ig_kernel_ctx *k,
                           int rank,
                           const int64_t *dims,
                           const int64_t *padded,
                           const igi_pads *p,
                           igi_pad_map *m)
{
    size_t total = 1;
    m->all = NULL;
    for (int a = 0; a < rank; a++)
        if (padded[a] < 0 || !igi_add_size(total, (size_t)padded[a], &total))
            return ig_kernel_fail(k, IG_LIMIT, "the padded size overflows");
    m->all = igi_alloc_array(total, sizeof(int64_t));
    if (!m->all)
        return IG_OUT_OF_MEMORY;
    int64_t *at = m->all;
    for (int a = 0; a < rank; a++) {
        ig_status rc = map_axis(k, a, dims[a], padded[a], p, at);
        if (rc != IG_OK) {
            igi_free(m->all);
            m->all = NULL;
            return rc;
        }
        m->map[a] = at;
        at += padded[a];
    }
    return IG_OK;
}
