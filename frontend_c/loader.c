/* Batches from tensors in memory: a permutation per epoch, rows copied into two kept
 * tensors. */
#include <string.h>

#include "frontend_c/ctx.h"
#include "graph/core/alloc.h"
#include "graph/core/rng.h"

struct ig_loader {
    ig_ctx *c;
    ig_tensor *x, *y;             /* counted, contiguous */
    ig_tensor *batch_x, *batch_y; /* of the latest call */
    ig_loader_opts o;
    int64_t n, at;
    int epoch;
    int64_t *order;
};

/* SplitMix64, seeded by (seed, epoch). */
static uint64_t next_random(uint64_t *state)
{
    return igi_mix64(*state += IGI_RNG_STEP);
}

/* Fisher and Yates. */
static void shuffle(ig_loader *l)
{
    uint64_t state =
        l->o.seed * UINT64_C(0x2545F4914F6CDD1D) + (uint64_t)(uint32_t)l->epoch;
    for (int64_t i = 0; i < l->n; i++)
        l->order[i] = i;
    for (int64_t i = l->n - 1; !l->o.no_shuffle && i > 0; i--) {
        int64_t k = (int64_t)(next_random(&state) % (uint64_t)(i + 1)), t = l->order[i];
        l->order[i] = l->order[k];
        l->order[k] = t;
    }
}

static ig_status keep_contiguous(ig_tensor **out, ig_tensor *t)
{
    return igi_tensor_readable(out, t);
}

static ig_status loader_fill(ig_loader *l, ig_tensor *x, ig_tensor *y)
{
    if (!x || x->v.type.rank < 1 ||
        (y && (y->v.type.rank < 1 || ig_tensor_dim(y, 0) != ig_tensor_dim(x, 0))))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "a loader needs tensors with one common first dim");
    l->n = ig_tensor_dim(x, 0);
    if (l->o.batch <= 0)
        l->o.batch = 32;
    if (l->o.epochs <= 0)
        l->o.epochs = 1;
    l->order = igi_alloc_array((size_t)l->n + 1, sizeof(*l->order));
    if (!l->order)
        return IG_OUT_OF_MEMORY;
    IG_TRY(keep_contiguous(&l->x, x));
    if (y)
        IG_TRY(keep_contiguous(&l->y, y));
    shuffle(l);
    return IG_OK;
}

ig_loader *
ig_loader_new(ig_ctx *c, ig_tensor *x, ig_tensor *y, const ig_loader_opts *opts)
{
    if (c->status != IG_OK)
        return NULL;
    ig_loader *l = igi_calloc(1, sizeof(*l));
    ig_status rc = l ? IG_OK : IG_OUT_OF_MEMORY;
    if (l) {
        l->c = c;
        if (opts)
            l->o = *opts;
        rc = loader_fill(l, x, y);
    }
    if (rc == IG_OK)
        return l;
    (void)igi_ctx_record(c, NULL, rc);
    ig_loader_free(l);
    return NULL;
}

void ig_loader_free(ig_loader *l)
{
    if (!l)
        return;
    ig_tensor_unref(l->x);
    ig_tensor_unref(l->y);
    ig_tensor_unref(l->batch_x);
    ig_tensor_unref(l->batch_y);
    igi_free(l->order);
    igi_free(l);
}

static ig_status
take_rows(ig_loader *l, const ig_tensor *src, int64_t n, ig_tensor **out)
{
    int64_t dims[IG_RANK_MAX], row = 1;
    const int64_t one = 1;
    int rank = src->v.type.rank;
    memcpy(dims, ig_type_dims(&src->v.type), sizeof(int64_t) * (size_t)rank);
    dims[0] = n;
    for (int i = 1; i < rank; i++)
        row *= dims[i];
    ig_tensor_unref(*out);
    *out = NULL;
    IG_TRY(ig_tensor_new(out, (ig_dtype)src->v.type.dtype, rank, dims));
    for (int64_t i = 0; i < n; i++)
        igi_copy_nd((ig_dtype)src->v.type.dtype, 1, &row, (*out)->data, i * row, &one,
                    src->data, l->order[l->at + i] * row, &one);
    return IG_OK;
}

bool ig_loader_next(ig_loader *l, ig_tensor **x, ig_tensor **y)
{
    if (!l || l->c->status != IG_OK)
        return false;
    int64_t left = l->n - l->at;
    if (left <= 0 || (l->o.drop_last && left < l->o.batch)) {
        if (l->epoch + 1 >= l->o.epochs || l->n == 0 ||
            (l->o.drop_last && l->n < l->o.batch))
            return false;
        l->epoch++;
        l->at = 0;
        shuffle(l);
        left = l->n;
    }
    int64_t n = left < l->o.batch ? left : l->o.batch;
    ig_status rc = take_rows(l, l->x, n, &l->batch_x);
    if (rc == IG_OK && l->y)
        rc = take_rows(l, l->y, n, &l->batch_y);
    if (igi_ctx_record(l->c, NULL, rc) != IG_OK)
        return false;
    l->at += n;
    *x = l->batch_x;
    if (y)
        *y = l->batch_y;
    return true;
}

int ig_loader_epoch(const ig_loader *l)
{
    return l ? l->epoch : 0;
}
