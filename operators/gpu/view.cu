// ingot::ViewRead and ingot::ViewWrite: tensors at places that an offset and strides
// name.
#include "operators/gpu/math.cuh"
#include "operators/gpu/move.cuh"

#include <ingot/ops.h>

namespace
{

// The geometry of a view of `data` with the dims of `view`, which lies inside.
struct geometry {
    int64_t offset;
    int64_t stride[IG_RANK_MAX];
};

ig_status geometry_of(const ig_kernel_ctx *k,
                      const ig_tensor *data,
                      const ig_tensor *view,
                      geometry *g)
{
    int64_t numbers[IG_RANK_MAX + 1], lo, hi, reach;
    int rank = ig_rank(view);
    bool fits = gpu_ints(ig_in(k, 1), numbers, IG_RANK_MAX + 1) == rank + 1;
    if (!fits)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "geometry is an offset and a stride for each of %d axes",
                              rank);
    lo = hi = g->offset = numbers[0];
    for (int a = 0; a < rank && ig_numel(view) > 0; a++) {
        g->stride[a] = numbers[a + 1];
        fits =
            fits &&
            !__builtin_mul_overflow(ig_dims(view)[a] - 1, g->stride[a], &reach) &&
            !__builtin_add_overflow(reach < 0 ? lo : hi, reach, reach < 0 ? &lo : &hi);
    }
    if (ig_numel(view) > 0 && (!fits || lo < 0 || hi >= ig_numel(data)))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the view reaches beyond the data");
    return IG_OK;
}

char *at_element(const ig_tensor *t, int64_t i)
{
    return (char *)ig_data(t) + i * gpu_bytes(ig_dtype_of(t));
}

ig_status run_read(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    geometry g;
    IG_TRY(geometry_of(k, x, y, &g));
    if (ig_numel(y) == 0)
        return IG_OK;
    return gpu_move_strided(k, gpu_bytes(ig_dtype_of(y)), ig_rank(y), ig_dims(y),
                            ig_data(y), ig_strides(y), at_element(x, g.offset),
                            g.stride);
}

// Whether two elements of a view may be one: axes by rising stride must not reach into
// the next one. (Some views that do not overlap do not pass.)
bool may_overlap(const ig_tensor *view, const geometry &g)
{
    uint64_t used = 0;
    int64_t reach = 0;
    for (int n = 0; n < ig_rank(view); n++) {
        int next = -1;
        for (int a = 0; a < ig_rank(view); a++)
            if (!(used >> a & 1) && ig_dims(view)[a] > 1 &&
                (next < 0 || llabs(g.stride[a]) < llabs(g.stride[next])))
                next = a;
        if (next < 0)
            return false;
        if (llabs(g.stride[next]) <= reach)
            return true;
        used |= IG_BIT(next);
        reach += (ig_dims(view)[next] - 1) * llabs(g.stride[next]);
    }
    return false;
}

template <class C> struct add_view {
    gpu_space<2> space; // data, updates
    gpu_any<C> data, updates;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t off[2];
        space.at(i, off);
        data.put(off[0], gpu_add(data.get(off[0]), updates.get(off[1])));
    }
};

// Sums at overlapping places are the host's, and so is a geometry that is not known
// yet.
ig_status supports_write(const ig_kernel_ctx *k)
{
    geometry g;
    IG_TRY(gpu_supports_ranks(k));
    if (!((const ig_ingot_view_write_opts *)k->attrs)->accumulate)
        return IG_OK;
    if (!(IG_BIT(ig_dtype_of(ig_in(k, 0))) & IG_NUMERIC))
        return ig_reject("elements of this type are not added");
    IG_TRY(geometry_of(k, ig_in(k, 0), ig_in(k, 2), &g));
    return ig_numel(ig_in(k, 2)) > 0 && may_overlap(ig_in(k, 2), g)
               ? ig_reject("the view overlaps itself")
               : IG_OK;
}

ig_status run_write(ig_kernel_ctx *k)
{
    const ig_tensor *u = ig_in(k, 2), *y = ig_out(k, 0);
    bool adds = ((const ig_ingot_view_write_opts *)k->attrs)->accumulate != 0;
    geometry g;
    IG_TRY(geometry_of(k, y, u, &g));
    if (ig_numel(u) > 0 && may_overlap(u, g))
        return ig_kernel_fail(
            k, adds ? IG_UNSUPPORTED : IG_INVALID_ARGUMENT,
            "the view overlaps itself: two updates would meet at one element");
    IG_TRY(gpu_copy(k, ig_in(k, 0), y));
    if (ig_numel(u) == 0)
        return IG_OK;
    if (!adds)
        return gpu_move_strided(k, gpu_bytes(ig_dtype_of(y)), ig_rank(u), ig_dims(u),
                                at_element(y, g.offset), g.stride, ig_data(u),
                                ig_strides(u));
    gpu_space<2> space;
    const int64_t *const strides[] = {g.stride, ig_strides(u)};
    IG_TRY(gpu_space_make(&space, ig_rank(u), ig_dims(u), strides));
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(y), [&]<class C>() {
        add_view<C> kernel = {space, gpu_any_of<C>(y), gpu_any_of<C>(u)};
        kernel.data.p = at_element(y, g.offset);
        return gpu_each(k, space.count, kernel);
    });
}

} // namespace

GPU_TABLE(gpu_view) = {
    gpu_row{"ingot::ViewRead", GPU_MOVABLE, run_read},
    gpu_row{"ingot::ViewWrite", GPU_MOVABLE, run_write, 0, supports_write},
    {},
};
