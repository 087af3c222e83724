// What sequences and their caches need: RotaryEmbedding, TensorScatter and
// TensorGather, ReverseSequence.
#include "operators/gpu/math.cuh"
#include "operators/gpu/move.cuh"

#include <ingot/ops.h>

namespace
{

// ---- RotaryEmbedding: one thread a pair ----

template <class C> struct rotary {
    gpu_any<C> x, cos, sin, y;
    const int64_t *ids; // NULL: angle by batch item and token
    int64_t heads, tokens, size, half, angles;
    bool packed, interleaved; // packed: [batch, tokens, heads * size]
    gpu_report report;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t pairs = half + (size - 2 * half), row = e / pairs, j = e - row * pairs;
        int64_t t = packed ? row / heads % tokens : row % tokens;
        int64_t b = row / (heads * tokens), at = row * size;
        int64_t angle = b * tokens + t;
        if (j >= half) { // what is not turned
            int64_t i = at + 2 * half + (j - half);
            y.put(i, x.get(i));
            return;
        }
        if (ids && !report.index(ids[angle], angles, &angle))
            return;
        int64_t step = interleaved ? 2 : 1, apart = interleaved ? 1 : half;
        C c = cos.get(angle * half + j), s = sin.get(angle * half + j);
        C u = x.get(at + j * step), v = x.get(at + j * step + apart);
        y.put(at + j * step, c * u - s * v);
        y.put(at + j * step + apart, s * u + c * v);
    }
};

ig_status run_rotary(ig_kernel_ctx *k)
{
    const ig_rotary_embedding_opts *o = (const ig_rotary_embedding_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0), *cos = ig_in(k, 1), *ids = ig_in(k, 3);
    const int64_t *d = ig_dims(x);
    bool packed = ig_rank(x) == 3;
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        rotary<C> r = {gpu_any_of<C>(x),
                       gpu_any_of<C>(cos),
                       gpu_any_of<C>(ig_in(k, 2)),
                       gpu_any_of<C>(ig_out(k, 0)),
                       ids ? (const int64_t *)ig_data(ids) : nullptr,
                       packed ? o->num_heads : d[1],
                       packed ? d[1] : d[2],
                       packed ? d[2] / o->num_heads : d[3],
                       ig_dims(cos)[ig_rank(cos) - 1],
                       ig_dims(cos)[0],
                       packed,
                       o->interleaved != 0,
                       gpu_report_of(k)};
        return gpu_each(k, d[0] * r.tokens * r.heads * (r.size - r.half), r);
    });
}

// ---- caches: rows at a place of each batch item ----

template <class T> struct move_rows {
    gpu_lines rows; // along the axis of positions
    gpu_divisor by_n;
    int64_t size, per_item; // positions of the cache; outer lines of a batch item
    const int64_t *first;   // NULL: 0
    bool circular, write;
    T *cache, *part;
    gpu_report report;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t plane = rows.by_inner.over(e, rows.narrow);
        int64_t outer = by_n.over(plane, rows.narrow), t = plane - outer * rows.n;
        int64_t at = first ? first[outer / per_item] : 0;
        if (!circular && (at < 0 || at > size - rows.n))
            return report(GPU_FAULT_RANGE, at, size - rows.n + 1);
        at = (at % size + t + size) % size;
        int64_t to = (outer * size + at) * rows.inner + (e - plane * rows.inner);
        if (write)
            cache[to] = part[e];
        else
            part[e] = cache[to];
    }
};

// Where no row moves, places are looked at all the same.
struct check_places {
    const int64_t *first;
    int64_t most;
    gpu_report report;
    GPU_FN void operator()(int64_t b) const
    {
        if (first[b] < 0 || first[b] > most)
            report(GPU_FAULT_RANGE, first[b], most + 1);
    }
};

