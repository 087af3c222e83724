/* training_info of a model (ONNX's IR, version 7): a step, and the values that it
 * begins with, each as a graph that replaces the model's.
 *
 * The state of a step are initialisers: those that its update_binding and
 * initialization_binding name, and those of the model's graph that another
 * training_info's name. The step is the model's graph and the algorithm together; state
 * goes in as inputs and comes out as "name.next". The start has no inputs: what the
 * initialization makes of the state, or the initialisers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "importers/onnx/build.h"

typedef IgiOnnx__TrainingInfo pb_training;

typedef struct state {
    const char *name, *next, *first; /* values that it becomes; NULL: stays */
    const pb_tensor *t;
} state;

typedef struct training {
    igi_onnx_build *b;
    const pb_training *own;
    const pb_graph *algorithm; /* of `own` */
    igi_map tensors; /* initialiser -> its number + 1, the model's graph's first */
    igi_map known;   /* state -> its number + 1 */
    igi_map bound;   /* results that are the next value of a state */
    IGI_VEC(state) states;
} training;

static const pb_graph empty = IGI_ONNX__GRAPH__INIT;

/* ---- states ---- */

static ig_status list_tensors(training *t, const pb_graph *g, size_t first)
{
    for (size_t i = 0; i < g->n_initializer; i++) {
        const char *name = pb_str(g->initializer[i]->name);
        if (igi_map_get(&t->tensors, name))
            return ig_fail(IG_INVALID_GRAPH, "two initialisers are named '%s'", name);
        IG_TRY(igi_map_put(&t->tensors, name, (uint32_t)(first + i + 1)));
    }
    return IG_OK;
}

/* The state of that name, made when it is new; NULL: no such initialiser. */
static ig_status state_of(training *t, const char *name, bool mine, state **out)
{
    const pb_graph *g = t->b->model->graph;
    uint32_t at = igi_map_get(&t->known, name), tensor = igi_map_get(&t->tensors, name);
    *out = at ? &t->states.p[at - 1] : NULL;
    if (at || !tensor || (!mine && tensor > g->n_initializer))
        return IG_OK;
    state s = {.name = name,
               .t = tensor <= g->n_initializer
                        ? g->initializer[tensor - 1]
                        : t->algorithm->initializer[tensor - 1 - g->n_initializer]};
    if (!IGI_PUSH(&t->states, s))
        return IG_OUT_OF_MEMORY;
    *out = &t->states.p[t->states.n - 1];
    return igi_map_put(&t->known, name, (uint32_t)t->states.n);
}

static ig_status
bind(training *t, const pb_entry *e, const char *list, bool mine, bool update)
{
    const char *key = pb_str(e->key), *value = pb_str(e->value);
    state *s;
    IG_TRY(state_of(t, key, mine, &s));
    if (!mine)
        return IG_OK;
    if (!s)
        return ig_fail(IG_INVALID_GRAPH, "%s: '%s' is no initialiser", list, key);
    if (update ? s->next : s->first)
        return ig_fail(IG_INVALID_GRAPH, "%s: '%s' is bound twice", list, key);
    if (!*value)
        return ig_fail(IG_INVALID_GRAPH, "%s: '%s' is bound to nothing", list, key);
    if (!update) {
        s->first = value;
        return IG_OK;
    }
    s->next = value;
    return igi_map_put(&t->bound, value, 1);
}

static ig_status list_states(training *t, const pb_training *info)
{
    const bool mine = info == t->own;
    for (size_t i = 0; i < info->n_update_binding; i++)
        IG_TRY(bind(t, info->update_binding[i], "update_binding", mine, true));
    for (size_t i = 0; i < info->n_initialization_binding; i++)
        IG_TRY(bind(t, info->initialization_binding[i], "initialization_binding", mine,
                    false));
    return IG_OK;
}

