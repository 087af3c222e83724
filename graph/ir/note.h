/* Notes: what files say about a graph, its nodes and values that no operator reads.
 * They are kept, saved again and counted by `ingot info`; passes do not look at them,
 * so a node that a pass replaces takes its notes along. */
#ifndef GRAPH_IR_NOTE_H
#define GRAPH_IR_NOTE_H

#include "graph/ir/graph.h"

/* ORDER: note (names in note.c; numbers are those of .ingot files). Values are text
 * except where they are said to be bytes. */
typedef enum igi_note_kind {
    IGI_NOTE_DOC = 1,       /* of the subject; no key */
    IGI_NOTE_META,          /* one of its metadata properties */
    IGI_NOTE_TENSOR_DOC,    /* of a constant's tensor rather than of the value */
    IGI_NOTE_TENSOR_META,   /* the same */
    IGI_NOTE_QUANTIZATION,  /* value: key "SCALE_TENSOR", the name of a value */
    IGI_NOTE_MODEL,         /* graph: "domain", "model_version" */
    IGI_NOTE_DEVICES,       /* node: bytes of an ONNX NodeDeviceConfigurationProto */
    IGI_NOTE_CONFIGURATION, /* graph: bytes of an ONNX DeviceConfigurationProto */
    IGI_NOTE_TRAINING,      /* graph: bytes of an ONNX TrainingInfoProto */
    IGI_NOTE_KINDS
} igi_note_kind;

/* "doc", "metadata", ... */
const char *igi_note_name(int kind);
/* Whether the value is text. */
bool igi_note_is_text(int kind);
/* Appends to a subject's list (of the graph, a node or a value); copies. key may be
 * NULL. */
ig_status igi_note_add(ig_graph *g,
                       igi_notes *list,
                       igi_note_kind kind,
                       const char *key,
                       const void *value,
                       size_t bytes);
/* Appends all notes of a list of another graph. */
ig_status igi_notes_copy(ig_graph *dst,
                         igi_notes *list,
                         const ig_graph *src,
                         const igi_notes *from);
/* The notes of a value, and the type that was declared for it. */
ig_status igi_notes_copy_value(ig_graph *dst,
                               ig_value_id to,
                               const ig_graph *src,
                               ig_value_id from);
static inline const igi_note *igi_note_at(const ig_graph *g, uint32_t i)
{
    return &g->notes.p[i];
}
/* for (uint32_t i = list->first; i; i = igi_note_at(g, i)->next) */

/* A type that a file declares for a value: an unknown rank becomes known, and unknown
 * dims get its names as labels (igi_symtab_label): files name the rows that NonZero
 * finds as the batch. Numbers that a node does not make for sure stay unknown. *agree:
 * false when known dims differ; the value keeps its own. Errors: INVALID_GRAPH when the
 * kind or element type differs. */
ig_status
igi_graph_declare(ig_graph *g, ig_value_id v, const ig_type *type, bool *agree);

#endif
