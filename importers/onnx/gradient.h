/* The operator Gradient, which names values by attributes. */
#ifndef IMPORTERS_ONNX_GRADIENT_H
#define IMPORTERS_ONNX_GRADIENT_H

#include "importers/onnx/frame.h"

bool igi_onnx_is_gradient(const pb_node *node);

typedef struct igi_onnx_names { /* xs, then zs, then y */
    const char **v;
    size_t n_xs, n_from, n; /* ends of xs and zs; all */
} igi_onnx_names;
ig_status igi_onnx_gradient_names(igi_arena *arena,
                                  const igi_onnx_attr *attrs,
                                  size_t n_attrs,
                                  igi_onnx_names *out);

/* Fills n->out with the derivatives. */
ig_status igi_onnx_gradient(igi_onnx_node *n, igi_onnx_frame *f);

#endif