static ig_status gather(training *t)
{
    const pb_model *m = t->b->model;
    IG_TRY(list_tensors(t, m->graph, 0));
    IG_TRY(list_tensors(t, t->algorithm, m->graph->n_initializer));
    IG_TRY(list_states(t, t->own));
    for (size_t i = 0; i < m->n_training_info; i++)
        if (m->training_info[i] != t->own)
            IG_TRY(list_states(t, m->training_info[i]));
    return IG_OK;
}

/* ---- lists of messages ---- */

/* What two lists of pointers hold, with room for `more`; items that `drop` says true to
 * are left out. NULL when out of memory. */
static void *join(training *t,
                  const void *a,
                  size_t n_a,
                  const void *b,
                  size_t n_b,
                  size_t more,
                  bool (*drop)(const training *t, const void *item),
                  size_t *n)
{
    const size_t each = sizeof(void *);
    char *out = igi_arena_array(&t->b->arena, n_a + n_b + more + 1, each);
    *n = 0;
    for (size_t i = 0; out && i < n_a + n_b; i++) {
        void *item;
        const char *from = i < n_a ? a : b;
        memcpy(&item, from + (i < n_a ? i : i - n_a) * each, each);
        if (!drop || !drop(t, item))
            memcpy(out + (*n)++ * each, &item, each);
    }
    return out;
}
#define JOIN(t_, to_, a_, b_, field_, more_, drop_)                                    \
    (((to_)->field_ = join(t_, (a_)->field_, (a_)->n_##field_, (b_)->field_,           \
                           (b_)->n_##field_, more_, drop_, &(to_)->n_##field_))        \
         ? IG_OK                                                                       \
         : IG_OUT_OF_MEMORY)

static bool is_state(const training *t, const void *tensor)
{
    return igi_map_get(&t->known, pb_str(((const pb_tensor *)tensor)->name)) != 0;
}
static bool is_state_input(const training *t, const void *value)
{
    return igi_map_get(&t->known, pb_str(((const pb_value *)value)->name)) != 0;
}
static bool is_bound(const training *t, const void *value)
{
    return igi_map_get(&t->bound, pb_str(((const pb_value *)value)->name)) != 0;
}

/* The declaration of a state as an input: its tensor's element type and dims. */
static ig_status declare_state(training *t, const state *s, pb_value **out)
{
    igi_arena *arena = &t->b->arena;
    IgiOnnx__Type__TensorType *tensor = igi_arena_alloc(arena, sizeof(*tensor));
    pb_type *type = igi_arena_alloc(arena, sizeof(*type));
    pb_shape *shape = igi_arena_alloc(arena, sizeof(*shape));
    pb_dimension *dims = igi_arena_array(arena, s->t->n_dims + 1, sizeof(*dims));
    pb_value *v = igi_arena_alloc(arena, sizeof(*v));
    if (!tensor || !type || !shape || !dims || !v)
        return IG_OUT_OF_MEMORY;
    igi_onnx__value_info__init(v);
    igi_onnx__type__init(type);
    igi_onnx__type__tensor_type__init(tensor);
    igi_onnx__tensor_shape__init(shape);
    shape->dim = igi_arena_array(arena, s->t->n_dims + 1, sizeof(*shape->dim));
    if (!shape->dim)
        return IG_OUT_OF_MEMORY;
    for (; shape->n_dim < s->t->n_dims; shape->n_dim++) {
        pb_dimension *d = shape->dim[shape->n_dim] = &dims[shape->n_dim];
        igi_onnx__tensor_shape__dimension__init(d);
        d->has_dim_value = true;
        d->dim_value = s->t->dims[shape->n_dim];
    }
    tensor->has_elem_type = true;
    tensor->elem_type = s->t->data_type;
    tensor->shape = shape;
    type->tensor_type = tensor;
    v->type = type;
    v->name = (char *)(uintptr_t)s->name;
    *out = v;
    return IG_OK;
}

static void add_end(training *t, const state *s, const char *name, const char *value)
{
    t->b->ends[t->b->n_ends++] = (igi_onnx_end){name, value, s->t->data_type};
}

/* ---- the two graphs ---- */

static ig_status make_step(training *t, pb_graph *g)
{
    const pb_graph *m = t->b->model->graph, *a = t->algorithm;
    *g = *m;
    IG_TRY(JOIN(t, g, m, a, node, 0, NULL));
    IG_TRY(JOIN(t, g, m, a, initializer, 0, is_state));
    IG_TRY(JOIN(t, g, m, a, sparse_initializer, 0, NULL));
    IG_TRY(JOIN(t, g, m, a, input, t->states.n, is_state_input));
    IG_TRY(JOIN(t, g, m, a, output, 0, is_bound));
    IG_TRY(JOIN(t, g, m, a, value_info, 0, NULL));
    IG_TRY(JOIN(t, g, m, a, quantization_annotation, 0, NULL));
    for (size_t i = 0; i < t->states.n; i++) {
        const state *s = &t->states.p[i];
        size_t n = strlen(s->name) + sizeof(".next");
        char *next = igi_arena_alloc(&t->b->arena, n);
        if (!next)
            return IG_OUT_OF_MEMORY;
        (void)snprintf(next, n, "%s.next", s->name);
        IG_TRY(declare_state(t, s, &g->input[g->n_input++]));
        add_end(t, s, next, s->next ? s->next : s->name);
    }
    return IG_OK;
}

static ig_status make_start(training *t, pb_graph *g)
{
    const pb_graph *from = t->own->initialization ? t->own->initialization : &empty;
    *g = *from;
    g->n_output = 0;
    if (from->n_input)
        return ig_fail(IG_INVALID_GRAPH,
                       "its initialization has %zu inputs, expected "
                       "none",
                       from->n_input);
    IG_TRY(JOIN(t, g, from, &empty, initializer, t->states.n, NULL));
    for (size_t i = 0; i < t->states.n; i++) {
        const state *s = &t->states.p[i];
        const char *value = s->first;
        if (!value) { /* the initialiser, under a name that is not taken */
            size_t n = strlen(s->name) + sizeof(".start");
            pb_tensor *own = igi_arena_dup(&t->b->arena, s->t, sizeof(*own));
            char *name = igi_arena_alloc(&t->b->arena, n);
            if (!own || !name)
                return IG_OUT_OF_MEMORY;
            (void)snprintf(name, n, "%s.start", s->name);
            own->name = name;
            g->initializer[g->n_initializer++] = own;
            value = name;
        }
        add_end(t, s, s->name, value);
    }
    return IG_OK;
}

static ig_status replace_graph(training *t, bool start)
{
    igi_onnx_build *b = t->b;
    pb_model *m = igi_arena_dup(&b->arena, b->model, sizeof(*m));
    pb_graph *g = igi_arena_alloc(&b->arena, sizeof(*g));
    IG_TRY(gather(t));
    b->ends = igi_arena_array(&b->arena, t->states.n + 1, sizeof(*b->ends));
    if (!m || !g || !b->ends)
        return IG_OUT_OF_MEMORY;
    if (!t->states.n)
        return ig_fail(IG_INVALID_GRAPH, "it updates and initialises nothing");
    IG_TRY(start ? make_start(t, g) : make_step(t, g));
    m->graph = g;
    b->model = m;
    return IG_OK;
}

ig_status igi_onnx_training(igi_onnx_build *b, int i, bool start)
{
    const pb_model *m = b->model;
    training t = {.b = b};
    if (i < 0 || (size_t)i >= m->n_training_info)
        return ig_fail(IG_NOT_FOUND, "there is no training_info %d, the model has %zu",
                       i, m->n_training_info);
    if (!m->graph)
        return ig_fail(IG_INVALID_GRAPH, "the model has no graph");
    t.own = m->training_info[i];
    t.algorithm = t.own->algorithm ? t.own->algorithm : &empty;
    ig_status rc = replace_graph(&t, start);
    igi_map_fini(&t.tensors);
    igi_map_fini(&t.known);
    igi_map_fini(&t.bound);
    IGI_VEC_FREE(&t.states);
    return rc == IG_OK ? IG_OK : ig_fail_context("training_info %d", i);
}
