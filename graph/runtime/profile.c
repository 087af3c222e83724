/* Profiles: one span per step, and sums by node, and by operator and kernel. */
#include "graph/runtime/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/runtime/select.h"

#define EVENTS_MAX 20000 /* spans of bodies that a trace keeps */

typedef struct row { /* all steps of one operator on one kernel */
    const char *op, *kernel;
    int count;
    double seconds;
} row;

ig_status
igi_profile_new(igi_profile **out, const igi_plan *p, const igi_profile *outer)
{
    igi_profile *f = *out = igi_calloc(1, sizeof(*f));
    if (f) {
        f->plan = p;
        f->step = igi_calloc((size_t)p->n_steps + 1, sizeof(*f->step));
        f->inside = igi_calloc((size_t)p->n_steps + 1, sizeof(*f->inside));
    }
    if (!f || !f->step || !f->inside) {
        igi_profile_free(f);
        *out = NULL;
        return IG_OUT_OF_MEMORY;
    }
    f->root = outer ? outer->root : f;
    f->begin = outer ? outer->begin : igi_now_s();
    return IG_OK;
}

/* Bodies nest at most IGI_BODY_DEPTH levels. */
static void rows_free(igi_profile_rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        rows_free(&r->p[i].inside);
    IGI_VEC_FREE(r);
}

void igi_profile_free(igi_profile *f)
{
    if (!f)
        return;
    for (uint32_t i = 0; f->inside && i < f->plan->n_steps; i++)
        rows_free(&f->inside[i]);
    igi_free(f->inside);
    igi_free(f->step);
    igi_text_fini(&f->events);
    igi_free(f);
}

void igi_json_string(igi_text *out, const char *s)
{
    igi_text_add_bytes(out, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            igi_text_add(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            igi_text_add(out, "\\u%04x", c);
        else
            igi_text_add_bytes(out, s, 1);
    }
    igi_text_add_bytes(out, "\"", 1);
}

static const char *op_of(const igi_plan *p, const igi_step *s)
{
    return s->node.i ? igi_node_at(p->net->graph, s->node)->op->def->name : "copy";
}

static const char *name_of(const igi_plan *p, const igi_step *s)
{
    return s->node.i ? igi_node_at(p->net->graph, s->node)->name : "copy";
}

static const char *kernel_of(const igi_plan *p, const igi_step *s)
{
    if (s->mode == IGI_LATE || s->node.i)
        return s->mode == IGI_LATE ? "late" : igi_kernel_name(s->kernel);
    int from = igi_plan_space_of(p, s->in[0]), to = igi_plan_space_of(p, s->out[0]);
    return from == to ? "copy" : to == IGI_THERE ? "to the device" : "to the host";
}

static void add_shapes(igi_text *out, const igi_plan *p, const igi_step *s)
{
    char text[256];
    for (int i = 0; i < s->k.n_in; i++) {
        igi_text_add(out, "%s", i ? ", " : "");
        igi_text_add(out, "%s",
                     s->in[i] ? igi_type_print(&p->value[s->in[i]].type, NULL, text,
                                               sizeof(text))
                              : "-");
    }
}

/* `under`: the node whose body it is of, or NULL. */
static void
add_event(igi_text *out, const igi_profile *f, uint32_t i, const char *under)
{
    const igi_plan *p = f->plan;
    const igi_step *s = &p->step[i];
    const igi_span_time *t = &f->step[i];
    const igi_node *n = s->node.i ? igi_node_at(p->net->graph, s->node) : NULL;
    igi_text_add(out, "{\"ph\": \"X\", \"pid\": 1, \"tid\": %d, \"name\": ", t->tid);
    igi_json_string(out, name_of(p, s));
    igi_text_add(out, ", \"cat\": \"%s\", \"ts\": ", op_of(p, s));
    igi_text_real(out, "%.3f", (t->begin - f->begin) * 1e6);
    igi_text_add(out, ", \"dur\": ");
    igi_text_real(out, "%.3f", (t->end - t->begin) * 1e6);
    igi_text_add(out, ", \"args\": {\"kernel\": ");
    igi_json_string(out, kernel_of(p, s));
    if (n && n->origin) {
        igi_text_add(out, ", \"origin\": ");
        igi_json_string(out, n->origin);
    }
    if (under) {
        igi_text_add(out, ", \"inside\": ");
        igi_json_string(out, under);
    }
    igi_text_add(out, ", \"inputs\": \"");
    add_shapes(out, p, s);
    igi_text_add(out, "\"}}");
}

/* ---- bodies ---- */

static igi_profile_row *
row_of(igi_profile_rows *r, const char *name, const char *op, const char *kernel)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->p[i].name == name && strcmp(r->p[i].kernel, kernel) == 0)
            return &r->p[i];
    igi_profile_row one = {.name = name, .op = op, .kernel = kernel};
    return IGI_PUSH(r, one) ? &r->p[r->n - 1] : NULL;
}

static ig_status rows_add(igi_profile_rows *to, const igi_profile_rows *from)
{
    for (size_t i = 0; i < from->n; i++) {
        const igi_profile_row *x = &from->p[i];
        igi_profile_row *y = row_of(to, x->name, x->op, x->kernel);
        if (!y)
            return IG_OUT_OF_MEMORY;
        y->count += x->count;
        y->seconds += x->seconds;
        IG_TRY(rows_add(&y->inside, &x->inside));
    }
    return IG_OK;
}

static void add_events(igi_profile *root, const igi_profile *body, const char *under)
{
    for (uint32_t i = 0; i < body->plan->n_steps && root->n_events < EVENTS_MAX; i++) {
        if (body->step[i].begin == 0)
            continue;
        igi_text_add(&root->events, ",\n");
        add_event(&root->events, body, i, under);
        root->n_events++;
    }
}

