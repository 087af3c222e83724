/* Where eager tensors lie. */
#ifndef FRONTEND_C_PLACE_H
#define FRONTEND_C_PLACE_H

#include "frontend_c/ctx.h"

/* A tensor just made on the host goes where new tensors of this context live. `t` and
 * the result belong to the scope; NULL gives NULL. */
ig_tensor *igi_settle_new(ig_ctx *c, const char *where, ig_tensor *t);
/* The counted tensor *t moves to where `like` lies; without history. */
ig_status igi_place_like(ig_ctx *c, ig_tensor **t, const ig_tensor *like);

#endif
