/* Rounding, circular and hyperbolic functions on vectors. Polynomials of the circular
 * ones are Cephes' (S. Moshier). */

/* To the nearest integer, halves to the even one: from 2^23 on all floats are. */
VEC_INLINE vf v_rint(vf x)
{
    const vf a = vabs(x), magic = vset1(8388608.0f);
    return vsel(vlt(a, magic), vcopysign(vsub(vadd(a, magic), magic), x), x);
}

VEC_INLINE vf v_floor(vf x)
{
    const vf r = v_rint(x);
    return vsel(vlt(x, r), vsub(r, vset1(1.0f)), r);
}

/* Of -1 to 0 it is -0. */
VEC_INLINE vf v_ceil(vf x)
{
    const vf r = v_rint(x);
    return vcopysign(vsel(vlt(r, x), vadd(r, vset1(1.0f)), r), x);
}

VEC_INLINE vf v_sign(vf x)
{
    const vf low = vsel(vlt(x, vset1(0.0f)), vset1(-1.0f), x);
    return vsel(vlt(vset1(0.0f), x), vset1(1.0f), low);
}

/* ---- sine, cosine, tangent ---- */

/* x = n pi/2 + r: the first parts of pi/2 have so few bits that their products with n
 * are exact. Beyond TRIG_LIMIT elements go to libm. */
#define TRIG_LIMIT 8192.0f
#define TRIG_RUN   256 /* elements that are looked at together */

VEC_INLINE bool v_any_far(const float *x, int64_t n)
{
    const vf limit = vset1(TRIG_LIMIT);
    bool far = false;
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        far |= vany(vlt(limit, vabs(vload(x + i))));
    return i < n ? far | vany(vlt(limit, vabs(vload_tail(x + i, vtail(n - i))))) : far;
}

typedef struct turn {
    vf sin, cos; /* of r, |r| <= pi/4 */
    vf n;
} turn;

VEC_INLINE turn v_turn(vf x)
{
    const vf n = vround(vmul(x, vset1(0.636619772f)));
    vf r = vfnma(n, vset1(1.5703125f), x);
    r = vfnma(n, vset1(4.837512969970703125e-4f), r);
    r = vfnma(n, vset1(7.549533620476723e-08f), r);
    r = vfnma(n, vset1(2.5633440682570896e-12f), r);
    const vf r2 = vmul(r, r);
    vf s = vset1(-1.9515295891e-4f);
    s = vfma(s, r2, vset1(8.3321608736e-3f));
    s = vfma(s, r2, vset1(-1.6666654611e-1f));
    vf c = vset1(2.443315711809948e-5f);
    c = vfma(c, r2, vset1(-1.388731625493765e-3f));
    c = vfma(c, r2, vset1(4.166664568298827e-2f));
    c = vfma(c, r2, vset1(-0.5f));
    return (turn){
        .sin = vfma(vmul(r, r2), s, r), .cos = vfma(c, r2, vset1(1.0f)), .n = n};
}

VEC_INLINE vm v_even(vf n)
{
    const vf half = vmul(n, vset1(0.5f));
    return veq(half, vround(half));
}

/* sin(n pi/2 + r) */
VEC_INLINE vf v_quadrant(turn t, vf n)
{
    const vm even = v_even(n);
    const vf half = vmul(vsel(even, n, vsub(n, vset1(1.0f))), vset1(0.5f));
    const vf y = vsel(even, t.sin, t.cos);
    return vsel(v_even(half), y, vneg(y));
}

/* The sum in vfma loses the sign of zero. */
VEC_INLINE vf v_keep_zero(vf y, vf x)
{
    return vsel(veq(x, vset1(0.0f)), x, y);
}

VEC_INLINE vf v_sin(vf x)
{
    const turn t = v_turn(x);
    return v_keep_zero(v_quadrant(t, t.n), x);
}

VEC_INLINE vf v_cos(vf x)
{
    const turn t = v_turn(x);
    return v_quadrant(t, vadd(t.n, vset1(1.0f)));
}

VEC_INLINE vf v_tan(vf x)
{
    const turn t = v_turn(x);
    const vm even = v_even(t.n);
    const vf y = vdiv(vsel(even, t.sin, t.cos), vsel(even, t.cos, vneg(t.sin)));
    return v_keep_zero(y, x);
}

/* ---- their inverses ---- */

/* asin(s) of s = sqrt(z), 0 <= s <= 0.5. */
VEC_INLINE vf v_asin_small(vf s, vf z)
{
    vf p = vset1(4.2163199048e-2f);
    p = vfma(p, z, vset1(2.4181311049e-2f));
    p = vfma(p, z, vset1(4.5470025998e-2f));
    p = vfma(p, z, vset1(7.4953002686e-2f));
    p = vfma(p, z, vset1(1.6666752422e-1f));
    return vfma(vmul(s, z), p, s);
}

/* asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)) for a > 0.5. */
typedef struct arc {
    vf angle; /* of the smaller one */
    vm large;
} arc;

