/* Operators with faulty or absent gradients, and a registry of them and the built-in
 * ones. All take and give one float64 tensor. */
#ifndef TESTS_FRONTEND_C_ODD_OPS_H
#define TESTS_FRONTEND_C_ODD_OPS_H

#include <ingot/ingot.h>

/* test::WrongShape   its gradient has one element too many
 * test::WrongType    its gradient is float32
 * test::Todo         differentiable, no rule written
 * test::Forbidden    asking for its gradient is an error
 * test::Undeclared   its rule reads an input that it does not save
 * test::Watch        identity; its rule reports the bytes alive to odd_watch
 * test::GivesSaved   identity; its rule gives the saved input as the gradient */
ig_status odd_registry(ig_registry **out);
void odd_registry_free(ig_registry *r);

extern void (*odd_watch)(void);

#endif