ig_status move_cache(ig_kernel_ctx *k,
                     const ig_tensor *cache,
                     const ig_tensor *part,
                     const ig_tensor *first,
                     bool write)
{
    const ig_tensor_scatter_opts *o =
        (const ig_tensor_scatter_opts *)k->attrs; // of both
    int axis = gpu_axis(cache, o->axis);
    int64_t size = ig_dims(cache)[axis];
    gpu_lines rows = gpu_lines_of(part, axis);
    const int64_t *places = first ? (const int64_t *)ig_data(first) : nullptr;
    bool circular = o->mode == IG_TENSOR_SCATTER_MODE_CIRCULAR;
    rows.narrow = ig_numel(part) <= INT32_MAX;
    if (ig_numel(part) == 0)
        return places && !circular
                   ? gpu_each(k, ig_numel(first),
                              check_places{places, size - rows.n, gpu_report_of(k)})
                   : IG_OK;
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(cache)), [&]<class T>() {
        move_rows<T> m = {rows,
                          gpu_divisor(rows.n),
                          size,
                          rows.outer / ig_dims(part)[0],
                          places,
                          circular,
                          write,
                          (T *)ig_data(cache),
                          (T *)ig_data(part),
                          gpu_report_of(k)};
        return gpu_each(k, ig_numel(part), m);
    });
}

ig_status run_tensor_scatter(ig_kernel_ctx *k)
{
    IG_TRY(gpu_copy(k, ig_in(k, 0), ig_out(k, 0)));
    return move_cache(k, ig_out(k, 0), ig_in(k, 1), ig_in(k, 2), true);
}

ig_status run_tensor_gather(ig_kernel_ctx *k)
{
    return move_cache(k, ig_in(k, 0), ig_out(k, 0), ig_in(k, 2), false);
}

// ---- ReverseSequence ----

template <class T> struct reverse {
    const T *x;
    T *y;
    const int64_t *lengths;
    int64_t time, batch, inner;
    bool time_first;
    gpu_report report;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t q = e / inner, outer = q / (time_first ? batch : time);
        int64_t rest = q - outer * (time_first ? batch : time);
        int64_t b = time_first ? rest : outer, t = time_first ? outer : rest;
        int64_t n = lengths[b];
        if (n < 0 || n > time)
            return report(GPU_FAULT_RANGE, n, time + 1);
        int64_t from = t < n ? n - 1 - t : t;
        y[e] = x[(time_first ? from * batch + b : b * time + from) * inner +
                 (e - q * inner)];
    }
};

struct check_lengths {
    const int64_t *lengths;
    int64_t time;
    gpu_report report;
    GPU_FN void operator()(int64_t b) const
    {
        if (lengths[b] < 0 || lengths[b] > time)
            report(GPU_FAULT_RANGE, lengths[b], time + 1);
    }
};

ig_status run_reverse(ig_kernel_ctx *k)
{
    const ig_reverse_sequence_opts *o = (const ig_reverse_sequence_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0), *lengths = ig_in(k, 1);
    int64_t time = ig_dims(x)[o->time_axis], batch = ig_dims(x)[o->batch_axis];
    const int64_t *l = (const int64_t *)ig_data(lengths);
    if (ig_numel(y) == 0)
        return gpu_each(k, ig_numel(lengths), check_lengths{l, time, gpu_report_of(k)});
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
        reverse<T> kernel = {(const T *)ig_data(x),
                             (T *)ig_data(y),
                             l,
                             time,
                             batch,
                             gpu_count(x, 2, ig_rank(x)),
                             o->time_axis == 0,
                             gpu_report_of(k)};
        return gpu_each(k, ig_numel(y), kernel);
    });
}

} // namespace

GPU_TABLE(gpu_cache) = {
    gpu_row{"RotaryEmbedding", IG_FLOATS, run_rotary},
    gpu_row{"TensorScatter", GPU_MOVABLE, run_tensor_scatter},
    gpu_row{"ingot::TensorGather", IG_FLOATS, run_tensor_gather},
    gpu_row{"ReverseSequence", GPU_MOVABLE, run_reverse},
    {},
};
