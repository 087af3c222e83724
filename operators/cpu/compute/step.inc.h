/* Of training: the slope of Relu, steps of optimisers. */

/* An infinite dy must not become NaN where the slope is 0. */
VEC_INLINE vf relu_grad_vec(vf dy, vf x, vf alpha, vm leaks)
{
    vf low = vsel(leaks, vmul(alpha, dy), vset1(0.0f));
    return vsel(vle(x, vset1(0.0f)), low, dy);
}

static void
relu_grad(float *dx, const float *dy, const float *x, float alpha, int64_t n)
{
    const vf slope = vset1(alpha), zero = vset1(0.0f);
    const vm leaks = vlt(zero, vabs(slope));
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        vstore(dx + i, relu_grad_vec(vload(dy + i), vload(x + i), slope, leaks));
    if (i < n) {
        vm tail = vtail(n - i);
        vstore_tail(dx + i, tail,
                    relu_grad_vec(vload_tail(dy + i, tail), vload_tail(x + i, tail),
                                  slope, leaks));
    }
}

VEC_INLINE void adam_vec(const igi_adam *r, vf x, vf grad, vf *m, vf *v, vf *p)
{
    vf g = vfma(vset1(r->decay), x, vmul(vset1(r->scale), grad));
    *m = vfma(vset1(r->beta1), *m, vmul(vset1(r->rest1), g));
    *v = vfma(vset1(r->beta2), *v, vmul(vset1(r->rest2), vmul(g, g)));
    vf root = vfma(vsqrt(*v), vset1(r->root), vset1(r->eps));
    *p = vsub(vmul(x, vset1(r->keep)), vdiv(vmul(vset1(r->rate), *m), root));
}

static void adam(const igi_adam *r,
                 float *const *state,
                 const float *const *old,
                 const float *grad,
                 int64_t n)
{
    int64_t i = 0;
    vf p;
    for (; i + VW <= n; i += VW) {
        vf m = vload(old[1] + i), v = vload(old[2] + i);
        adam_vec(r, vload(old[0] + i), vload(grad + i), &m, &v, &p);
        vstore(state[0] + i, p);
        vstore(state[1] + i, m);
        vstore(state[2] + i, v);
    }
    if (i < n) {
        vm tail = vtail(n - i);
        vf m = vload_tail(old[1] + i, tail), v = vload_tail(old[2] + i, tail);
        adam_vec(r, vload_tail(old[0] + i, tail), vload_tail(grad + i, tail), &m, &v,
                 &p);
        vstore_tail(state[0] + i, tail, p);
        vstore_tail(state[1] + i, tail, m);
        vstore_tail(state[2] + i, tail, v);
    }
}
