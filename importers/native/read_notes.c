/* The NOTES section: for each subject (the graph, a node, a value) its notes, and the
 * type that was declared for a value. */
#include "graph/ir/note.h"

#include <string.h>

#include "importers/native/reader.h"

enum { ON_GRAPH, ON_NODE, ON_VALUE };

static ig_status
find_subject(igi_native_reader *r, igi_notes **list, ig_value_id *value)
{
    uint8_t on;
    uint32_t number;
    IG_TRY(igi_native_take_u8(r, &on));
    IG_TRY(igi_native_take_u32(r, &number));
    *value = (ig_value_id){0};
    *list = NULL;
    if (on == ON_GRAPH && number == 0) {
        *list = &r->g->own_notes;
    } else if (on == ON_NODE && number > 0 && number <= r->g->order.n) {
        *list = &igi_node_at(r->g, r->g->order.p[number - 1])->notes;
    } else if (on == ON_VALUE && number > 0 && number < r->values.n) {
        *value = r->values.p[number];
        *list = &igi_value_at(r->g, *value)->notes;
    }
    if (!*list || (*list)->first)
        return igi_native_damaged(r, "notes belong to nothing, or stand twice");
    return IG_OK;
}

static ig_status take_declared(igi_native_reader *r, ig_value_id v)
{
    uint8_t declared;
    ig_type t = {0};
    bool agree = true;
    IG_TRY(igi_native_take_u8(r, &declared));
    if (!declared)
        return IG_OK;
    IG_TRY(igi_native_take_type(r, &t));
    ig_status rc = v.i ? igi_graph_declare(r->g, v, &t, &agree) : IG_OK;
    igi_type_fini(&t);
    if (rc != IG_OK || !v.i || !agree)
        return igi_native_damaged(r, "a declared type is not the value's");
    igi_value_at(r->g, v)->declared = true;
    return IG_OK;
}

static ig_status take_note(igi_native_reader *r, igi_notes *list)
{
    uint8_t kind;
    uint32_t bytes;
    const char *key;
    IG_TRY(igi_native_take_u8(r, &kind));
    IG_TRY(igi_native_take_str(r, false, &key));
    IG_TRY(igi_native_take_count(r, 1, &bytes));
    if (!igi_note_name(kind))
        return igi_native_damaged(r, "a note is of no kind");
    IG_TRY(igi_note_add(r->g, list, (igi_note_kind)kind, key, r->at, bytes));
    r->at += bytes;
    return IG_OK;
}

ig_status igi_native_take_notes(igi_native_reader *r)
{
    uint32_t subjects, n;
    if (!r->notes)
        return IG_OK;
    r->at = r->notes;
    r->end = r->notes_end;
    IG_TRY(igi_native_take_count(r, 10, &subjects));
    for (uint32_t i = 0; i < subjects; i++) {
        igi_notes *list;
        ig_value_id v;
        IG_TRY(find_subject(r, &list, &v));
        IG_TRY(take_declared(r, v));
        IG_TRY(igi_native_take_count(r, 9, &n));
        for (uint32_t k = 0; k < n; k++)
            IG_TRY(take_note(r, list));
    }
    return r->at == r->end ? IG_OK : igi_native_damaged(r, "bytes follow the notes");
}
