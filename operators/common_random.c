// MT19937: a twisted generalised feedback shift register of 624 words with tempering;
// and what random operators share.

#include "operators/common_random.h"

#include "operators/common.h"

enum { WORDS = 624, SHIFT = 397 };

void igi_mt19937_seed(igi_mt19937 *r, uint32_t seed)
{
    r->word[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++)
        r->word[i] = 1812433253u * (r->word[i - 1] ^ (r->word[i - 1] >> 30)) + i;
    r->at = WORDS;
}

static void twist(igi_mt19937 *r)
{
    for (int i = 0; i < WORDS; i++) {
        uint32_t y =
            (r->word[i] & 0x80000000u) | (r->word[(i + 1) % WORDS] & 0x7fffffffu);
        r->word[i] =
            r->word[(i + SHIFT) % WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    r->at = 0;
}

uint32_t igi_mt19937_u32(igi_mt19937 *r)
{
    if (r->at == WORDS)
        twist(r);
    uint32_t y = r->word[r->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

double igi_mt19937_unit(igi_mt19937 *r)
{
    uint32_t high = igi_mt19937_u32(r) >> 5, low = igi_mt19937_u32(r) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

/* ---- streams ---- */

void igi_random_begin(igi_random *r, const ig_kernel_ctx *k, int64_t own_seed)
{
    r->own = own_seed >= 0;
    r->seed = k->seed;
    r->draw = k->draw;
    r->has_spare = false;
    r->spare = 0;
    if (r->own)
        igi_mt19937_seed(&r->mt, (uint32_t)own_seed);
}

double igi_random_next(igi_random *r, int64_t i)
{
    return r->own ? igi_mt19937_unit(&r->mt)
                  : igi_random_unit(r->seed, r->draw, (uint64_t)i);
}

/* Marsaglia's polar method, as NumPy's RandomState has it: the second number first. */
static double polar_normal(igi_random *r)
{
    double x, y, square;
    if (r->has_spare) {
        r->has_spare = false;
        return r->spare;
    }
    do {
        x = 2 * igi_mt19937_unit(&r->mt) - 1;
        y = 2 * igi_mt19937_unit(&r->mt) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square <= 0);
    double f = sqrt(-2 * log(square) / square);
    r->spare = f * x;
    r->has_spare = true;
    return f * y;
}

double igi_random_next_normal(igi_random *r, int64_t i)
{
    const double two_pi = 6.283185307179586;
    if (r->own)
        return polar_normal(r);
    /* Box and Muller's transform: two uniforms give a normal */
    double u = 1 - igi_random_unit(r->seed, r->draw, 2 * (uint64_t)i);
    double v = igi_random_unit(r->seed, r->draw, 2 * (uint64_t)i + 1);
    return sqrt(-2 * log(u)) * cos(two_pi * v);
}

/* ---- operators ---- */

int64_t igi_random_seed(float attr)
{
    return attr >= 0 && attr < 4294967296.0f ? (int64_t)attr : -1;
}

ig_status igi_infer_seed(ig_infer *x, float attr)
{
    if (attr < 4294967296.0f)
        return IG_OK;
    return ig_infer_fail(x, "seed is %g, the largest is 4294967040", (double)attr);
}

ig_status igi_infer_random_dtype(ig_infer *x, int64_t dtype)
{
    return ig_infer_dtype(x, 0, dtype ? dtype : x->in[0]->dtype);
}

const ig_port igi_random_inputs[] = {{0}};
const ig_port igi_random_like_inputs[] = {
    IG_PORT("input", 'I', "Gives shape and element type.", .flags = IG_TYPE_ONLY),
    {0},
};
const ig_port igi_random_outputs[] = {
    IG_PORT("output", 'T', "Random numbers.", .flags = IG_NODIFF),
    {0},
};
const ig_type_rule igi_random_types[] = {{'T', IG_FLOATS}, {0}};
const ig_type_rule igi_random_like_types[] = {
    {'I', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {'T', IG_FLOATS}, {0}};

ig_status igi_random_infer(ig_infer *x)
{
    const igi_random_attrs *a = x->attrs;
    IG_TRY(igi_infer_seed(x, a->seed));
    IG_TRY(ig_infer_dtype(x, 0, a->dtype));
    if (a->shape.n > IG_RANK_MAX)
        return ig_infer_fail(x, "shape has more than %d dims", IG_RANK_MAX);
    for (int64_t i = 0; i < a->shape.n; i++)
        if (a->shape.v[i] < 0)
            return ig_infer_fail(x, "shape[%d] is %lld, it must not be negative",
                                 (int)i, (long long)a->shape.v[i]);
    return ig_infer_set(x, 0, (int)a->shape.n, a->shape.v);
}

ig_status igi_random_like_infer(ig_infer *x)
{
    const igi_random_like_attrs *a = x->attrs;
    IG_TRY(igi_infer_seed(x, a->seed));
    IG_TRY(igi_infer_random_dtype(x, a->dtype));
    return x->in[0]->rank < 0 ? ig_infer_unknown(x, 0) : ig_infer_copy(x, 0, 0);
}

ig_status igi_random_fill(ig_kernel_ctx *k, float seed, bool normal, double a, double b)
{
    ig_tensor *y = ig_out(k, 0);
    const ig_dtype type = ig_dtype_of(y);
    const int64_t n = ig_numel(y);
    igi_random r;
    igi_random_begin(&r, k, igi_random_seed(seed));
    for (int64_t i = 0; i < n; i++) {
        double v = normal ? igi_random_next_normal(&r, i) : igi_random_next(&r, i);
        igi_put_f64(type, ig_data(y), i, a + b * v);
    }
    return IG_OK;
}