ig_status igi_profile_add(igi_profile *outer, const igi_profile *body)
{
    const igi_plan *p = body->plan;
    igi_profile_rows *to = &outer->inside[outer->now];
    add_events(outer->root, body, name_of(outer->plan, &outer->plan->step[outer->now]));
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const igi_step *s = &p->step[i];
        if (body->step[i].begin == 0)
            continue;
        igi_profile_row *r = row_of(to, name_of(p, s), op_of(p, s), kernel_of(p, s));
        if (!r)
            return IG_OUT_OF_MEMORY;
        r->count++;
        r->seconds += body->step[i].end - body->step[i].begin;
        IG_TRY(rows_add(&r->inside, &body->inside[i]));
    }
    return IG_OK;
}

static void put_row(igi_text *out, const igi_profile_row *r);

static void put_rows(igi_text *out, const igi_profile_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        igi_text_add(out, "%s", i ? ",\n" : "");
        put_row(out, &rows->p[i]);
    }
}

static void put_row(igi_text *out, const igi_profile_row *r)
{
    igi_text_add(out, "{\"name\": ");
    igi_json_string(out, r->name);
    igi_text_add(out, ", \"op\": \"%s\", \"kernel\": ", r->op);
    igi_json_string(out, r->kernel);
    igi_text_add(out, ", \"count\": %lld, \"ms\": ", (long long)r->count);
    igi_text_real(out, "%.6f", r->seconds * 1e3);
    if (r->inside.n) {
        igi_text_add(out, ", \"inside\": [\n");
        put_rows(out, &r->inside);
        igi_text_add(out, "]");
    }
    igi_text_add(out, "}");
}

static void put_nodes(igi_text *out, const igi_profile *f)
{
    const igi_plan *p = f->plan;
    igi_text_add(out, "\"nodes\": [\n");
    for (uint32_t i = 0, some = 0; i < p->n_steps; i++) {
        const igi_step *s = &p->step[i];
        if (f->step[i].begin == 0)
            continue;
        igi_text_add(out, "%s", some++ ? ",\n" : "");
        put_row(out, &(igi_profile_row){.name = name_of(p, s),
                                        .op = op_of(p, s),
                                        .kernel = kernel_of(p, s),
                                        .count = 1,
                                        .seconds = f->step[i].end - f->step[i].begin,
                                        .inside = f->inside[i]});
    }
    igi_text_add(out, "],\n");
}

/* ---- the whole ---- */

static int slowest_first(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return x->seconds < y->seconds   ? 1
           : x->seconds > y->seconds ? -1
                                     : strcmp(x->op, y->op);
}

/* Sums per (operator, kernel); *n rows, freed by the caller. */
static row *summarise(const igi_profile *f, size_t *n)
{
    const igi_plan *p = f->plan;
    row *rows = igi_calloc((size_t)p->n_steps + 1, sizeof(*rows));
    *n = 0;
    for (uint32_t i = 0; rows && i < p->n_steps; i++) {
        const igi_step *s = &p->step[i];
        size_t r = 0;
        while (r < *n && (strcmp(rows[r].op, op_of(p, s)) != 0 ||
                          strcmp(rows[r].kernel, kernel_of(p, s)) != 0))
            r++;
        if (r == *n)
            rows[(*n)++] = (row){op_of(p, s), kernel_of(p, s), 0, 0};
        rows[r].count++;
        rows[r].seconds += f->step[i].end - f->step[i].begin;
    }
    if (rows)
        qsort(rows, *n, sizeof(*rows), slowest_first);
    return rows;
}

ig_status igi_profile_json(const igi_profile *f, igi_text *out)
{
    const igi_plan *p = f->plan;
    size_t n;
    row *rows = summarise(f, &n);
    if (!rows)
        return IG_OUT_OF_MEMORY;
    igi_text_add(out, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n");
    for (uint32_t i = 0, some = 0; i < p->n_steps; i++) {
        if (f->step[i].begin == 0)
            continue;
        igi_text_add(out, "%s", some++ ? ",\n" : "");
        add_event(out, f, i, NULL);
    }
    if (f->events.n)
        igi_text_add_bytes(out, f->events.p, f->events.n);
    igi_text_add(out, "],\n");
    put_nodes(out, f);
    igi_text_add(out, "\"summary\": [\n");
    for (size_t r = 0; r < n; r++) {
        igi_text_add(out, "%s{\"op\": \"%s\", \"kernel\": ", r ? ",\n" : "",
                     rows[r].op);
        igi_json_string(out, rows[r].kernel);
        igi_text_add(out, ", \"count\": %d, \"ms\": ", rows[r].count);
        igi_text_real(out, "%.6f", rows[r].seconds * 1e3);
        igi_text_add(out, "}");
    }
    igi_text_add(out, "]}\n");
    igi_free(rows);
    return out->failed ? IG_OUT_OF_MEMORY : IG_OK;
}

static ig_status write_all(int fd, const char *s, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, s, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return ig_fail(IG_IO, "%s", strerror(errno));
        s += w;
        n -= (size_t)w;
    }
    return IG_OK;
}

ig_status igi_profile_write(const igi_profile *f, const char *path)
{
    igi_text text = {0};
    ig_status rc = igi_profile_json(f, &text);
    int fd = -1;
    if (rc == IG_OK) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        rc = fd < 0 ? ig_fail(IG_IO, "%s", strerror(errno))
                    : write_all(fd, text.p, text.n);
    }
    if (fd >= 0 && close(fd) && rc == IG_OK)
        rc = ig_fail(IG_IO, "%s", strerror(errno));
    igi_text_fini(&text);
    return rc == IG_OK ? IG_OK
                       : ig_fail_context("the profile cannot be written to '%s'", path);
}
