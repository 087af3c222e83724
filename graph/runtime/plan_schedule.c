/* Third phase of a plan: which thread runs a step, when, and where the team meets.
 *
 * Normally steps run in graph order: serial ones on thread 0, large ones on all
 * threads, with a barrier between any two that are not both on thread 0. A step's time
 * is its index.
 *
 * With parallel branches, steps get epochs: a step stays in the epoch and on the thread
 * of its only predecessor when that has no other reader (a chain), and otherwise begins
 * an epoch after all its predecessors on the least loaded thread. Steps are then sorted
 * by epoch; the team meets where the epoch changes, and memory may only be reused
 * across epochs. */
#include "graph/runtime/plan.h"

bool igi_step_before(const igi_plan *p, uint32_t a, uint32_t b)
{
    const igi_step *x = &p->step[a], *y = &p->step[b];
    if (a >= b)
        return false;
    return x->time < y->time ||
           (x->mode == IGI_SERIAL && y->mode == IGI_SERIAL && x->who == y->who);
}

static bool is_apart(const igi_step *s)
{
    return s->mode == IGI_OUTSIDE || s->mode == IGI_LATE;
}

static void in_order(igi_plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        igi_step *s = &p->step[i];
        const igi_step *before = i ? &p->step[i - 1] : NULL;
        s->time = i;
        s->who = 0;
        s->barrier = before && !is_apart(before) && !is_apart(s) &&
                     (s->mode == IGI_TEAM || before->mode == IGI_TEAM);
    }
}

/* ---- epochs ---- */

typedef struct scene {
    igi_plan *p;
    uint32_t *writer;  /* per root value: step + 1 that made it */
    uint32_t *readers; /* per step: how many steps read what it made */
    int64_t load[256]; /* per thread */
} scene;

static void count_readers(scene *s)
{
    igi_plan *p = s->p;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const igi_step *step = &p->step[i];
        for (int j = 0; j < step->k.n_in; j++) {
            uint32_t w = step->in[j] ? s->writer[p->value[step->in[j]].root] : 0;
            if (w)
                s->readers[w - 1]++;
        }
        for (int j = 0; j < step->k.n_out; j++)
            if (step->out[j])
                s->writer[p->value[step->out[j]].root] = i + 1;
    }
}

static uint16_t least_loaded(const scene *s)
{
    int best = 0, n = s->p->net->threads < 256 ? s->p->net->threads : 256;
    for (int t = 1; t < n; t++)
        if (s->load[t] < s->load[best])
            best = t;
    return (uint16_t)best;
}

static void place(scene *s, uint32_t i, uint32_t *floor)
{
    igi_plan *p = s->p;
    igi_step *step = &p->step[i];
    uint32_t after = *floor;
    const igi_step *only = NULL;
    int n_before = 0;
    for (int j = 0; j < step->k.n_in; j++) {
        uint32_t w = step->in[j] ? s->writer[p->value[step->in[j]].root] : 0;
        if (!w)
            continue;
        const igi_step *b = &p->step[w - 1];
        n_before += b != only;
        only = b;
        if (s->readers[w - 1] > 1)
            n_before = 2;
        after = b->time + 1 > after ? b->time + 1 : after;
    }
    if (step->mode == IGI_SERIAL && n_before == 1 && only->mode == IGI_SERIAL &&
        only->time >= *floor) {
        step->time = only->time; /* the chain goes on */
        step->who = only->who;
    } else {
        step->time = after;
        step->who = step->mode == IGI_SERIAL ? least_loaded(s) : 0;
    }
    s->load[step->who] += step->work + 1000;
    if (is_apart(step)) { /* alone: after everything before, before everything after */
        for (uint32_t j = 0; j < i; j++)
            if (p->step[j].time + 1 > step->time)
                step->time = p->step[j].time + 1;
        *floor = step->time + 1;
    }
}

/* Stable counting sort by time: epochs are dense enough. */
static ig_status sort_steps(igi_plan *p)
{
    uint32_t epochs = 0, at = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        epochs = p->step[i].time + 1 > epochs ? p->step[i].time + 1 : epochs;
    igi_step *sorted = igi_alloc_array(p->n_steps ? p->n_steps : 1, sizeof(*sorted));
    uint32_t *first = igi_calloc((size_t)epochs + 1, sizeof(*first));
    if (!sorted || !first) {
        igi_free(sorted);
        igi_free(first);
        return IG_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < p->n_steps; i++)
        first[p->step[i].time + 1]++;
    for (uint32_t e = 0; e < epochs; e++)
        first[e + 1] += first[e];
    for (uint32_t i = 0; i < p->n_steps; i++) {
        at = first[p->step[i].time]++;
        sorted[at] = p->step[i];
    }
    igi_free(first);
    igi_free(p->step);
    p->step = sorted;
    p->cap_steps = p->n_steps ? p->n_steps : 1;
    return IG_OK;
}

/* The team meets where the epoch changes and before every team step: team steps share
 * scratch, and a thread that has failed must not leave the others alone in one. */
static void set_barriers(igi_plan *p)
{
    for (uint32_t i = 1; i < p->n_steps; i++) {
        igi_step *s = &p->step[i];
        const igi_step *before = &p->step[i - 1];
        s->barrier = !is_apart(before) && !is_apart(s) &&
                     (s->time != before->time || s->mode == IGI_TEAM);
    }
}

static ig_status by_epochs(igi_plan *p)
{
    scene s = {.p = p};
    s.writer = igi_calloc(p->n_values, sizeof(*s.writer));
    s.readers = igi_calloc((size_t)p->n_steps + 1, sizeof(*s.readers));
    ig_status rc = s.writer && s.readers ? IG_OK : IG_OUT_OF_MEMORY;
    uint32_t floor = 0;
    if (rc == IG_OK) {
        count_readers(&s);
        for (uint32_t i = 0; i < p->n_steps; i++)
            place(&s, i, &floor);
        rc = sort_steps(p);
        set_barriers(p);
    }
    igi_free(s.writer);
    igi_free(s.readers);
    return rc;
}

ig_status igi_plan_schedule(igi_plan *p)
{
    bool ordered = !p->net->parallel_branches || p->net->threads < 2;
    for (uint32_t v = 1; v < p->n_values && !ordered; v++)
        ordered = p->value[v].mutated; /* writes in place tie steps to their order */
    in_order(p);
    if (!ordered)
        IG_TRY(by_epochs(p));
    p->all_serial = true;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const igi_step *s = &p->step[i];
        p->has_team = p->has_team || s->mode == IGI_TEAM || s->who != 0;
        p->all_serial = p->all_serial && s->mode == IGI_SERIAL && s->who == 0;
        p->has_random = p->has_random || (s->k.op && s->k.op->flags & IG_OP_RANDOM);
    }
    return IG_OK;
}
