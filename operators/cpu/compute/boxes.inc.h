/* Overlaps of boxes, for NonMaxSuppression. */

enum { BOXES_AT_ONCE = 4 }; /* vectors between two questions */

/* Intersection by union; -INFINITY where there is none. Each operation rounds as the
 * reference's does. */
VEC_INLINE vf boxes_share(const float *boxes, int64_t ld, const float *box)
{
    const vf none = vset1(-INFINITY);
    const vf low0 = vmax(vset1(box[0]), vload(boxes)),
             high0 = vmin(vset1(box[1]), vload(boxes + ld)),
             low1 = vmax(vset1(box[2]), vload(boxes + 2 * ld)),
             high1 = vmin(vset1(box[3]), vload(boxes + 3 * ld));
    const vf common = vmul(vsub(high0, low0), vsub(high1, low1));
    const vf all = vsub(vadd(vset1(box[4]), vload(boxes + 4 * ld)), common);
    vf share = vsel(vlt(vset1(0.0f), all), vdiv(common, all), none);
    share = vsel(vlt(low0, high0), share, none);
    return vsel(vlt(low1, high1), share, none);
}

static bool
overlaps(const float *boxes, int64_t ld, int64_t n, const float *box, float most)
{
    for (int64_t i = 0; i < n; i += BOXES_AT_ONCE * VW) {
        vf best = vset1(-INFINITY);
        for (int64_t j = i; j < n && j < i + BOXES_AT_ONCE * VW; j += VW)
            best = vmax(boxes_share(boxes + j, ld, box), best); /* a NaN is left out */
        if (reduce_lanes(IGI_REDUCE_MAX, best) > most)
            return true;
    }
    return false;
}
