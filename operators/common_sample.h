/* Inputs and attributes of samples (ig_sample): rows of tables that the suite runs. */
#ifndef OPERATORS_COMMON_SAMPLE_H
#define OPERATORS_COMMON_SAMPLE_H

#include <ingot/plugin.h>

#include "graph/core/tensor.h"

/* {.name = "plain", IGI_INPUTS(IGI_IN(2, 3), IGI_IN_SCALAR)} */
#define IGI_INPUTS(...)                                                                \
    .n_in = (int)(sizeof((const ig_sample_in[]){__VA_ARGS__}) / sizeof(ig_sample_in)), \
    .in = (const ig_sample_in[])                                                       \
    {                                                                                  \
        __VA_ARGS__                                                                    \
    }
/* A tensor of the given dims, filled as the operator's sample rows say by default. */
#define IGI_IN(...)                                                                    \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__)                                                       \
    }
#define IGI_IN_POSITIVE(...)                                                           \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_POSITIVE                             \
    }
#define IGI_IN_SCALAR                                                                  \
    {                                                                                  \
        .rank = 0                                                                      \
    }
#define IGI_IN_ABSENT                                                                  \
    {                                                                                  \
        .rank = -1                                                                     \
    }
/* One given number; an int64 vector of given ones; an empty one. */
#define IGI_IN_NUMBER(dtype_, v_)                                                      \
    {                                                                                  \
        .rank = 0, .dtype = dtype_, .data = (const double[])                           \
        {                                                                              \
            v_                                                                         \
        }                                                                              \
    }
