/* State of modules in files: all parameters and buffers by their full names.
 *
 * Loading is all or nothing. The file's tensors are first matched with the module's by
 * name; only when all that has to fit does, contents are copied into the tensors that
 * are there, so that optimisers and layers keep them, and their versions rise, so that
 * a tape that saved old contents refuses to use them. */
#include <stdio.h>
#include <string.h>

#include "frontend_c/module.h"
#include "graph/core/alloc.h"
#include "graph/core/map.h"

ig_status ig_module_save(ig_module *m, const char *path)
{
    igi_error_clear();
    if (!m)
        return ig_fail(IG_INVALID_ARGUMENT, "%s: there is no module to save", path);
    ig_params state = ig_module_state(m);
    if (!state.v && m->changed) /* the list could not be made */
        return ig_error_status();
    return igi_state_write(path, state.names, state.v, state.n);
}

/* ---- loading ---- */

typedef struct loading {
    ig_params state;
    igi_map index;    /* name -> 1 + index into state */
    ig_tensor **from; /* per tensor of the module: the file's, counted; NULL: missing */
    ig_load_report report;
    size_t text; /* length of report.text */
    int misfits;
    char misfit[512]; /* the first that does not fit */
} loading;

/* "missing fc1.weight, fc1.bias; unexpected fc9.bias"; what does not fit is cut. */
static void note(loading *l, const char *before, const char *name)
{
    char *at = l->report.text + l->text;
    size_t room = sizeof(l->report.text) - l->text;
    int n = snprintf(at, room, "%s%s", before, name);
    if (n > 0 && (size_t)n < room)
        l->text += (size_t)n;
    else
        *at = 0;
}

static void check_fit(loading *l, int i, const ig_tensor *t)
{
    const ig_tensor *own = l->state.v[i];
    char a[160], b[160];
    const char *why = "";
    if (igi_type_equal(&own->v.type, &t->v.type)) {
        if (!(own->st->flags & IGI_READONLY))
            return;
        why = ", whose memory is read-only";
    }
    if (l->misfits++ == 0)
        (void)snprintf(l->misfit, sizeof(l->misfit),
                       "%.128s is %s in the file, %s in the module%s",
                       l->state.names[i],
                       igi_type_print(&t->v.type, NULL, a, sizeof(a)),
                       igi_type_print(&own->v.type, NULL, b, sizeof(b)), why);
}

static ig_status take_tensor(void *user, const char *name, ig_tensor *t)
{
    loading *l = user;
    uint32_t at = igi_map_get(&l->index, name);
    if (!at) {
        note(l, l->report.unexpected++ ? ", " : "unexpected ", name);
        return IG_OK;
    }
    l->from[at - 1] = ig_tensor_ref(t);
    check_fit(l, (int)at - 1, t);
    return IG_OK;
}

static void note_missing(loading *l)
{
    for (int i = 0; i < l->state.n; i++) {
        if (l->from[i])
            continue;
        const char *before = l->report.missing++ ? ", "
                             : l->text           ? "; missing "
                                                 : "missing ";
        note(l, before, l->state.names[i]);
    }
}

static ig_status verdict(const loading *l, bool strict, const char *path)
{
    const ig_load_report *r = &l->report;
    if (l->misfits)
        return ig_fail(IG_INVALID_ARGUMENT, "%s: %d of %d tensors do not fit: %s", path,
                       l->misfits, l->state.n, l->misfit);
    if (strict && (r->missing || r->unexpected))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: %d missing, %d unexpected: %.700s; pass a report to load "
                       "what is there",
                       path, r->missing, r->unexpected, r->text);
    return IG_OK;
}

static ig_status copy_in(loading *l)
{
    for (int i = 0; i < l->state.n; i++) {
        if (!l->from[i])
            continue;
        l->state.v[i]->st->version++;
        IG_TRY(igi_tensor_copy_into(l->state.v[i], l->from[i]));
        l->report.loaded++;
    }
    return IG_OK;
}

static ig_status prepare(loading *l, ig_module *m)
{
    l->state = ig_module_state(m);
    if (!l->state.v && m->changed)
        return ig_error_status();
    l->from = igi_calloc((size_t)l->state.n, sizeof(ig_tensor *));
    if (!l->from)
        return IG_OUT_OF_MEMORY;
    for (int i = 0; i < l->state.n; i++)
        IG_TRY(igi_map_put(&l->index, l->state.names[i], (uint32_t)i + 1));
    return IG_OK;
}

ig_status ig_module_load(ig_module *m, const char *path, ig_load_report *report)
{
    loading l = {0};
    igi_error_clear();
    if (report)
        *report = l.report;
    if (!m)
        return ig_fail(IG_INVALID_ARGUMENT, "%s: there is no module to load into",
                       path);
    if (m->c->trace)
        return ig_fail(IG_UNSUPPORTED, "%s: loading a state cannot be traced", path);
    ig_status rc = prepare(&l, m);
    if (rc == IG_OK)
        rc = igi_state_read(path, take_tensor, &l);
    if (rc == IG_OK) {
        note_missing(&l);
        rc = verdict(&l, !report, path);
    }
    if (rc == IG_OK)
        rc = copy_in(&l);
    for (int i = 0; l.from && i < l.state.n; i++)
        ig_tensor_unref(l.from[i]);
    igi_free(l.from);
    igi_map_fini(&l.index);
    if (report)
        *report = l.report;
    return rc;
}