VEC_INLINE arc v_arc(vf a)
{
    const vm large = vlt(vset1(0.5f), a);
    const vf half = vmul(vsub(vset1(1.0f), a), vset1(0.5f));
    const vf z = vsel(large, half, vmul(a, a));
    return (arc){v_asin_small(vsel(large, vsqrt(half), a), z), large};
}

VEC_INLINE vf v_asin(vf x)
{
    const arc c = v_arc(vabs(x));
    const vf far = vfnma(vset1(2.0f), c.angle, vset1(1.57079633f));
    return vcopysign(vsel(c.large, far, c.angle), x);
}

VEC_INLINE vf v_acos(vf x)
{
    const arc c = v_arc(vabs(x));
    const vf twice = vadd(c.angle, c.angle);
    const vf left = vsub(vset1(3.14159265f), twice);
    const vf far = vsel(vlt(x, vset1(0.0f)), left, twice);
    return vsel(c.large, far, vsub(vset1(1.57079633f), vcopysign(c.angle, x)));
}

/* atan(a) = pi/4 + atan((a - 1) / (a + 1)) = pi/2 + atan(-1 / a) */
VEC_INLINE vf v_atan(vf x)
{
    const vf a = vabs(x), one = vset1(1.0f);
    const vm large = vlt(vset1(2.41421356f), a), middle = vlt(vset1(0.414213562f), a);
    const vf up = vsel(large, vset1(-1.0f), vsel(middle, vsub(a, one), a));
    const vf down = vsel(large, a, vsel(middle, vadd(a, one), one));
    const vf base =
        vsel(large, vset1(1.57079633f), vsel(middle, vset1(0.785398163f), vset1(0.0f)));
    const vf z = vdiv(up, down), z2 = vmul(z, z);
    vf p = vset1(8.05374449538e-2f);
    p = vfma(p, z2, vset1(-1.38776856032e-1f));
    p = vfma(p, z2, vset1(1.99777106478e-1f));
    p = vfma(p, z2, vset1(-3.33329491539e-1f));
    return vcopysign(vadd(base, vfma(vmul(z, z2), p, z)), x);
}

/* ---- hyperbolic functions ---- */

/* e^a / 2 for a >= 0, where e^a itself may overflow: h = e^(a / 2). */
VEC_INLINE vf v_half_exp(vf a)
{
    const vf h = v_exp(vmul(a, vset1(0.5f)));
    return vmul(vmul(h, vset1(0.5f)), h);
}

VEC_INLINE vf v_cosh(vf x)
{
    const vf e = v_half_exp(vabs(x));
    return vadd(e, vdiv(vset1(0.25f), e));
}

VEC_INLINE vf v_sinh(vf x)
{
    const vf a = vabs(x), t = v_expm1(vmin(vset1(20.0f), a));
    const vf near = vmul(vset1(0.5f), vadd(t, vdiv(t, vadd(t, vset1(1.0f)))));
    return vcopysign(vsel(vlt(vset1(20.0f), a), v_half_exp(a), near), x);
}

/* log(1 + z), z not near -1; the second term gives back what 1 + z rounds away. */
VEC_INLINE vf v_log1p(vf z)
{
    const vf u = vadd(vset1(1.0f), z);
    const vf lost = vdiv(vsub(z, vsub(u, vset1(1.0f))), u);
    return vadd(v_log(u), vsel(vlt(vabs(z), vset1(1e9f)), lost, vset1(0.0f)));
}

/* From here on a^2 + 1 is a^2. */
#define HYPERBOLIC_FAR 1e6f

VEC_INLINE vf v_log_twice(vf a)
{
    return vadd(v_log(a), vset1(0.693147181f));
}

/* log(a + sqrt(a^2 + 1)) */
VEC_INLINE vf v_asinh(vf x)
{
    const vf a = vabs(x), one = vset1(1.0f), a2 = vmul(a, a);
    const vf root = vsqrt(vadd(a2, one));
    const vf near = v_log1p(vadd(a, vdiv(a2, vadd(one, root))));
    return vcopysign(vsel(vlt(vset1(HYPERBOLIC_FAR), a), v_log_twice(a), near), x);
}

/* log(x + sqrt(x^2 - 1)), by t = x - 1 */
VEC_INLINE vf v_acosh(vf x)
{
    const vf t = vsub(x, vset1(1.0f));
    const vf near = v_log1p(vadd(t, vsqrt(vmul(t, vadd(t, vset1(2.0f))))));
    const vf y = vsel(vlt(vset1(HYPERBOLIC_FAR), x), v_log_twice(x), near);
    return vsel(vlt(x, vset1(1.0f)), vset1(NAN), y);
}

VEC_INLINE vf v_atanh(vf x)
{
    const vf a = vabs(x);
    const vf z = vdiv(vadd(a, a), vsub(vset1(1.0f), a));
    return vcopysign(vmul(vset1(0.5f), v_log1p(z)), x);
}
#undef HYPERBOLIC_FAR
