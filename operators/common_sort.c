// Order of elements, and a merge sort from the bottom up: stable, and O(n log n) for
// every input.

#include "operators/common_sort.h"

static int order_f64(double a, double b)
{
    bool nan_a = a != a, nan_b = b != b;
    return nan_a || nan_b ? nan_a - nan_b : (a > b) - (a < b);
}

int igi_order(ig_dtype type, const void *p, int64_t i, int64_t j)
{
    switch (type) {
    case IG_STRING:
        return igi_string_compare(((igi_str *const *)p)[i], ((igi_str *const *)p)[j]);
    case IG_UINT64: {
        uint64_t a = ((const uint64_t *)p)[i], b = ((const uint64_t *)p)[j];
        return (a > b) - (a < b);
    }
    case IG_INT64: {
        int64_t a = ((const int64_t *)p)[i], b = ((const int64_t *)p)[j];
        return (a > b) - (a < b);
    }
    case IG_COMPLEX64: {
        int by = igi_order(IG_FLOAT32, p, 2 * i, 2 * j);
        return by ? by : igi_order(IG_FLOAT32, p, 2 * i + 1, 2 * j + 1);
    }
    case IG_COMPLEX128: {
        int by = igi_order(IG_FLOAT64, p, 2 * i, 2 * j);
        return by ? by : igi_order(IG_FLOAT64, p, 2 * i + 1, 2 * j + 1);
    }
    default: // double holds these exactly
        return order_f64(igi_get_f64(type, p, i), igi_get_f64(type, p, j));
    }
}

ig_status igi_sort(igi_pace *pace,
                   int64_t *at,
                   int64_t *spare,
                   int64_t n,
                   int (*order)(const void *user, int64_t a, int64_t b),
                   const void *user)
{
    int64_t *from = at, *to = spare;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = n - lo < width ? n : lo + width;
            int64_t hi = n - lo < 2 * width ? n : lo + 2 * width, a = lo, b = mid;
            for (int64_t i = lo; i < hi; i++) {
                IG_TRY(igi_pace_go(pace, 8));
                to[i] = b == hi || (a < mid && order(user, from[a], from[b]) <= 0)
                            ? from[a++]
                            : from[b++];
            }
        }
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != at && n > 0)
        memcpy(at, from, (size_t)n * sizeof(*at));
    return IG_OK;
}