#define IGI_IN_INTS(...)                                                               \
    {                                                                                  \
        .rank = 1, .dims = {IG_COUNT_(__VA_ARGS__)}, .dtype = IG_INT64,                \
        .data = (const double[])                                                       \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
#define IGI_IN_NO_INTS                                                                 \
    {                                                                                  \
        .rank = 1, .dims = {0}, .dtype = IG_INT64                                      \
    }
/* Given elements: {IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT32, 0, 1, 2, 3)}. */
#define IGI_DATA(dtype_, ...)                                                          \
    .dtype = dtype_, .data = (const double[])                                          \
    {                                                                                  \
        __VA_ARGS__                                                                    \
    }

/* A sequence of the given inputs, all of one type; one without items; an optional. */
#define IGI_IN_ITEMS_(kind_, ...)                                                      \
    {                                                                                  \
        .kind = kind_,                                                                 \
        .n_items =                                                                     \
            (int)(sizeof((const ig_sample_in[]){__VA_ARGS__}) / sizeof(ig_sample_in)), \
        .items = (const ig_sample_in[])                                                \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
#define IGI_IN_SEQUENCE(...) IGI_IN_ITEMS_(IG_KIND_SEQUENCE, __VA_ARGS__)
#define IGI_IN_OPTIONAL(...) IGI_IN_ITEMS_(IG_KIND_OPTIONAL, __VA_ARGS__)
/* A map: keys, a vector of integers or strings, then the values. */
#define IGI_IN_MAP(...) IGI_IN_ITEMS_(IG_KIND_MAP, __VA_ARGS__)
#define IGI_IN_NO_ITEMS                                                                \
    {                                                                                  \
        .kind = IG_KIND_SEQUENCE                                                       \
    }

/* Bodies of samples: one node with one output; a constant of rank 0. */
ig_status igi_sample_node(ig_graph *g,
                          const ig_op_def *op,
                          const ig_value_id *in,
                          int n_in,
                          ig_value_id *out);
ig_status igi_sample_number(ig_graph *g, ig_dtype dtype, double v, ig_value_id *out);

/* Attribute lists: {.strides = IGI_INTS(2, 2)}. File scope only. */
#define IGI_INTS(...)                                                                  \
    {                                                                                  \
        .n = IG_COUNT_(__VA_ARGS__), .v = (const int64_t[])                            \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }

/* A vector as a tensor attribute of samples: a constant that nobody frees. */
#define IGI_SAMPLE_TENSOR(name_, dtype_, T_, ...)                                      \
    static T_ name_##_data[] = {__VA_ARGS__};                                          \
    static igi_storage name_##_storage = {.refs = 1,                                   \
                                          .flags = IGI_SHARED | IGI_READONLY,          \
                                          .bytes = sizeof(name_##_data),               \
                                          .data = (char *)name_##_data};               \
    static ig_tensor name_ = {                                                         \
        .v = {.refs = 1,                                                               \
              .flags = IGI_STATIC | IGI_SHARED | IGI_CONTIGUOUS,                       \
              .type = {.kind = IG_KIND_TENSOR,                                         \
                       .dtype = dtype_,                                                \
                       .rank = 1,                                                      \
                       .u.dim = {sizeof(name_##_data) / sizeof(T_)}}},                 \
        .data = (char *)name_##_data,                                                  \
        .st = &name_##_storage,                                                        \
        .stride = {1}}

/* Rows for elementwise operators: attributes (or NULL), fill, types (0: all), and
 * whether finite differences make sense is the fill's business: choose one away from
 * kinks. */
#define IGI_SAMPLE_1(name_, attrs_, fill_, types_, ...)                                \
    {                                                                                  \
        .name = name_, .attrs = attrs_, .n_in = 1,                                     \
        .in = (const ig_sample_in[]){{__VA_ARGS__, .fill = fill_}}, .types = types_    \
    }
#define IGI_SAMPLES_UNARY(attrs_, fill_, types_)                                       \
    IGI_SAMPLE_1("matrix", attrs_, fill_, types_, IG_SHAPE_IN(3, 5)),                  \
        IGI_SAMPLE_1("long", attrs_, fill_, types_, IG_SHAPE_IN(67)),                  \
        IGI_SAMPLE_1("rank_4", attrs_, fill_, types_, IG_SHAPE_IN(2, 1, 3, 2)),        \
        IGI_SAMPLE_1("scalar", attrs_, fill_, types_, .rank = 0),                      \
        IGI_SAMPLE_1("size_one", attrs_, fill_, types_, IG_SHAPE_IN(1, 1)),            \
        IGI_SAMPLE_1("empty", attrs_, fill_, types_, IG_SHAPE_IN(2, 0, 3))

/* a_ and b_ are parenthesised shapes, (IG_SHAPE_IN(2, 3)). */
#define IGI_UNWRAP_(...) __VA_ARGS__
#define IGI_SAMPLE_2(name_, attrs_, fill_a_, fill_b_, types_, a_, b_)                  \
    {                                                                                  \
        .name = name_, .attrs = attrs_, .n_in = 2,                                     \
        .in = (const ig_sample_in[]){{IGI_UNWRAP_ a_, .fill = fill_a_},                \
                                     {IGI_UNWRAP_ b_, .fill = fill_b_}},               \
        .types = types_                                                                \
    }
#define IGI_SAMPLES_BINARY(attrs_, fa_, fb_, types_)                                   \
    IGI_SAMPLE_2("same_shape", attrs_, fa_, fb_, types_, (IG_SHAPE_IN(3, 5)),          \
                 (IG_SHAPE_IN(3, 5))),                                                 \
        IGI_SAMPLE_2("long", attrs_, fa_, fb_, types_, (IG_SHAPE_IN(67)),              \
                     (IG_SHAPE_IN(67))),                                               \
        IGI_SAMPLE_2("broadcast", attrs_, fa_, fb_, types_, (IG_SHAPE_IN(2, 3, 4)),    \
                     (IG_SHAPE_IN(3, 1))),                                             \
        IGI_SAMPLE_2("broadcast_both", attrs_, fa_, fb_, types_, (IG_SHAPE_IN(4, 1)),  \
                     (IG_SHAPE_IN(2, 1, 3))),                                          \
        IGI_SAMPLE_2("scalar_right", attrs_, fa_, fb_, types_, (IG_SHAPE_IN(2, 3)),    \
                     (.rank = 0)),                                                     \
        IGI_SAMPLE_2("scalar_left", attrs_, fa_, fb_, types_, (.rank = 0),             \
                     (IG_SHAPE_IN(4))),                                                \
        IGI_SAMPLE_2("scalars", attrs_, fa_, fb_, types_, (.rank = 0), (.rank = 0)),   \
        IGI_SAMPLE_2("size_one", attrs_, fa_, fb_, types_, (IG_SHAPE_IN(1, 1)),        \
                     (IG_SHAPE_IN(1))),                                                \
        IGI_SAMPLE_2("empty", attrs_, fa_, fb_, types_, (IG_SHAPE_IN(0, 3)),           \
                     (IG_SHAPE_IN(1, 3)))

/* Rows for Min, Max and Sum: explicit numbers without ties, which would be kinks. */
extern const double igi_sample_a[6], igi_sample_b[6], igi_sample_c[2];
#define IGI_SAMPLES_EXTREMUM                                                           \
    {.name = "one",                                                                    \
     .n_in = 1,                                                                        \
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(2, 3), .data = igi_sample_a}}},         \
        {.name = "two",                                                                \
         .n_in = 2,                                                                    \
         .in = (const ig_sample_in[]){{IG_SHAPE_IN(6), .data = igi_sample_a},          \
                                      {IG_SHAPE_IN(6), .data = igi_sample_b}}},        \
        {.name = "three_broadcast",                                                    \
         .n_in = 3,                                                                    \
         .in = (const ig_sample_in[]){{IG_SHAPE_IN(2, 3), .data = igi_sample_a},       \
                                      {IG_SHAPE_IN(2, 1), .data = igi_sample_c},       \
                                      {IG_SHAPE_IN(2, 3), .data = igi_sample_b}}},     \
        {.name = "first_is_smaller",                                                   \
         .n_in = 2,                                                                    \
         .in = (const ig_sample_in[]){{IG_SHAPE_IN(2, 1), .data = igi_sample_c},       \
                                      {IG_SHAPE_IN(2, 3), .data = igi_sample_b}}},     \
        {.name = "scalars",                                                            \
         .n_in = 2,                                                                    \
         .in = (const ig_sample_in[]){{.rank = 0, .data = igi_sample_a},               \
                                      {.rank = 0, .data = igi_sample_b}}},             \
    {                                                                                  \
        .name = "empty", .n_in = 2, .in = (const ig_sample_in[])                       \
        {                                                                              \
            {IG_SHAPE_IN(0, 3)},                                                       \
            {                                                                          \
                IG_SHAPE_IN(1, 3)                                                      \
            }                                                                          \
        }                                                                              \
    }

#endif
