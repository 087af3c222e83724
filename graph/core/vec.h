/* Growable arrays: `IGI_VEC(T) v = {0}; IGI_PUSH(&v, item) -> bool; IGI_VEC_FREE(&v)`.
 */
#ifndef GRAPH_CORE_VEC_H
#define GRAPH_CORE_VEC_H

#include "graph/core/alloc.h"

#define IGI_VEC(T_)                                                                    \
    struct {                                                                           \
        T_ *p;                                                                         \
        size_t n, cap;                                                                 \
    }
/* Room for `need` items; false with a record when out of memory. */
bool igi_vec_grow(void **p, size_t *cap, size_t need, size_t size);
#define IGI_RESERVE(v_, need_)                                                         \
    ((need_) <= (v_)->cap ||                                                           \
     igi_vec_grow((void **)(void *)&(v_)->p, &(v_)->cap, (need_), sizeof(*(v_)->p)))
#define IGI_PUSH(v_, ...)                                                              \
    (IGI_RESERVE(v_, (v_)->n + 1) && ((v_)->p[(v_)->n++] = (__VA_ARGS__), true))
#define IGI_VEC_FREE(v_) (igi_free((v_)->p), (v_)->p = NULL, (v_)->n = (v_)->cap = 0)

#endif
