/* Random numbers of operators.
 *
 * Element i of a draw is a hash of (seed, draw, i), seed and draw being the run's, so
 * results depend neither on threads nor on the order of evaluation. A node with a seed
 * of its own takes its elements one after the other from MT19937 (Matsumoto, Nishimura
 * 1998) as NumPy's RandomState(seed) does, which ONNX's recorded cases and reference
 * evaluator use: the same numbers in every run. */
#ifndef OPERATORS_COMMON_RANDOM_H
#define OPERATORS_COMMON_RANDOM_H

#include <ingot/plugin.h>

typedef struct igi_mt19937 {
    uint32_t word[624];
    int at;
} igi_mt19937;

/* Seeding and the conversion to double are NumPy's legacy ones. */
void igi_mt19937_seed(igi_mt19937 *r, uint32_t seed);
uint32_t igi_mt19937_u32(igi_mt19937 *r);
double igi_mt19937_unit(igi_mt19937 *r); /* [0, 1), 53 bits */

/* The numbers of one draw, to be asked for in the order of their index. */
typedef struct igi_random {
    bool own; /* has a seed of its own */
    uint64_t seed, draw;
    igi_mt19937 mt;
    bool has_spare; /* second number of a pair of normals */
    double spare;
} igi_random;

/* own_seed negative: the run's numbers. */
void igi_random_begin(igi_random *r, const ig_kernel_ctx *k, int64_t own_seed);
double igi_random_next(igi_random *r, int64_t i);        /* uniform in [0, 1) */
double igi_random_next_normal(igi_random *r, int64_t i); /* mean 0, deviation 1 */

/* ---- operators with a float attribute `seed` ---- */

#define IGI_ATTR_SEED(S_)                                                              \
    IG_ATTR_FLOAT(S_, seed, -1, "Fixes the numbers; negative: the run's seed.")
/* The seed attribute as own_seed; an error in infer when it is above 2^32 - 1. */
int64_t igi_random_seed(float attr);
ig_status igi_infer_seed(ig_infer *x, float attr);
/* Element type of output 0: attribute `dtype`, or that of input 0 when it is 0. */
ig_status igi_infer_random_dtype(ig_infer *x, int64_t dtype);

/* RandomNormal, RandomUniform and their Like forms: two numbers that name the law under
 * names of their own, then what all have. */
#define IGI_RANDOM_MEMBERS                                                             \
    uint32_t struct_size;                                                              \
    float first, second, seed;                                                         \
    int64_t dtype;
typedef struct igi_random_like_attrs {
    IGI_RANDOM_MEMBERS
} igi_random_like_attrs;
typedef struct igi_random_attrs {
    IGI_RANDOM_MEMBERS
    ig_ints shape;
} igi_random_attrs;
#define IGI_ATTR_LAW(S_, m_, name_, d_, doc_)                                          \
    {                                                                                  \
        .name = name_, .kind = IG_A_FLOAT, .offset = IG_FIELD(float, S_, m_),          \
        .doc = doc_, .def.f = d_                                                       \
    }
#define IGI_RANDOM_ATTRS                                                               \
    IGI_ATTR_SEED(igi_random_attrs),                                                   \
        IG_ATTR_DTYPE(igi_random_attrs, dtype, IG_FLOAT32,                             \
                      "Element type of the output."),                                  \
        IG_ATTR_INTS(igi_random_attrs, shape, "Dims of the output.",                   \
                     .flags = IG_REQUIRED)
#define IGI_RANDOM_LIKE_ATTRS                                                          \
    IGI_ATTR_SEED(igi_random_like_attrs),                                              \
        IG_ATTR_DTYPE(igi_random_like_attrs, dtype, 0,                                 \
                      "Element type; 0: that of input.")
extern const ig_port igi_random_inputs[], igi_random_like_inputs[],
    igi_random_outputs[];
extern const ig_type_rule igi_random_types[], igi_random_like_types[];
ig_status igi_random_infer(ig_infer *x);
ig_status igi_random_like_infer(ig_infer *x);
/* Output 0 is a + b * number, element by element. */
ig_status
igi_random_fill(ig_kernel_ctx *k, float seed, bool normal, double a, double b);

/* Samples of all four; law: {.first = ..., .second = ...} as a macro. */
#define IGI_RANDOM_SAMPLES(name_, law_, law2_)                                         \
    static const igi_random_attrs matrix = {.struct_size = sizeof(matrix),             \
                                            law_,                                      \
                                            law2_,                                     \
                                            .seed = -1,                                \
                                            .dtype = IG_FLOAT32,                       \
                                            .shape = IGI_INTS(3, 5)};                  \
    static const igi_random_attrs seeded = {.struct_size = sizeof(seeded),             \
                                            law_,                                      \
                                            law2_,                                     \
                                            .seed = 7,                                 \
                                            .dtype = IG_FLOAT64,                       \
                                            .shape = IGI_INTS(2, 1, 4)};               \
    static const igi_random_attrs half = {.struct_size = sizeof(half),                 \
                                          law_,                                        \
                                          law2_,                                       \
                                          .seed = -1,                                  \
                                          .dtype = IG_FLOAT16,                         \
                                          .shape = IGI_INTS(1)};                       \
    static const igi_random_attrs empty = {.struct_size = sizeof(empty),               \
                                           law_,                                       \
                                           law2_,                                      \
                                           .seed = -1,                                 \
                                           .dtype = IG_BFLOAT16,                       \
                                           .shape = IGI_INTS(2, 0)};                   \
    static const igi_random_attrs scalar = {.struct_size = sizeof(scalar),             \
                                            law_,                                      \
                                            law2_,                                     \
                                            .seed = -1,                                \
                                            .dtype = IG_FLOAT32,                       \
                                            .shape = {0, (const int64_t[]){0}}};       \
    static const igi_random_like_attrs to_double = {.struct_size = sizeof(to_double),  \
                                                    law_,                              \
                                                    law2_,                             \
                                                    .seed = -1,                        \
                                                    .dtype = IG_FLOAT64};              \
    static const igi_random_like_attrs seeded_like = {                                 \
        .struct_size = sizeof(seeded_like), law_, law2_, .seed = 3};                   \
    static const ig_sample name_[] = {                                                 \
        {.name = "matrix", .attrs = &matrix}, {.name = "seeded", .attrs = &seeded},    \
        {.name = "half", .attrs = &half},     {.name = "scalar", .attrs = &scalar},    \
        {.name = "empty", .attrs = &empty},   {0}};                                    \
    static const ig_sample name_##_like[] = {                                          \
        {.name = "plain", IGI_INPUTS(IGI_IN(3, 5)), .types = IG_FLOATS},               \
        {.name = "seeded",                                                             \
         .attrs = &seeded_like,                                                        \
         IGI_INPUTS(IGI_IN(2, 3)),                                                     \
         .types = IG_FLOATS},                                                          \
        {.name = "to_double", .attrs = &to_double, IGI_INPUTS(IGI_IN(2, 2))},          \
        {.name = "size_one", IGI_INPUTS(IGI_IN(1)), .types = IG_FLOATS},               \
        {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR), .types = IG_FLOATS},             \
        {.name = "empty", IGI_INPUTS(IGI_IN(0, 3)), .types = IG_FLOATS},               \
        {0}}

#endif
