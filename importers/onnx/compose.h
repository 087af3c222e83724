/* What operators of other vendors are said with: each becomes several of ours.
 *
 *     igi_make m = {.n = n};
 *     ig_value_id sum = igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), bias), "Add");
 *     return igi_mk_give(&m, igi_mk(&m, IGI_IN(sum), "Gelu approximate=tanh"));
 *
 * A failure sticks in `rc` and turns later calls into nothing, so compositions read
 * like formulas. Attributes and inputs that no call has asked for are refused at
 * the end (igi_mk_give): none is ignored without a line that says so. */
#ifndef IMPORTERS_ONNX_COMPOSE_H
#define IMPORTERS_ONNX_COMPOSE_H

#include "importers/onnx/upgrade.h"

typedef struct igi_make {
    igi_onnx_node *n;
    ig_status rc;
    uint64_t read; /* inputs that were asked for */
} igi_make;

#define IGI_IN(...)                                                                    \
    ((const ig_value_id[]){__VA_ARGS__}),                                              \
        (int)(sizeof((const ig_value_id[]){__VA_ARGS__}) / sizeof(ig_value_id))

#define IGI_LIST(...)                                                                  \
    ((const int64_t[]){__VA_ARGS__}),                                                  \
        (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* One operator with one output; text as of igi_graph_make_call, printed first. */
ig_value_id igi_mk(igi_make *m, const ig_value_id *in, int n_in, const char *fmt, ...)
    IG_PRINTF(4, 5);
/* The same with several outputs. */
void igi_mk_many(igi_make *m,
                 const ig_value_id *in,
                 int n_in,
                 ig_value_id *out,
                 int n_out,
                 const char *fmt,
                 ...) IG_PRINTF(6, 7);
/* The node itself as ONNX's `op`, with the attributes that nobody has taken: its first
 * output; or the last call, for all outputs. */
ig_status igi_mk_give_as(igi_make *m, const char *op, const ig_value_id *in, int n_in);
ig_value_id igi_mk_as(igi_make *m, const char *op, const ig_value_id *in, int n_in);

/* Inputs; {0} when absent. */
ig_value_id igi_mk_in(igi_make *m, int i);
bool igi_mk_has(igi_make *m, int i);
/* Whether the file reads output i. */
bool igi_mk_wants(const igi_make *m, int i);
/* The last call: output 0. Others before it; what the file does not read is not kept.
 */
ig_status igi_mk_give(igi_make *m, ig_value_id v);
void igi_mk_out(igi_make *m, int i, ig_value_id v);

/* Attributes, each with its default. */
int64_t igi_mk_int(igi_make *m, const char *name, int64_t fallback);
double igi_mk_float(igi_make *m, const char *name, double fallback);
const char *igi_mk_string(igi_make *m, const char *name, const char *fallback);
ig_ints igi_mk_list(igi_make *m, const char *name); /* v NULL when absent */
ig_floats igi_mk_floats(igi_make *m, const char *name);
/* Attributes that choose how fast, never what. */
void igi_mk_ignore(igi_make *m, const char *name);

/* Facts. A rank or dim that the composition cannot do without is an error. */
ig_dtype igi_mk_dtype(const igi_make *m, ig_value_id v);
int igi_mk_rank(igi_make *m, ig_value_id v);
int64_t igi_mk_dim(igi_make *m, ig_value_id v, int axis);
/* The constant that v is, NULL with an error when it is none. */
ig_tensor *igi_mk_constant(igi_make *m, ig_value_id v, const char *what);

/* Constants: a number of rank 0; a list of integers; a tensor, which is taken over. */
ig_value_id igi_mk_number(igi_make *m, ig_dtype dtype, double v);
ig_value_id igi_mk_ints(igi_make *m, const int64_t *v, int n); /* IGI_LIST(1, 2) */
ig_value_id igi_mk_tensor(igi_make *m, ig_tensor *t);

/* Often used. */
ig_value_id igi_mk_cast(igi_make *m, ig_value_id v, ig_dtype to);
ig_value_id igi_mk_reshape(igi_make *m, ig_value_id v, const int64_t *dims, int n);
ig_value_id igi_mk_unsqueeze(igi_make *m, ig_value_id v, const int64_t *axes, int n);
/* [N, C, ...] from [N, ..., C], and back; `last` false: v as it is. */
ig_value_id igi_mk_channels_first(igi_make *m, ig_value_id v, bool last);
ig_value_id igi_mk_channels_last(igi_make *m, ig_value_id v, bool last);
/* int64 [1]: the size of an axis. */
ig_value_id igi_mk_size(igi_make *m, ig_value_id v, int axis);
/* int64 [n]: 0, 1, ... for a size [1]. */
ig_value_id igi_mk_range(igi_make *m, ig_value_id size);
/* UNSUPPORTED with the reason, unless something failed before. */
void igi_mk_refuse(igi_make *m, const char *fmt, ...) IG_PRINTF(2, 3);

#endif
