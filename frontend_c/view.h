/* Views and writes in place under tape and trace (AUTOGRAD rules 1 to 4).
 *
 * A view remembers its base: the tensor that a call looked into, never itself a view of
 * another. Storage and view carry version numbers. A write
 *   - to a tensor that is no view gives it the node (and trace value) of the call; its
 *     views are older than the storage from then on;
 *   - through a view does the same to the view, and its base becomes
 *     ViewWrite(base, what the view holds now).
 * A view that is older than its storage is brought up to date when a call next reads
 * it: it becomes ViewRead(base). Both are ordinary calls, told to the sinks without
 * running, because memory holds the values already. So gradients, traces and saved
 * graphs see functions only. */
#ifndef FRONTEND_C_VIEW_H
#define FRONTEND_C_VIEW_H

#include "frontend_c/ctx.h"

/* After a call of an operator that may give a view: the result remembers its base. */
void igi_view_link(const ig_ctx *c,
                   const ig_call *call,
                   ig_value *const *in,
                   ig_value *const *out);
/* Brings an input of `call` up to date that is older than its storage, or has a history
 * in another context: an error by name where its history is not known. */
ig_status igi_view_refresh(ig_ctx *c, const ig_call *call, int i, ig_tensor *x);

/* The same for a result that no call reads: gradients begin in it, or it leaves a
 * trace. `what` names it in errors. */
ig_status igi_view_settle(ig_ctx *c, const char *where, const char *what, ig_value *v);

/* The inputs of `call` as their storages are now; *changed: one may have got another
 * history. */
static inline ig_status
igi_views_refresh(ig_ctx *c, const ig_call *call, ig_value *const *in, bool *changed)
{
    for (int i = 0; i < call->n_in; i++) {
        ig_tensor *x = (ig_tensor *)in[i];
        if (!x || !(x->v.flags & (IGI_HAS_NODE | IGI_IS_VIEW)))
            continue; /* only tensors with storage have these flags */
        if (x->st->version == x->version &&
            (!(x->v.flags & IGI_HAS_NODE) || x->live == c->tape.live))
            continue;
        IG_TRY(igi_view_refresh(c, call, i, x));
        *changed = true;
    }
    return IG_OK;
}

#endif
