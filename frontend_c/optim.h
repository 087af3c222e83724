/* The insides of an optimiser. */
#ifndef FRONTEND_C_OPTIM_H
#define FRONTEND_C_OPTIM_H

#include <ingot/nn.h>

/* Makes what is made at the first step otherwise, and visits all that a step reads and
 * changes: the learning rate ("lr"), the step counter ("step"), and per parameter the
 * moments or velocity, with `of` that parameter and NULL otherwise. */
typedef ig_status (*igi_optim_visit)(void *user,
                                     const char *what,
                                     ig_tensor *t,
                                     const ig_tensor *of);
ig_status igi_optim_state(ig_optim *o, igi_optim_visit visit, void *user);
ig_ctx *igi_optim_ctx(const ig_optim *o);

#endif
